//! Turns the entries of a run into its events: live as they are recorded, and again from a saved
//! run.
//!
//! **Invariant:** pure; the same entries give the same events, whenever and wherever that is done.

use super::event::Event;
use crate::plan::{OnInvalid, Plan};
use crate::record::{Cause, Entry, Recording, RootCause, Second, StopReason, Transition};
use crate::units::SECOND_NS;
use crate::verdict::{Judge, Judgement};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long a run goes on that can only be INVALID any more, so that its causes can be seen.
const HOPELESS_NS: u64 = 10 * SECOND_NS;

/// Follows a run, judges it, and says what is new.
#[derive(Debug)]
pub struct Narrator {
    judge: Judge,
    on_invalid: OnInvalid,
    /// Causes of failure that were already reported.
    failures: BTreeSet<(u16, Cause)>,
    /// Root causes that were found the last time, by scenario; the first failures may point at
    /// another one than all of them do.
    suspected: BTreeSet<(u16, RootCause)>,
    /// Root causes that were already reported.
    diagnosed: BTreeSet<(u16, RootCause)>,
    /// Since when the run can only be INVALID, on the run's clock.
    hopeless_ns: Option<u64>,
    /// Whether the end was asked for, so that it is asked for once.
    stopping: bool,
}

impl Narrator {
    /// A narrator of a run that has not begun.
    pub fn new(plan: &Plan) -> Self {
        Self {
            judge: Judge::new(plan),
            on_invalid: plan.generator.on_invalid,
            failures: BTreeSet::new(),
            suspected: BTreeSet::new(),
            diagnosed: BTreeSet::new(),
            hopeless_ns: None,
            stopping: false,
        }
    }

    /// The facts so far.
    pub fn recording(&self) -> &Recording {
        self.judge.recording()
    }

    /// The judgement by the facts so far.
    pub fn judgement(&self) -> Judgement {
        self.judge.judgement()
    }

    /// The events of the next entry, in order. [`Event::Stopping`] asks the coordinator for the
    /// end; why else a run is stopped, no entry says before [`Entry::Stopped`].
    pub fn narrate(&mut self, entry: Entry) -> Vec<Event> {
        self.judge.add(&entry);
        let entry = Arc::new(entry);
        let mut events = vec![Event::Recorded(Arc::clone(&entry))];
        match &*entry {
            Entry::Second(second) => {
                events.extend(self.first_failures(second));
                self.judged(second, &mut events);
            }
            Entry::Diagnosed { scenario, at_ns, diagnoses } => {
                let before = std::mem::take(&mut self.suspected);
                let (same, others): (BTreeSet<_>, _) =
                    before.into_iter().partition(|(of, _)| of == scenario);
                self.suspected = others;
                for diagnosis in diagnoses {
                    let found = (*scenario, diagnosis.root_cause);
                    self.suspected.insert(found);
                    if same.contains(&found) {
                        events.extend(self.diagnosed(found, *at_ns));
                    }
                }
            }
            Entry::Stopped { at_ns, .. } => {
                self.stopping = true;
                // No later look will confirm them.
                for found in std::mem::take(&mut self.suspected) {
                    events.extend(self.diagnosed(found, *at_ns));
                }
            }
            Entry::Baseline(_)
            | Entry::StartSkew { .. }
            | Entry::Transition(_)
            | Entry::Monitored(_)
            | Entry::LookedUp(_)
            | Entry::WorkerLost { .. } => {}
        }
        events
    }

    fn first_failures(&mut self, second: &Second) -> Vec<Event> {
        let mut events = Vec::new();
        for (scenario, facts) in &second.scenarios {
            for (cause, tally) in facts.cells.iter().flat_map(|(_, cell)| &cell.failures) {
                if self.failures.insert((*scenario, *cause)) {
                    events.push(Event::FirstFailure {
                        scenario: *scenario,
                        cause: *cause,
                        at_ns: tally.first_ns,
                        sample: tally.sample.clone(),
                    });
                }
            }
        }
        events
    }

    /// How the thresholds stand, and whether the run is to end for that.
    fn judged(&mut self, second: &Second, events: &mut Vec<Event>) {
        let now_ns = (u64::from(second.second) + 1) * SECOND_NS;
        let findings = self.judge.findings();
        let abort = self.judge.abort(&findings, now_ns);
        let health = self.judge.health(&findings);
        events.push(Event::Judged { findings, health });
        if self.stopping {
            return;
        }
        let aborted =
            abort.map(|(scenario, threshold)| StopReason::Aborted { scenario, threshold });
        if let Some(reason) = aborted.or_else(|| self.given_up(now_ns)) {
            self.stopping = true;
            events.push(Event::Stopping { reason, at_once: false });
        }
    }

    /// Why the run is given up: it can only be INVALID any more, and has been so for a while.
    fn given_up(&mut self, now_ns: u64) -> Option<StopReason> {
        if self.on_invalid == OnInvalid::Continue || self.is_over() {
            return None;
        }
        let rule = self.judge.beyond_repair()?;
        let since_ns = *self.hopeless_ns.get_or_insert(now_ns);
        let rule = rule.name.to_owned();
        (now_ns - since_ns >= HOPELESS_NS).then_some(StopReason::BeyondRepair { rule })
    }

    fn is_over(&self) -> bool {
        self.recording().scenarios.iter().all(|scenario| scenario.at(Transition::End).is_some())
    }

    fn diagnosed(&mut self, found: (u16, RootCause), at_ns: u64) -> Option<Event> {
        let (scenario, root_cause) = found;
        // The first failure was reported with its sample, and there is nothing to add.
        if root_cause == RootCause::Unknown || !self.diagnosed.insert(found) {
            return None;
        }
        let known = &self.recording().scenarios.get(usize::from(scenario))?.diagnoses;
        let diagnosis = known.iter().find(|one| one.root_cause == root_cause)?.clone();
        Some(Event::Diagnosed { scenario, at_ns, diagnosis })
    }
}

#[cfg(test)]
mod tests;
