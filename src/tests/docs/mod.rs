//! `docs/metrics.md`, `docs/rules.md`, `docs/plan-keys.md`, `docs/outputs.md`,
//! `docs/exit-statuses.md` and `docs/schemas` are generated from the catalogue, the table of rules,
//! the schema of plans, the types of files and the command line.
//! `UPDATE=1 cargo test --lib tests::docs` writes them again: read the difference.

mod document;
mod outputs;
mod plan_keys;
mod schemas;
mod statuses;

use crate::catalogue::{
    CALIBRATION, COSTS, FigureRow, Metric, MetricRow, Need, PLANNED, ProtocolKind, ReportPlace,
    Stat,
};
use crate::verdict::rules::{self, Rule, RuleUnit};
use document::{NOTE, heading, holds, line, row};
use std::fmt::Write as _;

/// The name as thresholds have it, a distribution with a star.
fn family(metric: &MetricRow) -> String {
    match (metric.report, metric.name) {
        (ReportPlace::Times, name) => format!("`{name}.*`"),
        (_, "check.success_ratio") => "`check.NAME.success_ratio`".to_owned(),
        (_, name) => format!("`{name}`"),
    }
}

/// The phases that a threshold without `during` covers.
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
        ReportPlace::Checks => "`checks.csv`".to_owned(),
        ReportPlace::Monitors => "`monitors.csv`".to_owned(),
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
         Metrics of thresholds (`condition = \"connect.time.p99 < 1s\"`), of reports and of the \
         screen. Of a distribution (`.*`) a threshold names one statistic: {}. Names in `code` \
         under \"computed as\" are counters of `report.json`. A threshold without `during` covers \
         the phases under \"evaluated in\"; for whole connections it ignores \
         `during`.\n",
        stats.join(", ")
    );
    let kinds: [(&str, OfKind); 5] = [
        ("Counts", |one| one.unit == crate::catalogue::MetricUnit::Count),
        ("Ratios", |one| one.unit == crate::catalogue::MetricUnit::Ratio),
        ("Rates", |one| one.report == ReportPlace::Rate),
        ("Times", |one| one.unit == crate::catalogue::MetricUnit::Time),
        ("Monitors", |one| one.report == ReportPlace::Monitors),
    ];
    for (title, of_kind) in kinds {
        writeln!(out, "\n## {title}\n").unwrap();
        let titles = [
            "metric",
            "meaning",
            "computed as",
            "protocols",
            "by request",
            "evaluated in",
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
    out + &figures("Costs", "cost", COSTS)
        + &figures("Rates of the plan", "planned", PLANNED)
        + &figures("Calibration", "calibration", CALIBRATION)
}

/// Figures of `report.json` alone, below one of its keys.
fn figures(title: &str, below: &str, rows: &[FigureRow]) -> String {
    let mut out = format!("\n## {title}\n\n");
    heading(&mut out, &["figure", "meaning", "computed as", "unit", "in reports"]);
    for FigureRow { key, doc, formula, unit } in rows {
        let of = |text: &str| line(text);
        row(&mut out, &[format!("`{key}`"), of(doc), of(formula), of(unit), format!("`{below}`")]);
    }
    out
}

fn limit(unit: RuleUnit, limit: Option<f64>, note: &str) -> String {
    let figure = limit.map(|limit| unit.figure(limit)).unwrap_or_default();
    [figure, note.to_owned()]
        .into_iter()
        .filter(|one| !one.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
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
