//! When a scenario passes its marks: planned where arithmetic can say, announced where only the run
//! can.

use super::{ScenarioSchedule, Segment, Shape, SpawnPace};
use crate::plan::{Phase, StartAfter};
use crate::record::{CellKey, Transition};

/// The marks of one scenario on the run's clock, as far as they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTimes {
    segments: Vec<Segment>,
    start_after: StartAfter,
    start_ns: Option<u64>,
    /// When each stage began, where that was announced: the one before it had done its work.
    begun: Vec<Option<u64>>,
    /// When each stage's level was reached, where that was announced.
    reached: Vec<Option<u64>>,
    /// When the drain began, where it was announced: a run that is stopped drains early.
    drain: Option<u64>,
    /// What follows from all that: when ramp and hold of each stage begin, and then the drain.
    known: Vec<Option<u64>>,
}

impl StageTimes {
    pub(super) fn new(schedule: &ScenarioSchedule) -> Self {
        let start_ns = match schedule.start_after {
            StartAfter::Delay(delay) => Some(delay.as_nanos()),
            StartAfter::Hold => None,
        };
        let stages = schedule.segments.len();
        let mut times = Self {
            segments: schedule.segments.clone(),
            start_after: schedule.start_after,
            start_ns,
            begun: vec![None; stages],
            reached: vec![None; stages],
            drain: None,
            known: Vec::new(),
        };
        times.known = times.follow();
        times
    }

    /// Whether the scenario starts with the hold of the others.
    pub fn waits_for_hold(&self) -> bool {
        self.start_after == StartAfter::Hold
    }

    /// How many stages there are.
    pub fn stages(&self) -> usize {
        self.segments.len()
    }

    /// Says when the scenario starts.
    pub fn start_at(&mut self, at_ns: u64) {
        self.start_ns = Some(at_ns);
        self.known = self.follow();
    }

    /// Takes over an announced mark.
    pub fn learn(&mut self, mark: Transition, at_ns: u64) {
        match mark {
            Transition::Ramp(0) => self.start_ns = Some(at_ns),
            Transition::Hold(stage) => {
                if let Some(reached) = self.reached.get_mut(usize::from(stage)) {
                    *reached = Some(at_ns);
                }
            }
            Transition::Ramp(stage) => {
                if let Some(begun) = self.begun.get_mut(usize::from(stage)) {
                    *begun = Some(at_ns);
                }
            }
            Transition::Drain => self.drain = Some(at_ns),
            Transition::End => {}
        }
        self.known = self.follow();
    }

    /// When a mark is reached; `None` while unknown. `End` is never known: the run determines when
    /// it has ended.
    pub fn at(&self, mark: Transition) -> Option<u64> {
        let stages = self.segments.len();
        let (of, place) = match mark {
            Transition::Ramp(stage) => (usize::from(stage), 2 * usize::from(stage)),
            Transition::Hold(stage) => (usize::from(stage), 2 * usize::from(stage) + 1),
            Transition::Drain => (0, 2 * stages),
            Transition::End => return None,
        };
        self.known.get(place).copied().flatten().filter(|_| of < stages)
    }

    /// When each mark is reached, as far as that is known.
    fn follow(&self) -> Vec<Option<u64>> {
        let mut known = vec![None; 2 * self.segments.len() + 1];
        let last = known.len() - 1;
        known[last] = self.drain;
        let Some(mut at) = self.start_ns else { return known };
        for (stage, segment) in self.segments.iter().enumerate() {
            at = self.begun[stage].unwrap_or(at);
            known[2 * stage] = self.unless_drained(at);
            at = match (self.reached[stage], segment.ramp_ns()) {
                (Some(reached), _) => reached,
                (None, Some(ramp)) => at.saturating_add(ramp),
                (None, None) => return known,
            };
            known[2 * stage + 1] = self.unless_drained(at);
            at = at.saturating_add(segment.hold_ns);
        }
        known[last] = Some(self.drain.map_or(at, |drain| drain.min(at)));
        known
    }

    /// A mark that lies behind an early drain is never passed.
    fn unless_drained(&self, at_ns: u64) -> Option<u64> {
        self.drain.is_none_or(|drain| at_ns < drain).then_some(at_ns)
    }

    /// All marks that are known, in order.
    pub fn marks(&self) -> Vec<(Transition, u64)> {
        let stages = (0..self.segments.len()).filter_map(|stage| u16::try_from(stage).ok());
        let all = stages
            .flat_map(|stage| [Transition::Ramp(stage), Transition::Hold(stage)])
            .chain([Transition::Drain]);
        all.filter_map(|mark| self.at(mark).map(|at| (mark, at))).collect()
    }

    /// The phase of the scenario that is current at a moment; `None` before its start.
    pub fn part_at(&self, at_ns: u64) -> Option<CellKey> {
        let (mark, _) = self.marks().into_iter().rfind(|(_, at)| *at <= at_ns)?;
        Some(match mark {
            Transition::Ramp(stage) => CellKey { stage, phase: Phase::Ramp },
            Transition::Hold(stage) => CellKey { stage, phase: Phase::Hold },
            Transition::Drain | Transition::End => {
                CellKey { stage: self.last_stage(at_ns), phase: Phase::Drain }
            }
        })
    }

    /// The stage that was the current one when the scenario drained.
    fn last_stage(&self, at_ns: u64) -> u16 {
        let begun = |(mark, at): &(Transition, u64)| match mark {
            Transition::Ramp(stage) if *at <= at_ns => Some(*stage),
            _ => None,
        };
        self.marks().iter().filter_map(begun).max().unwrap_or(0)
    }

    /// The level that the plan asks for at a moment: users, or arrivals a second; zero outside the
    /// scenario.
    pub fn level_at(&self, at_ns: u64) -> f64 {
        if self.at(Transition::Drain).is_some_and(|drain| drain <= at_ns) {
            return 0.0;
        }
        let begun = self
            .marks()
            .into_iter()
            .rfind(|(mark, at)| matches!(mark, Transition::Ramp(_)) && *at <= at_ns);
        let Some((Transition::Ramp(stage), from)) = begun else { return 0.0 };
        let segment = &self.segments[usize::from(stage)];
        match segment.shape {
            // An unpaced ramp has no intermediate level: it wants the whole level at once.
            Shape::Users { to, pace: SpawnPace::Unpaced, .. } => to as f64,
            _ => segment.level_at(at_ns - from),
        }
    }
}
