//! Turns a saved run into `report.html`: one file that needs no network, with charts of what
//! happened when.
//!
//! **Invariant:** text of others is escaped by the templates; the policy of the page lets only its
//! own script run, known by its hash, and nothing be loaded.

mod axis;
mod chart;
mod chart_unit;
mod document;
mod environment;
mod host;
mod monitors;
mod run_axis;
mod scenario;
pub mod sides;
pub mod strip;
mod worker_charts;

pub use document::document;

use super::addresses::failed_lookups;
use super::calibration::CalibrationReport;
use super::causes::causes;
use super::foreign::visible;
use super::text::{baseline, ending, rules, said, threshold_table};
use crate::store::{SavedRun, options};
use crate::verdict::{RuleStatus, Verdict};
use maud::{Markup, html};

/// The file.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    page(run).0.into_bytes()
}

fn page(run: &SavedRun) -> Markup {
    let title = html! { (run.judgement.verdict) " " (visible(&run.plan.name)) };
    let content = html! {
        (heading(run))
        (thresholds(run))
        (why(run))
        @for index in 0..run.plan.scenarios.len() {
            (scenario::scenario(run, index))
        }
        (monitors::monitors(run))
        (host::host(run))
        (health(run))
        (environment::environment(run))
        (reproduce(run))
    };
    document(&title, "", &content)
}

fn heading(run: &SavedRun) -> Markup {
    let class = match run.judgement.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Invalid => "invalid",
    };
    html! {
        header {
            div.title {
                span class={ "verdict " (class) } { (run.judgement.verdict) }
                h1 { (visible(&run.plan.name)) }
            }
            p { (visible(&said(run))) }
            @if let Some(text) = &run.plan.description { p.quiet { (visible(text)) } }
            p.quiet {
                (visible(&ending(run)))
                @if let Some(started) = &run.started { " · started " (started.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) }
                " · seed " (run.plan.seed)
                @if let Some(text) = baseline(run) { " · " (text) }
            }
        }
    }
}

fn thresholds(run: &SavedRun) -> Markup {
    html! {
        @if !run.judgement.findings.is_empty() {
            section { h2 { "Thresholds" } (threshold_table(run).html()) }
        }
    }
}

/// Why the run proves nothing, and what stopped its scenarios.
fn why(run: &SavedRun) -> Markup {
    let scenarios = 0..run.plan.scenarios.len();
    let all: Vec<_> = scenarios.flat_map(|index| causes(run, index)).collect();
    html! {
        @if !run.judgement.breaches.is_empty() {
            section {
                h2 { "Why INVALID" }
                dl {
                    @for of_rule in run.judgement.breaches.chunk_by(|one, next| one.rule == next.rule) {
                        dt { (of_rule[0].rule.name()) }
                        @for breach in of_rule { dd { (visible(&breach.detail)) } }
                    }
                }
            }
        }
        @if !all.is_empty() {
            section {
                h2 { "Causes" }
                dl {
                    @for one in &all {
                        dt { (visible(&one.sentence)) }
                        dd { "fix: " (visible(&one.fix)) }
                    }
                }
            }
        }
    }
}

fn health(run: &SavedRun) -> Markup {
    let warned = run.judgement.health.iter().filter(|one| one.state == RuleStatus::Warned);
    let warned: Vec<String> = warned
        .filter_map(|one| Some(format!("{}: {}", one.rule.name(), one.words(&run.plan)?)))
        .collect();
    let mut warnings = run.started.as_ref().map_or_else(Vec::new, |one| one.warnings.clone());
    warnings.extend(failed_lookups(run));
    let counters: Vec<(&String, &i64)> =
        run.recording.kernel.iter().filter(|(_, change)| **change != 0).collect();
    html! {
        section {
            h2 { "What this run rests on" }
            @if !warned.is_empty() || !warnings.is_empty() {
                h3 { "Why this run may be wrong" }
                ul {
                    @for text in warnings.iter().chain(&warned) { li { (visible(text)) } }
                }
            }
            @if let Some(calibration) = CalibrationReport::new(run) {
                p { "This run " (calibration.words()) ", by a calibration against the built-in server before it." }
            }
            details { summary { "Rules of validity" } (rules::table(run).html()) }
            @if !counters.is_empty() {
                details {
                    summary { "Counters of the kernel that moved" }
                    div.wide { table {
                        tbody {
                            @for (name, change) in counters {
                                tr { td { (visible(name)) } td.right { (change) } }
                            }
                        }
                    } }
                }
            }
        }
    }
}

/// How to make the same run again, and what to hold this page against.
fn reproduce(run: &SavedRun) -> Markup {
    let options = options(&run.header.overrides);
    let words = ["planrun plan.toml"].into_iter().chain(options.iter().map(String::as_str));
    let command = words.map(visible).collect::<Vec<_>>().join(" ");
    let tool = &run.header.tool;
    html! {
        section {
            h2 { "How to reproduce it" }
            pre { (command) }
            p.quiet {
                "plan.toml, environment.json and the recording stand beside this page; "
                code { "sha256sum --check SHA256SUMS" }
                " tells whether they are as they were written. Made by "
                (visible(&tool.name)) " " (visible(&tool.version))
                @if let Some(commit) = &tool.commit { " (" (visible(commit)) ")" }
                ", plan " code { (run.header.plan_sha256) } "."
            }
        }
    }
}
