//! Turns events into what is worth telling: each thing once, what flaps seldom.
//!
//! **Invariant:** every output tells the same news; they differ in form only.

use super::pacing::RepeatLimit;
use super::state::RunState;
use super::suspects::LiveDiagnosis;
use crate::engine::Event;
use crate::machine::Diagnosis;
use crate::record::{Cause, Entry, StageTransition, StopReason, Transition};
use crate::verdict::{Finding, State};
use std::collections::HashSet;

/// One thing worth telling.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Notification {
    /// The run's clock has started.
    Started {
        /// Warnings of the preflight.
        warnings: Vec<String>,
    },
    /// A stage begins: scenario and stage.
    Begun(usize, usize),
    /// A stage's level is reached: scenario and stage.
    Reached(usize, usize),
    /// A stage is over, and all of its facts are there: scenario and stage.
    Over(usize, usize),
    /// A scenario is brought to its end.
    Draining(usize),
    /// A scenario has ended.
    Ended(usize),
    /// A cause of failure, for the first time.
    Failure {
        /// Index into `Plan::scenarios`.
        scenario: usize,
        /// What.
        cause: Cause,
        /// One example; another's words.
        sample: String,
    },
    /// Who is at fault, for the first time.
    RootCause {
        /// Index into `Plan::scenarios`.
        scenario: usize,
        /// Who, and what to do.
        blame: Diagnosis,
    },
    /// A threshold broke, or holds again.
    Threshold(Finding),
    /// A worker was lost.
    WorkerLost {
        /// Index into `Plan::scenarios`.
        scenario: usize,
        /// Which of its workers.
        worker: u16,
        /// What was seen.
        why: String,
    },
    /// The run is being brought to its end.
    Stopping(String),
    /// No load is made any more.
    Stopped(StopReason),
    /// The verdict is there.
    Finished,
    /// A second has passed.
    Second,
}

/// Finds the news in a run's events.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    now_ns: u64,
    broken: HashSet<Standing>,
    repeats: RepeatLimit<Standing>,
    suspects: LiveDiagnosis,
}

/// Scenario, threshold and stage: one finding among others.
type Standing = (u16, u16, Option<u16>, Option<u16>);

impl Notifier {
    pub(super) fn new(suspects: LiveDiagnosis) -> Self {
        Self { suspects, ..Self::default() }
    }

    /// The run's clock as far as events have told; never goes back.
    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Takes an event into the scene and says what is new.
    pub(super) fn hear(&mut self, scene: &mut RunState, event: &Event) -> Vec<Notification> {
        scene.see(event);
        let mut news = Vec::new();
        let mut at_ns = scene.recorded_ns();
        match event {
            Event::Started { warnings, .. } => {
                news.push(Notification::Started { warnings: warnings.clone() });
            }
            Event::Recorded(Entry::Transition(boundary)) => {
                at_ns = boundary.at_ns;
                news.extend(passed(scene, *boundary));
            }
            Event::Recorded(Entry::WorkerLost { scenario, worker, at_ns: when, why }) => {
                at_ns = *when;
                let scenario = usize::from(*scenario);
                news.push(Notification::WorkerLost { scenario, worker: *worker, why: why.clone() });
            }
            Event::Recorded(Entry::Stopped { at_ns: when, reason }) => {
                at_ns = *when;
                news.push(Notification::Stopped(reason.clone()));
            }
            Event::FirstFailure { scenario, cause, at_ns: when, sample } => {
                at_ns = *when;
                let (scenario, sample) = (usize::from(*scenario), sample.clone());
                news.push(Notification::Failure { scenario, cause: *cause, sample });
            }
            Event::Judged(findings) => news.extend(self.changed(findings)),
            Event::Stopping { why } => news.push(Notification::Stopping(why.clone())),
            Event::Recorded(Entry::Baseline(_) | Entry::Second(_)) | Event::Finished { .. } => {}
        }
        self.now_ns = self.now_ns.max(at_ns);
        news.extend(
            scene.ended_stages().into_iter().map(|(of, stage)| Notification::Over(of, stage)),
        );
        let looks = matches!(event, Event::Recorded(Entry::Second(_)) | Event::Finished { .. });
        if looks {
            let last = matches!(event, Event::Finished { .. });
            let culprits = self.suspects.look(scene, last).into_iter();
            news.extend(
                culprits.map(|(scenario, blame)| Notification::RootCause { scenario, blame }),
            );
        }
        match event {
            Event::Recorded(Entry::Second(_)) => news.push(Notification::Second),
            Event::Finished { .. } => news.push(Notification::Finished),
            _ => {}
        }
        let known = scene.plan.scenarios.len();
        news.retain(|news| !matches!(news, Notification::Failure { scenario, .. } | Notification::WorkerLost { scenario, .. } if *scenario >= known));
        news
    }

    fn changed(&mut self, findings: &[Finding]) -> Vec<Notification> {
        let mut news = Vec::new();
        for finding in findings {
            let which = (finding.scenario, finding.threshold, finding.stage, finding.request);
            let changed = match finding.state {
                State::Broken | State::Unreached { .. } => self.broken.insert(which),
                State::Held => self.broken.remove(&which),
                State::NoData | State::TooFew { .. } => false,
            };
            if changed && self.repeats.tell(which, self.now_ns) {
                news.push(Notification::Threshold(finding.clone()));
            }
        }
        news
    }
}

fn passed(scene: &RunState, boundary: StageTransition) -> Option<Notification> {
    let scenario = usize::from(boundary.scenario);
    let of = scene.plan.scenarios.get(scenario)?;
    let known = |stage: u16| (usize::from(stage) < of.stages.len()).then_some(usize::from(stage));
    Some(match boundary.transition {
        Transition::Ramp(stage) => Notification::Begun(scenario, known(stage)?),
        Transition::Hold(stage) => Notification::Reached(scenario, known(stage)?),
        Transition::Drain => Notification::Draining(scenario),
        Transition::End => Notification::Ended(scenario),
    })
}
