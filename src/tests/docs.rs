//! `docs/metrics.md`, `docs/rules.md` and tables of the README are made from the catalogue and from
//! the table of rules. `UPDATE=1 cargo test --lib tests::docs` writes them anew: read the
//! difference.

use crate::catalogue::{Metric, MetricRow, Need, ProtocolKind, Report, Stat};
use crate::verdict::rules::{self, Rule, Unit};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const NOTE: &str = "<!-- Made from tables by `UPDATE=1 cargo test --lib tests::docs`. -->\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether a document is as the tables have it; with `UPDATE` it is afterwards.
fn holds(name: &str, document: impl FnOnce(&str) -> String) {
    let old = std::fs::read_to_string(path(name)).unwrap_or_default();
    let new = document(&old);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(name), &new).unwrap();
    }
    let is = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(is == new, "{name} is stale: run `UPDATE=1 cargo test --lib tests::docs`");
}

/// A document with the text between its markers replaced.
fn with_table(document: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = document.split_once(&begin).expect("the marker of the beginning");
    let (_, after) = rest.split_once(&end).expect("the marker of the end");
    format!("{before}{begin}{NOTE}\n{table}\n{end}{after}")
}

/// A sentence in one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn row(out: &mut String, cells: &[String]) {
    for cell in cells {
        let space = if cell.is_empty() { "" } else { " " };
        write!(out, "|{space}{cell} ").unwrap();
    }
    out.push_str("|\n");
}

fn heading(out: &mut String, cells: &[&str]) {
    row(out, &cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    writeln!(out, "|{}", "---|".repeat(cells.len())).unwrap();
}

/// The name as thresholds have it, a distribution with a star.
fn family(metric: &MetricRow) -> String {
    match (metric.report, metric.name) {
        (Report::Times, name) => format!("`{name}.*`"),
        (_, "check.success_ratio") => "`check.NAME.success_ratio`".to_owned(),
        (_, name) => format!("`{name}`"),
    }
}

/// What a threshold without `during` looks at.
fn looks_at(metric: &MetricRow) -> String {
    let all = |protocol: &ProtocolKind| metric.all_phases.has(*protocol);
    let (of_all, of_hold): (Vec<_>, Vec<_>) = metric.protocols.iter().partition(all);
    let names =
        |of: &[ProtocolKind]| of.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
    let whole = metric.protocols.iter().any(|protocol| metric.connections.has(protocol));
    let all = if whole { "whole connections" } else { "all phases" };
    match (of_all.is_empty(), of_hold.is_empty()) {
        (_, true) if metric.protocols.iter().all(|one| metric.connections.has(one)) => {
            all.to_owned()
        }
        (_, true) if whole => format!("all phases; {}: {all}", metric.connections),
        (_, true) => all.to_owned(),
        (true, false) => "hold".to_owned(),
        (false, false) => format!("{}: {all}; {}: hold", names(&of_all), names(&of_hold)),
    }
}

fn needs(metric: &MetricRow) -> String {
    metric.needs.iter().map(|need| Need::words(*need).0).collect::<Vec<_>>().join(", ")
}

fn reported(metric: &MetricRow) -> String {
    let code = |names: &[String]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let columns = match metric.report {
        Report::Checks => "`checks.csv`".to_owned(),
        Report::Monitors => "`monitors.csv`".to_owned(),
        _ => code(&metric.columns()),
    };
    let key = metric.json_key().map(|key| format!("`{key}`")).unwrap_or_default();
    [columns, key].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Whether a metric belongs into a table.
type OfKind = fn(&MetricRow) -> bool;

fn metrics() -> String {
    let stats: Vec<String> = Stat::ALL.iter().map(|stat| format!("`{stat}`")).collect();
    let mut out = format!(
        "# Metrics\n\n{NOTE}\n\
         What thresholds look at (`condition = \"connect.time.p99 < 1s\"`), and what reports and \
         the screen call it. Of a distribution (`.*`) a threshold names one figure: {}. Words in \
         `code` under \"computed as\" are counters of `report.json`. A threshold without `during` \
         looks at the phases named here; where it counts whole connections, it does so whatever \
         `during` says.\n",
        stats.join(", ")
    );
    let kinds: [(&str, OfKind); 5] = [
        ("Counts", |one| one.unit == crate::catalogue::MetricUnit::Count),
        ("Ratios", |one| one.unit == crate::catalogue::MetricUnit::Ratio),
        ("Rates", |one| one.report == Report::Rate),
        ("Times", |one| one.unit == crate::catalogue::MetricUnit::Time),
        ("Monitors", |one| one.report == Report::Monitors),
    ];
    for (title, of_kind) in kinds {
        writeln!(out, "\n## {title}\n").unwrap();
        let titles = [
            "metric",
            "meaning",
            "computed as",
            "protocols",
            "by request",
            "looks at",
            "needs",
            "good",
            "in reports",
        ];
        heading(&mut out, &titles);
        for metric in Metric::rows().filter(|one| of_kind(one)) {
            let cells = [
                family(metric),
                line(metric.doc),
                line(metric.formula),
                metric.protocols.to_string(),
                if metric.per_request { "yes".to_owned() } else { String::new() },
                looks_at(metric),
                needs(metric),
                metric.better.name().to_owned(),
                reported(metric),
            ];
            row(&mut out, &cells);
        }
    }
    out
}

/// The names of what each protocol measures.
fn metrics_of_protocols() -> String {
    let mut out = String::new();
    heading(&mut out, &["protocol", "metrics"]);
    for protocol in ProtocolKind::ALL {
        let own = Metric::rows().filter(|metric| metric.is_of(*protocol));
        let names: Vec<String> = own.map(family).collect();
        row(&mut out, &[format!("`{protocol}`"), names.join(", ")]);
    }
    out.trim_end().to_owned()
}

fn limit(unit: Unit, limit: Option<f64>, note: &str) -> String {
    let figure = limit.map(|limit| unit.figure(limit)).unwrap_or_default();
    [figure, note.to_owned()]
        .into_iter()
        .filter(|one| !one.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The table of rules, as short as it can be.
fn rules_in_short() -> String {
    let mut out = String::new();
    heading(&mut out, &["rule", "measured", "warning beyond", "INVALID beyond"]);
    for rule in rules::ALL {
        row(&mut out, &limits(rule));
    }
    out.trim_end().to_owned()
}

fn limits(rule: &Rule) -> [String; 4] {
    [
        format!("`{}`", rule.name),
        line(rule.doc).trim_end_matches('.').to_owned(),
        limit(rule.unit, rule.warn, rule.warn_note),
        limit(rule.unit, rule.invalid, rule.invalid_note),
    ]
}

fn all_rules() -> String {
    let mut out = format!(
        "# Rules of validity\n\n{NOTE}\n\
         A run that breaks one of these proves nothing about its target: it is INVALID, whatever \
         its thresholds say. Each rule is in `health` of `report.json` with what was measured where \
         it was worst, or as not measured; `planrun report DIR --verbose` prints them all. A value \
         at a limit is within it. `[generator] limits = {{ KEY = … }}` sets those with a key.\n\n"
    );
    let titles = ["rule", "measured", "warning beyond", "INVALID beyond", "key", "what to do"];
    heading(&mut out, &titles);
    for rule in rules::ALL {
        let key = rule.setting.map(|key| format!("`{}`", key.name())).unwrap_or_default();
        let mut cells = limits(rule).to_vec();
        cells.extend([key, line(rule.advice)]);
        row(&mut out, &cells);
    }
    out
}

#[test]
fn the_document_of_metrics_is_that_of_the_catalogue() {
    holds("docs/metrics.md", |_| metrics());
}

#[test]
fn the_document_of_rules_is_that_of_their_table() {
    holds("docs/rules.md", |_| all_rules());
}

#[test]
fn the_readme_has_the_same_tables() {
    holds("README.md", |readme| {
        let readme = with_table(readme, "metrics", &metrics_of_protocols());
        with_table(&readme, "rules", &rules_in_short())
    });
}
