//! Turns broken thresholds and errors of a plan into workflow commands of GitHub Actions, which it
//! shows at the plan's lines.
//!
//! Source: docs.github.com, "Workflow commands for GitHub Actions". It shows ten errors a step; the
//! last one counts the others.

use super::case::{Case, CaseOutcome, rules, thresholds};
use crate::plan::{PlanError, PlanErrors};
use crate::report::foreign::visible;
use crate::store::SavedRun;

/// Errors of one step that GitHub shows.
const MOST: usize = 10;

/// One `::error` line for each threshold that is broken and each rule that makes the run INVALID.
/// `plan` is the path as it was given.
pub fn github(run: &SavedRun, plan: &str) -> Vec<String> {
    let said = |case: &Case| matches!(case.outcome, CaseOutcome::Failed | CaseOutcome::Error);
    let cases: Vec<Case> = thresholds(run).into_iter().chain(rules(run)).filter(said).collect();
    let title = format!("{} {}", run.judgement.verdict, visible(&run.plan.name));
    let mut lines: Vec<String> = cases
        .iter()
        .take(MOST)
        .map(|case| {
            let text = format!("{}: {}", case.name, case.figures);
            error(plan, case.line.map(|line| (line, None)), &title, &text)
        })
        .collect();
    if let Some(more @ 1..) = cases.len().checked_sub(MOST) {
        lines.truncate(MOST - 1);
        lines.push(error(plan, None, &title, &format!("and {} more; see the summary", more + 1)));
    }
    lines
}

/// One `::error` line for each error in a plan, at its line.
pub fn github_plan_errors(errors: &PlanErrors) -> Vec<String> {
    let source = errors.source();
    let place = |at: usize| {
        let before = source.text.get(..at)?;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line_start..].chars().count() + 1;
        Some((before.matches('\n').count() + 1, Some(column)))
    };
    let line = |found: &PlanError| {
        // An argument of the command line has no line.
        let span = found.span.as_ref().filter(|_| found.argument.is_none());
        let place = span.and_then(|span| place(span.start));
        error(&source.name, place, "wrong plan", &visible(&found.message))
    };
    let mut lines: Vec<String> = errors.iter().take(MOST).map(line).collect();
    if let Some(more @ 1..) = errors.count().checked_sub(MOST) {
        lines.truncate(MOST - 1);
        lines.push(error(&source.name, None, "wrong plan", &format!("and {} more", more + 1)));
    }
    lines
}

fn error(plan: &str, place: Option<(usize, Option<usize>)>, title: &str, text: &str) -> String {
    let line = place.map(|(line, _)| format!(",line={line}")).unwrap_or_default();
    let column = place.and_then(|(_, column)| column);
    let column = column.map(|column| format!(",col={column}")).unwrap_or_default();
    let (plan, title) = (property(plan), property(title));
    format!("::error file={plan}{line}{column},title={title}::{}", message(text))
}

/// A message escaped for a workflow command.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property escaped for a workflow command.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan, Source};

    #[test]
    fn commands_keep_what_separates_their_parts() {
        let line = error("a,b:c.toml", Some((3, None)), "FAIL x", "50 % of\nthem: all");
        let want = "::error file=a%2Cb%3Ac.toml,line=3,title=FAIL x::50 %25 of%0Athem: all";
        assert_eq!(line, want);
    }

    #[test]
    fn errors_of_a_plan_stand_at_their_lines() {
        let text = "name = \"x\"\ncolour = \"red\"\n".to_owned();
        let source = Source { name: "p.toml".into(), text };
        let errors = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap_err();
        let lines = github_plan_errors(&errors);
        assert_eq!(lines.len(), errors.count());
        let at = lines.iter().find(|line| line.contains("colour")).unwrap();
        assert!(at.starts_with("::error file=p.toml,line=2,col=1,title=wrong plan::"), "{at}");
    }

    #[test]
    fn the_tenth_error_counts_the_others() {
        let keys: Vec<String> = (0..30).map(|number| format!("k{number} = 1\n")).collect();
        let text = keys.concat();
        let source = Source { name: "p.toml".into(), text };
        let errors = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap_err();
        let lines = github_plan_errors(&errors);
        let more = errors.count() - 9;
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[9], format!("::error file=p.toml,title=wrong plan::and {more} more"));
    }
}
