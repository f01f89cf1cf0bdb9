//! Turns how often a plan is run, and against what in turns, into lines of the page.

use crate::plan::{CompareSettings, DEFAULT_RUNS, Plan};
use crate::report::page::Page;
use crate::units::visible;
use anstyle::Style;
use std::io;

/// A line where the plan is run more than once.
pub(super) fn write_repeated(page: &mut Page<'_>, plan: &Plan) -> io::Result<()> {
    match words(plan) {
        Some(text) => page.hanging("", "  ", &visible(&text), Style::new()),
        None => Ok(()),
    }
}

fn words(plan: &Plan) -> Option<String> {
    let Some(compare) = &plan.compare else {
        return plan
            .repeat
            .map(|runs| format!("repeat: {}, one after the other", self::runs(runs)));
    };
    let runs = runs(plan.repeat.unwrap_or(DEFAULT_RUNS));
    let CompareSettings { margin, points, metrics, .. } = compare;
    let of = if metrics.is_empty() {
        "the default metrics".to_owned()
    } else {
        metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    Some(if compare.is_aa() {
        let side = side(&compare.a);
        format!(
            "compare: A/A, {runs} of each side in turns (A B B A), both {side}: the smallest \
             change that can be seen, by {of}"
        )
    } else {
        format!(
            "compare: {runs} of each side in turns (A B B A), A {}, B {}, margin {margin} \
             ({points} of ratios), by {of}",
            side(&compare.a),
            side(&compare.b),
        )
    })
}

fn runs(number: u64) -> String {
    if number == 1 { "1 run".to_owned() } else { format!("{number} runs") }
}

fn side(targets: &[String]) -> String {
    if targets.is_empty() { "the plan's targets".to_owned() } else { targets.join(" ") }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Overrides, Plan, Source};

    const PLAN: &str = "name = \"p\"\n#top\n[targets.web]\naddress = \"http://127.0.0.1:1/\"\n\
        [scenarios.s]\nprotocol = \"http\"\nstages = [{ rate = \"100/s\", hold = \"5s\" }]\n";

    fn words(top: &str, compare: &str) -> Option<String> {
        let text = PLAN.replace("#top", top) + compare;
        let source = Source { name: "p.toml".to_owned(), text };
        let plan = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap();
        super::words(&plan)
    }

    #[test]
    fn runs_and_sides_are_said() {
        assert_eq!(words("", ""), None);
        assert_eq!(words("repeat = 3", "").as_deref(), Some("repeat: 3 runs, one after the other"));
        let b = "[compare]\nb = { web = [\"http://127.0.0.1:2/\", \"http://127.0.0.1:3/\"] }\n\
            margin = \"10%\"\nmetrics = [\"service_time.p99\"]\n";
        assert_eq!(
            words("", b).as_deref(),
            Some(
                "compare: 5 runs of each side in turns (A B B A), A the plan's targets, \
                 B web=http://127.0.0.1:2/,http://127.0.0.1:3/, margin 10% (0.1% of ratios), \
                 by service_time.p99"
            )
        );
        let aa = words("repeat = 8", "[compare]\n").unwrap();
        assert!(aa.starts_with("compare: A/A, 8 runs of each side"), "{aa}");
    }
}
