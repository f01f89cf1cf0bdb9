//! Turns events into notifications: each thing once.
//!
//! **Invariant:** every output gets the same notifications; a log that must stay small leaves out
//! repetitions.

use super::state::RunState;
use crate::engine::Event;
use crate::record::{
    Cause, Diagnosis, Entry, Lookup, Recording, StageTransition, StopReason, Transition,
};
use crate::verdict::{Finding, ThresholdState};
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
    /// A scenario is being stopped.
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
    /// A root cause of failures, for the first time.
    Diagnosed {
        /// Index into `Plan::scenarios`.
        scenario: usize,
        /// The cause, and its fix.
        diagnosis: Diagnosis,
    },
    /// A threshold broke, or holds again.
    Threshold(Finding),
    /// A worker was lost.
    WorkerLost {
        /// Index into `Plan::scenarios`.
        scenario: usize,
        /// Which of its workers.
        worker: u16,
        /// The evidence.
        why: String,
    },
    /// Names were looked up again, with another result.
    LookedUp(Lookup),
    /// The run is being stopped: why, and whether at once.
    Stopping(StopReason, bool),
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
    broken: HashSet<ThresholdPlace>,
}

/// Scenario, threshold, stage and request: one finding among others.
pub(super) type ThresholdPlace = (u16, u16, Option<u16>, Option<u16>);

/// Which finding of each second this is.
pub(super) fn place_of(finding: &Finding) -> ThresholdPlace {
    (finding.scenario, finding.threshold, finding.stage, finding.request)
}

impl Notifier {
    /// Applies an event to the state and returns what is new. `facts`: everything recorded so far,
    /// this event included.
    pub(super) fn hear(
        &mut self,
        state: &mut RunState,
        event: &Event,
        facts: &Recording,
    ) -> Vec<Notification> {
        state.see(event, facts);
        let mut news = Vec::new();
        let mut at_ns = state.recorded_ns();
        match event {
            Event::Started { warnings, .. } => {
                news.push(Notification::Started { warnings: warnings.clone() });
            }
            Event::Recorded(entry) => news.extend(recorded(state, entry, &mut at_ns)),
            Event::Diagnosed { scenario, at_ns: when, diagnosis } => {
                at_ns = *when;
                let (scenario, diagnosis) = (usize::from(*scenario), diagnosis.clone());
                news.push(Notification::Diagnosed { scenario, diagnosis });
            }
            Event::FirstFailure { scenario, cause, at_ns: when, sample } => {
                at_ns = *when;
                let (scenario, sample) = (usize::from(*scenario), sample.clone());
                news.push(Notification::Failure { scenario, cause: *cause, sample });
            }
            Event::Judged { findings, .. } => news.extend(self.changed(findings)),
            Event::Stopping { reason, at_once } => {
                news.push(Notification::Stopping(reason.clone(), *at_once));
            }
            Event::Finished { .. } => {}
        }
        state.pass(at_ns);
        news.extend(
            state.ended_stages(facts).into_iter().map(|(of, stage)| Notification::Over(of, stage)),
        );
        match event {
            Event::Recorded(entry) if matches!(**entry, Entry::Second(_)) => {
                news.push(Notification::Second);
            }
            Event::Finished { .. } => news.push(Notification::Finished),
            _ => {}
        }
        news.retain(|one| match one {
            Notification::Failure { scenario, .. }
            | Notification::Diagnosed { scenario, .. }
            | Notification::WorkerLost { scenario, .. } => state.stages(*scenario).is_some(),
            _ => true,
        });
        news
    }

    fn changed(&mut self, findings: &[Finding]) -> Vec<Notification> {
        let mut news = Vec::new();
        for finding in findings {
            let which = place_of(finding);
            let changed = match finding.state {
                ThresholdState::Broken | ThresholdState::Unreached { .. } => {
                    self.broken.insert(which)
                }
                ThresholdState::Held => self.broken.remove(&which),
                ThresholdState::NoData | ThresholdState::TooFew { .. } => false,
            };
            if changed {
                news.push(Notification::Threshold(finding.clone()));
            }
        }
        news
    }
}

/// The notifications of a recorded fact; `at_ns` becomes its time where it has one.
fn recorded(state: &RunState, entry: &Entry, at_ns: &mut u64) -> Option<Notification> {
    match entry {
        Entry::Transition(boundary) => {
            *at_ns = boundary.at_ns;
            passed(state, *boundary)
        }
        Entry::WorkerLost { scenario, worker, at_ns: when, why, .. } => {
            *at_ns = *when;
            let scenario = usize::from(*scenario);
            Some(Notification::WorkerLost { scenario, worker: *worker, why: why.clone() })
        }
        Entry::Stopped { at_ns: when, reason } => {
            *at_ns = *when;
            Some(Notification::Stopped(reason.clone()))
        }
        Entry::Baseline(_)
        | Entry::StartSkew { .. }
        | Entry::Second(_)
        | Entry::Diagnosed { .. }
        | Entry::Monitored(_) => None,
        Entry::LookedUp(lookup) => {
            *at_ns = lookup.at_ns;
            Some(Notification::LookedUp(lookup.clone()))
        }
    }
}

fn passed(state: &RunState, boundary: StageTransition) -> Option<Notification> {
    let scenario = usize::from(boundary.scenario);
    let stages = state.stages(scenario)?;
    let known = |stage: u16| (usize::from(stage) < stages).then_some(usize::from(stage));
    Some(match boundary.transition {
        Transition::Ramp(stage) => Notification::Begun(scenario, known(stage)?),
        Transition::Hold(stage) => Notification::Reached(scenario, known(stage)?),
        Transition::Drain => Notification::Draining(scenario),
        Transition::End => Notification::Ended(scenario),
    })
}
