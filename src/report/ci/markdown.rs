//! Turns a run, or a search, into Markdown: the verdict, thresholds, why it is INVALID, a table of
//! stages, the causes of failures.
//!
//! The text fits GitHub's step summary, which accepts 1 MiB: a longer text is cut at the end, and
//! says so.

use crate::report::causes::causes;
use crate::report::foreign::visible;
use crate::report::search::SearchReport;
use crate::report::section::ScenarioFacts;
use crate::report::table::escaped;
use crate::report::text::Detail;
use crate::report::text::scenario::{cause_table, shown_times, stage_table};
use crate::report::text::{baseline, ending, said, threshold_table};
use crate::store::SavedRun;
use crate::verdict::Verdict;

/// Bytes of a summary. GitHub drops one of more than 1 MiB whole, and several steps may share a
/// page.
const MOST_BYTES: usize = 256 << 10;

/// Causes of a scenario that are shown; the others are in report.json.
const MOST_CAUSES: usize = 4;

/// The file for one run.
pub fn markdown(run: &SavedRun) -> Vec<u8> {
    let mut blocks = vec![heading(run), about(run)];
    if !run.judgement.findings.is_empty() {
        blocks.push(format!("### Thresholds\n\n{}", threshold_table(run).markdown()));
    }
    blocks.extend(why_invalid(run));
    for index in 0..run.plan.scenarios.len() {
        blocks.push(scenario(run, index));
        blocks.extend(failures(run, index));
        blocks.extend(culprits(run, index));
    }
    bounded(blocks).into_bytes()
}

fn heading(run: &SavedRun) -> String {
    let sign = match run.judgement.verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Invalid => "⚠️",
    };
    let name = escaped(&visible(&run.plan.name));
    format!("## {sign} {}: {name}\n\n{}\n", run.judgement.verdict, escaped(&said(run)))
}

fn about(run: &SavedRun) -> String {
    let folder = escaped(&visible(&run.folder.to_string_lossy()));
    let end = escaped(&ending(run));
    let baseline = baseline(run).map(|text| format!(" · {}", escaped(&text))).unwrap_or_default();
    format!("{end} · seed {}{baseline} · results in {folder}\n", run.plan.seed)
}

fn why_invalid(run: &SavedRun) -> Option<String> {
    let line = |rule: &str, detail: &str| format!("- **{}**: {}\n", rule, escaped(detail));
    let breaches = run.judgement.breaches.iter();
    let lines: String =
        breaches.map(|one| line(&escaped(one.rule.name()), &visible(&one.detail))).collect();
    (!lines.is_empty()).then(|| format!("### Why INVALID\n\n{lines}"))
}

fn scenario(run: &SavedRun, index: usize) -> String {
    let scenario = &run.plan.scenarios[index];
    let facts = ScenarioFacts::new(run, index);
    let whole = facts.whole();
    let name = escaped(&visible(&scenario.name));
    let table = stage_table(scenario, &facts, &whole, Detail::Full).markdown();
    let times = shown_times(scenario, &facts, &whole);
    let times = times.map(|text| format!("\n<sub>{}</sub>\n", escaped(&text))).unwrap_or_default();
    format!("### {name} ({})\n\n{table}{times}", scenario.protocol.name())
}

fn failures(run: &SavedRun, index: usize) -> Option<String> {
    let scenario = &run.plan.scenarios[index];
    let whole = ScenarioFacts::new(run, index).whole();
    let (table, more) = cause_table(scenario, &whole, Detail::Full)?;
    let more = match more {
        0 => String::new(),
        more => format!("\nand {more} more causes in failures.csv\n"),
    };
    Some(format!("{}{more}", table.markdown()))
}

/// The causes of the scenario's failures, with fixes.
fn culprits(run: &SavedRun, index: usize) -> Option<String> {
    let line = |sentence: &str, fix: &str| {
        format!("- {}; fix: {}\n", escaped(&visible(sentence)), escaped(&visible(fix)))
    };
    let all = causes(run, index);
    let shown = all.iter().take(MOST_CAUSES);
    let lines: String = shown.map(|one| line(&one.sentence, &one.fix)).collect();
    (!lines.is_empty()).then(|| format!("Causes:\n\n{lines}"))
}

/// The file for a search.
pub fn markdown_search(search: &SearchReport) -> Vec<u8> {
    let sign = match search.verdict {
        Some("PASS") => "✅",
        Some("FAIL") => "❌",
        _ => "⚠️",
    };
    let heading = format!("## {sign} {}\n", escaped(&visible(&search.conclusion())));
    bounded(vec![heading, search.table().markdown()]).into_bytes()
}

/// The blocks that fit, one after the other.
fn bounded(blocks: Vec<String>) -> String {
    let (mut out, all) = (String::new(), blocks.len());
    for (number, block) in blocks.into_iter().enumerate() {
        if out.len() + block.len() > MOST_BYTES {
            let rest = all - number;
            return format!("{out}{rest} more parts are left out; see report.json\n");
        }
        out = out + &block + "\n";
    }
    out
}
