//! The lines of `--progress json`, except the figures of a second.

use super::figures::FailureCause;
use super::second::SecondReport;
use super::threshold::ProgressThreshold;
use crate::observe::notification::Notification;
use crate::observe::text::cut;
use crate::observe::view::View;
use crate::observe::wording;
use crate::record::{Counters, RootCause, Side, StopReason};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Characters of foreign words beyond which they are cut.
const LONGEST: usize = 1_000;

/// The event.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum ProgressEvent<'a> {
    /// The run begins.
    Started(StartedReport<'a>),
    /// A stage begins.
    StageBegun(StagePlace<'a>),
    /// A stage has reached its level.
    StageReached(StagePlace<'a>),
    /// A stage is over.
    StageOver(StageOverReport<'a>),
    /// A scenario waits for attempts in progress to end.
    Draining {
        scenario: &'a str,
        /// For what, in words.
        waits: String,
    },
    /// A scenario has ended.
    Ended { scenario: &'a str },
    /// The first failure of its kind.
    FirstFailure(FirstFailureReport<'a>),
    /// Why attempts fail, and what to do.
    Cause(RootCauseReport<'a>),
    /// A threshold stands otherwise than before.
    Threshold(ProgressThreshold<'a>),
    /// A worker is gone.
    WorkerLost { scenario: &'a str, worker: u16, why: String },
    /// The names of a target were looked up again, with another result.
    LookedUp { target: &'a str, addresses: Vec<String>, failures: &'a [String] },
    /// The run is about to end early.
    Stopping { reason: &'static str, at_once: bool, why: String },
    /// No more load is made.
    Stopped { reason: &'static str, why: String },
    /// The verdict.
    Finished(FinishedReport<'a>),
    /// A second has passed.
    Progress(SecondReport<'a>),
    /// Lines before this one were lost, because nobody read them.
    Lost { lines: u64 },
}

#[derive(Serialize, JsonSchema)]
pub(super) struct StartedReport<'a> {
    /// The version of planrun.
    planrun: &'static str,
    plan: &'a str,
    seed: u64,
    /// Where the results are written.
    folder: &'a str,
    targets: Vec<ProgressTarget<'a>>,
    scenarios: Vec<ProgressScenario<'a>>,
    warnings: &'a [String],
    /// The URL of the live page.
    #[serde(skip_serializing_if = "Option::is_none")]
    dashboard: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
struct ProgressTarget<'a> {
    name: &'a str,
    /// As the plan has it.
    written: &'a [String],
    addresses: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct ProgressScenario<'a> {
    name: &'a str,
    protocol: &'static str,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    /// The names of its stages.
    stages: Vec<&'a str>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct StagePlace<'a> {
    scenario: &'a str,
    stage: &'a str,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct StageOverReport<'a> {
    scenario: &'a str,
    stage: &'a str,
    /// Whether all of it was completed.
    whole: bool,
    #[schemars(with = "BTreeMap<String, u64>")]
    counters: &'a Counters,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FirstFailureReport<'a> {
    scenario: &'a str,
    #[serde(flatten)]
    cause: FailureCause,
    /// In words.
    sample: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct RootCauseReport<'a> {
    scenario: &'a str,
    root_cause: RootCause,
    side: Side,
    count: u64,
    sentence: &'a str,
    fix: &'a str,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FinishedReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["PASS", "FAIL", "INVALID"]))]
    verdict: Option<String>,
    thresholds: Vec<ProgressThreshold<'a>>,
    /// The rules of validity that were broken.
    breaches: Vec<ProgressBreach<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct ProgressBreach<'a> {
    rule: &'static str,
    detail: &'a str,
}

impl<'a> ProgressEvent<'a> {
    /// The content of a notification.
    pub(super) fn new(view: &'a View, now_ns: u64, news: &'a Notification) -> Self {
        let name = |scenario: &usize| view.outline.scenarios[*scenario].name.as_str();
        let place = |scenario: &usize, stage: &usize| StagePlace {
            scenario: name(scenario),
            stage: &view.outline.scenarios[*scenario].stages[*stage].name,
        };
        match news {
            Notification::Started { warnings } => Self::Started(started(view, warnings)),
            Notification::Begun(scenario, stage) => Self::StageBegun(place(scenario, stage)),
            Notification::Reached(scenario, stage) => Self::StageReached(place(scenario, stage)),
            Notification::Over(scenario, stage) => Self::StageOver(over(view, *scenario, *stage)),
            Notification::Draining(scenario) => Self::Draining {
                scenario: name(scenario),
                waits: wording::draining(view, *scenario),
            },
            Notification::Ended(scenario) => Self::Ended { scenario: name(scenario) },
            Notification::Failure { scenario, cause, sample } => {
                Self::FirstFailure(FirstFailureReport {
                    scenario: name(scenario),
                    cause: (*cause).into(),
                    sample: cut(sample, LONGEST),
                })
            }
            Notification::Diagnosed { scenario, diagnosis } => Self::Cause(RootCauseReport {
                scenario: name(scenario),
                root_cause: diagnosis.root_cause,
                side: diagnosis.side,
                count: diagnosis.count,
                sentence: &diagnosis.sentence,
                fix: &diagnosis.fix,
            }),
            Notification::Threshold(found) => Self::Threshold(ProgressThreshold::new(view, found)),
            Notification::WorkerLost { scenario, worker, why } => Self::WorkerLost {
                scenario: name(scenario),
                worker: *worker,
                why: cut(why, LONGEST),
            },
            Notification::LookedUp(lookup) => {
                let target = view.outline.targets.get(usize::from(lookup.target));
                Self::LookedUp {
                    target: target.map_or("", |target| &target.name),
                    addresses: lookup.addresses.iter().map(ToString::to_string).collect(),
                    failures: &lookup.failures,
                }
            }
            Notification::Stopping(reason, at_once) => Self::Stopping {
                reason: reason.name(),
                at_once: *at_once,
                why: wording::stopping(view, reason, *at_once),
            },
            Notification::Stopped(reason) => stopped(view, reason),
            Notification::Finished => Self::Finished(finished(view)),
            Notification::Second => Self::Progress(SecondReport::new(view, now_ns)),
        }
    }
}

fn started<'a>(view: &'a View, warnings: &'a [String]) -> StartedReport<'a> {
    let outline = &view.outline;
    let targets = outline.targets.iter().map(|target| ProgressTarget {
        name: &target.name,
        written: &target.written,
        addresses: target.addresses.iter().map(ToString::to_string).collect(),
    });
    let scenarios =
        outline.scenarios.iter().enumerate().map(|(index, scenario)| ProgressScenario {
            name: &scenario.name,
            protocol: scenario.protocol.name,
            target: &scenario.target,
            workers: outline.workers.get(index).copied(),
            stages: scenario.stages.iter().map(|stage| stage.name.as_str()).collect(),
        });
    StartedReport {
        planrun: env!("CARGO_PKG_VERSION"),
        plan: &outline.plan,
        seed: outline.seed,
        folder: &outline.folder,
        targets: targets.collect(),
        scenarios: scenarios.collect(),
        warnings,
        dashboard: outline.page.as_deref(),
    }
}

fn over(view: &View, scenario: usize, stage: usize) -> StageOverReport<'_> {
    let (_, whole) = wording::stage_progress(view, scenario, stage);
    let (of, now) = view.scenario(scenario);
    StageOverReport {
        scenario: &of.name,
        stage: &of.stages[stage].name,
        whole,
        counters: &now.stages[stage].counters,
    }
}

fn stopped<'a>(view: &View, reason: &StopReason) -> ProgressEvent<'a> {
    ProgressEvent::Stopped { reason: reason.name(), why: wording::stop_reason(view, reason) }
}

fn finished(view: &View) -> FinishedReport<'_> {
    let judgement = view.judgement.as_ref();
    let findings = judgement.map_or(&[][..], |judgement| &judgement.findings);
    let breaches = judgement.map_or(&[][..], |judgement| &judgement.breaches);
    FinishedReport {
        verdict: judgement.map(|judgement| judgement.verdict.to_string()),
        thresholds: findings.iter().map(|one| ProgressThreshold::new(view, one)).collect(),
        breaches: breaches
            .iter()
            .map(|breach| ProgressBreach { rule: breach.rule.name(), detail: &breach.detail })
            .collect(),
    }
}
