//! Turns a comparison into a page of one file: the decision, each figure against its margin, and
//! the runs of both sides over each other.

use super::bootstrap::median;
use super::printed::{conclusion, effect, place, range, table};
use super::{Change, ComparisonOutcome, Difference, DifferenceKind, Margin, RunComparison};
use crate::catalogue::{Better, MetricUnit};
use crate::plan::Target;
use crate::report::html::strip::{BadSide, ChangeStrip, StripColour, change as change_strip, dots};
use crate::report::html::{document, sides};
use crate::store::SavedRun;
use crate::units::visible;
use maud::{Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(comparison: &RunComparison, base: &[SavedRun], new: &[SavedRun]) -> Vec<u8> {
    let plan = base.first().map_or("", |run| run.plan.name.as_str());
    let title = html! { (comparison.outcome.words()) " " (visible(plan)) };
    let scenarios = base.first().map_or(&[][..], |run| run.plan.scenarios.as_slice());
    let content = html! {
        (heading(comparison, plan, [base, new]))
        section {
            h2 { "Figures" }
            (table(comparison).html())
            (differences(comparison))
        }
        section {
            h2 { "Changes against the margin" }
            p.quiet {
                "Above: each run as a dot, a line for the median of its side. Below: the change from A to B with its 95% interval; "
                "green is better, red is worse, and both by more than the margin."
            }
            div.charts { @for change in &comparison.changes { (card(change, comparison.margin)) } }
        }
        @for one in scenarios {
            @if let Some(charts) = sides::scenario([base, new], &one.name) {
                section.scenario {
                    h2 { (visible(&one.name)) " " span.quiet { (one.protocol.name()) } }
                    @if base.len().max(new.len()) > 1 {
                        p.quiet { "Lines are the medians of the runs of a side, the bands reach from the lowest run to the highest." }
                    }
                    (charts)
                }
            }
        }
        (runs([base, new]))
    };
    document(&title, STYLE, &content).0.into_bytes()
}

fn heading(comparison: &RunComparison, plan: &str, sides: [&[SavedRun]; 2]) -> Markup {
    let class = match comparison.outcome {
        ComparisonOutcome::Regressed => "fail",
        ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => "pass",
        ComparisonOutcome::Inconclusive | ComparisonOutcome::Incomparable => "doubt",
    };
    html! {
        header {
            div.title {
                span class={ "verdict " (class) } { (comparison.outcome.words().to_uppercase()) }
                h1 { (visible(plan)) }
            }
            p { (visible(&conclusion(comparison))) }
            div.sides {
                @for ((name, class), runs) in [("A", "a"), ("B", "b")].into_iter().zip(sides) {
                    div.side { b class=(class) { (name) } (visible(&side(runs))) }
                }
            }
        }
    }
}

/// How many runs, and of which targets.
fn side(runs: &[SavedRun]) -> String {
    let plural = if runs.len() == 1 { "run" } else { "runs" };
    let targets = runs.first().map_or(&[][..], |run| run.plan_without_values.targets.as_slice());
    let target = |target: &Target| {
        if target.shown.is_empty() {
            format!("{} (built-in)", target.name)
        } else {
            format!("{} {}", target.name, target.shown.join(" "))
        }
    };
    let targets: Vec<String> = targets.iter().map(target).collect();
    format!("{} {plural} of {}", runs.len(), targets.join(", "))
}

/// The differences other than the targets, which stand at the top.
fn differences(comparison: &RunComparison) -> Markup {
    let is_shown = |one: &&Difference| one.kind != DifferenceKind::Target;
    let shown: Vec<&Difference> = comparison.differences.iter().filter(is_shown).collect();
    html! {
        @if !shown.is_empty() {
            ul {
                @for one in shown {
                    li {
                        @if !one.accepted { span.doubt { "incomparable: " } }
                        (visible(&one.detail))
                    }
                }
            }
        }
    }
}

/// One figure: its words, each run, and the interval of its change.
fn card(change: &Change, margin: Margin) -> Markup {
    let metric = change.metric;
    let medians = [median(&change.base), median(&change.new)];
    let class = match change.outcome {
        ComparisonOutcome::Regressed => "bad",
        ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => "good",
        ComparisonOutcome::Inconclusive | ComparisonOutcome::Incomparable => "doubt",
    };
    let strip = strip(change, margin);
    let none = if metric.is_ratio() { 0.0 } else { 1.0 };
    html! {
        figure.chart {
            figcaption { strong { (metric.to_string()) } span.key { (place(change)) } }
            div.figures {
                span { (metric.figure(medians[0])) " → " strong { (metric.figure(medians[1])) } }
                span { strong { (effect(metric, change.effect)) } }
                @if let Some(interval) = change.interval { span { (range(metric, interval)) } }
                span class=(class) { (change.outcome.words()) }
            }
            div.strip { (PreEscaped(dots([&change.base, &change.new], medians, |value| metric.figure(value)))) }
            div.strip { (PreEscaped(change_strip(&strip, |value| effect(metric, value + none)))) }
        }
    }
}

fn strip(change: &Change, margin: Margin) -> ChangeStrip {
    let row = change.metric.row();
    let is_ratio = row.unit == MetricUnit::Ratio;
    let none = if is_ratio { 0.0 } else { 1.0 };
    ChangeStrip {
        effect: change.effect - none,
        interval: change.interval.map(|one| (one.low - none, one.high - none)),
        margin: if is_ratio { margin.points } else { margin.relative },
        bad: match row.better {
            Better::Higher => BadSide::Left,
            Better::Lower => BadSide::Right,
            Better::Neither => BadSide::Both,
        },
        colour: match change.outcome {
            ComparisonOutcome::Regressed => StripColour::Bad,
            ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => StripColour::Good,
            ComparisonOutcome::Inconclusive | ComparisonOutcome::Incomparable => StripColour::Doubt,
        },
    }
}

/// Where each run is, and what became of it.
fn runs(sides: [&[SavedRun]; 2]) -> Markup {
    html! {
        section {
            h2 { "Runs" }
            div.wide { table {
                thead { tr { th { "side" } th { "run" } th { "verdict" } th { "started" } th { "planrun" } } }
                tbody {
                    @for (name, runs) in ["A", "B"].into_iter().zip(sides) {
                        @for run in runs {
                            tr {
                                td { (name) }
                                td { (visible(&run.folder.display().to_string())) }
                                td { (run.judgement.verdict) }
                                td { @if let Some(started) = &run.started { (started.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) } }
                                td { (visible(&run.header.tool.version)) }
                            }
                        }
                    }
                }
            } }
            p.quiet { "planrun verify DIR checks each of them; planrun compare makes this page again." }
        }
    }
}
