//! Tracks how far each scenario is: which transitions have passed, which workers may ramp, what to
//! announce to them.

use crate::record::{StageTransition, Transition};
use crate::schedule::{Schedule, StageTimes};
use crate::units::narrow;
use std::collections::{BTreeSet, VecDeque};

/// How far all scenarios are.
#[derive(Debug)]
pub(super) struct RunProgress {
    timelines: Vec<StageTimes>,
    /// The transitions of each scenario that have been recorded, by their order.
    recorded: Vec<BTreeSet<u32>>,
    /// Of each scenario whose workers wait for tokens.
    tokens: Vec<Option<TokenQueue>>,
    ended: Vec<bool>,
    /// Tokens given out at once for a scenario on each host: one for each core.
    at_once: Vec<usize>,
}

/// Workers that wait for a token, and those that hold one: few work at a time, so that they do not
/// thrash the cores.
#[derive(Debug)]
struct TokenQueue {
    of: Token,
    waiting: VecDeque<Turn>,
    running: BTreeSet<Turn>,
}

/// A worker that is to have a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// Number of the worker among all.
    pub(super) worker: usize,
    /// Its host.
    pub(super) host: usize,
}

/// The work that a worker may do while it holds a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Run its part of the unpaced ramp of a stage.
    Ramp(u16),
    /// Close the connections that it holds.
    Close,
}

/// Something to send to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announcement {
    /// To all workers of a scenario.
    Transition(StageTransition),
    /// To one worker.
    Token {
        /// Number of the worker among all.
        worker: usize,
        /// The work permitted now.
        of: Token,
    },
}

impl RunProgress {
    pub(super) fn new(schedule: &Schedule, cores: &[usize]) -> Self {
        let timelines = schedule.timelines();
        let count = timelines.len();
        Self {
            timelines,
            recorded: vec![BTreeSet::new(); count],
            tokens: (0..count).map(|_| None).collect(),
            ended: vec![false; count],
            at_once: cores.iter().map(|cores| (*cores).max(1)).collect(),
        }
    }

    /// The transitions that have passed since the last call, in order of time.
    pub(super) fn passed(&mut self, now_ns: u64) -> Vec<StageTransition> {
        let mut passed = Vec::new();
        for (index, timeline) in self.timelines.iter().enumerate() {
            for (mark, at_ns) in timeline.marks() {
                if at_ns <= now_ns && self.recorded[index].insert(mark.order()) {
                    passed.push(StageTransition {
                        scenario: narrow(index),
                        transition: mark,
                        at_ns,
                    });
                }
            }
        }
        passed.sort_by_key(|boundary| {
            (boundary.at_ns, boundary.scenario, boundary.transition.order())
        });
        passed
    }

    /// Lets these workers do one thing after the other: gives tokens to the first ones.
    pub(super) fn grant_tokens(
        &mut self,
        scenario: u16,
        of: Token,
        workers: Vec<Turn>,
    ) -> Vec<Announcement> {
        let queue = TokenQueue { of, waiting: workers.into(), running: BTreeSet::new() };
        self.tokens[usize::from(scenario)] = Some(queue);
        self.next_tokens(scenario)
    }

    fn next_tokens(&mut self, scenario: u16) -> Vec<Announcement> {
        let Some(queue) = &mut self.tokens[usize::from(scenario)] else { return Vec::new() };
        let TokenQueue { of, waiting, running } = queue;
        let mut given = Vec::new();
        waiting.retain(|turn| {
            let busy = running.iter().filter(|one| one.host == turn.host).count();
            let now = busy < self.at_once.get(turn.host).copied().unwrap_or(1);
            if now {
                running.insert(*turn);
                given.push(Announcement::Token { worker: turn.worker, of: *of });
            }
            !now
        });
        given
    }

    /// A worker has done its work or is gone: the next gets its token, or the hold begins.
    pub(super) fn return_token(
        &mut self,
        scenario: u16,
        worker: usize,
        now_ns: u64,
    ) -> Vec<Announcement> {
        let Some(queue) = &mut self.tokens[usize::from(scenario)] else { return Vec::new() };
        let of = queue.of;
        queue.running.retain(|turn| turn.worker != worker);
        queue.waiting.retain(|turn| turn.worker != worker);
        if !queue.running.is_empty() || !queue.waiting.is_empty() {
            return self.next_tokens(scenario);
        }
        self.tokens[usize::from(scenario)] = None;
        match of {
            Token::Ramp(stage) => self.announce(scenario, Transition::Hold(stage), now_ns),
            Token::Close => Vec::new(),
        }
    }

    /// Announces a transition, and what follows from it: scenarios that wait for the hold start.
    fn announce(&mut self, scenario: u16, mark: Transition, at_ns: u64) -> Vec<Announcement> {
        self.timelines[usize::from(scenario)].learn(mark, at_ns);
        let mut announcements =
            vec![Announcement::Transition(StageTransition { scenario, transition: mark, at_ns })];
        if let Some(start) = Schedule::hold_start(&self.timelines) {
            for (index, timeline) in self.timelines.iter_mut().enumerate() {
                if timeline.waits_for_hold() && timeline.at(Transition::Ramp(0)).is_none() {
                    let at_ns = start.max(at_ns);
                    timeline.start_at(at_ns);
                    let boundary = StageTransition {
                        scenario: narrow(index),
                        transition: Transition::Ramp(0),
                        at_ns,
                    };
                    announcements.push(Announcement::Transition(boundary));
                }
            }
        }
        announcements
    }

    /// Whether a stage is in its hold.
    pub(super) fn holds(&self, scenario: u16, stage: u16, now_ns: u64) -> bool {
        let timeline = &self.timelines[usize::from(scenario)];
        timeline.at(Transition::Hold(stage)).is_some_and(|at| at < now_ns)
    }

    /// Ends a stage whose work is done: the next one begins, or the drain.
    pub(super) fn end_stage(
        &mut self,
        scenario: u16,
        stage: u16,
        now_ns: u64,
    ) -> Vec<Announcement> {
        let timeline = &self.timelines[usize::from(scenario)];
        let next = match stage + 1 {
            next if usize::from(next) < timeline.stages() => Transition::Ramp(next),
            _ => Transition::Drain,
        };
        if timeline.at(next).is_none_or(|at| at <= now_ns) {
            return Vec::new();
        }
        self.announce(scenario, next, now_ns)
    }

    /// Begins the drain of every scenario that has not begun to drain.
    pub(super) fn drain(&mut self, now_ns: u64) -> Vec<Announcement> {
        let mut announcements = Vec::new();
        for index in 0..self.timelines.len() {
            let timeline = &mut self.timelines[index];
            if self.ended[index] || timeline.at(Transition::Drain).is_some_and(|at| at <= now_ns) {
                continue;
            }
            // One that has not started yet starts and drains in the same moment.
            if timeline.at(Transition::Ramp(0)).is_none_or(|at| at > now_ns) {
                timeline.start_at(now_ns);
            }
            timeline.learn(Transition::Drain, now_ns);
            self.tokens[index] = None;
            announcements.push(Announcement::Transition(StageTransition {
                scenario: narrow(index),
                transition: Transition::Drain,
                at_ns: now_ns,
            }));
        }
        announcements
    }

    /// Ends a scenario.
    pub(super) fn end(&mut self, scenario: u16, now_ns: u64) -> StageTransition {
        self.ended[usize::from(scenario)] = true;
        StageTransition { scenario, transition: Transition::End, at_ns: now_ns }
    }

    /// Whether all scenarios have ended.
    pub(super) fn is_over(&self) -> bool {
        self.ended.iter().all(|ended| *ended)
    }

    /// When the ramp of each stage of a scenario began or would have begun, as far as that is
    /// known.
    pub(super) fn ramps(&self, scenario: u16, stages: usize) -> Vec<Option<u64>> {
        let timeline = &self.timelines[usize::from(scenario)];
        (0..stages).map(|stage| timeline.at(Transition::Ramp(narrow(stage)))).collect()
    }

    /// When a scenario drains; `None` while that is not known.
    pub(super) fn drains_at(&self, scenario: u16) -> Option<u64> {
        self.timelines[usize::from(scenario)].at(Transition::Drain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::testing;

    #[test]
    fn tokens_are_few_at_a_time_and_the_hold_begins_after_the_last() {
        let mut progress = RunProgress::new(&testing::unpaced(1_000), &[2]);
        assert_eq!(progress.passed(0).len(), 1);
        let of = Token::Ramp(0);
        let token = |worker| Announcement::Token { worker, of };
        let turns = (0..3).map(|worker| Turn { worker, host: 0 }).collect();
        assert_eq!(progress.grant_tokens(0, of, turns), [token(0), token(1)]);
        assert_eq!(progress.return_token(0, 1, 10), [token(2)]);
        assert_eq!(progress.return_token(0, 0, 20), []);
        let hold = StageTransition { scenario: 0, transition: Transition::Hold(0), at_ns: 30 };
        assert_eq!(progress.return_token(0, 2, 30), [Announcement::Transition(hold)]);
        assert_eq!(progress.passed(30), [hold]);
    }

    #[test]
    fn each_host_has_tokens_for_its_own_cores() {
        let mut progress = RunProgress::new(&testing::unpaced(1_000), &[1, 2]);
        let of = Token::Ramp(0);
        let token = |worker| Announcement::Token { worker, of };
        let turns = (0..6).map(|worker| Turn { worker, host: worker % 2 }).collect();
        assert_eq!(progress.grant_tokens(0, of, turns), [token(0), token(1), token(3)]);
        assert_eq!(progress.return_token(0, 3, 1), [token(5)]);
        assert_eq!(progress.return_token(0, 0, 1), [token(2)]);
    }

    #[test]
    fn a_drain_is_announced_once_and_cuts_off_what_was_planned() {
        let mut progress = RunProgress::new(&testing::unpaced(1_000), &[2]);
        let drain = StageTransition { scenario: 0, transition: Transition::Drain, at_ns: 5 };
        assert_eq!(progress.drain(5), [Announcement::Transition(drain)]);
        assert_eq!(progress.drain(6), []);
        assert_eq!(progress.passed(100).last(), Some(&drain));
    }
}
