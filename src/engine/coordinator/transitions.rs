//! Records transitions that have passed, and lets workers do what begins with them.

use super::Run;
use super::progress::{Token, Turn};
use super::workers::{WorkerHandle, WorkerState};
use crate::catalogue::AtEnd;
use crate::record::{Entry, StageTransition, Transition};
use crate::schedule::{Shape, SpawnPace};

impl Run<'_, '_> {
    pub(super) fn pass_transitions(&mut self, now_ns: u64) {
        for passed in self.progress.passed(now_ns) {
            self.record(Entry::Transition(passed));
            self.plan_iterations(&passed);
            let Some(of) = self.token_at(&passed) else { continue };
            let handles = self.workers.handles.iter().enumerate();
            let working = handles.filter(|(_, handle)| {
                handle.scenario == passed.scenario && handle.state == WorkerState::Working
            });
            let turn =
                |(worker, handle): (usize, &WorkerHandle)| Turn { worker, host: handle.host };
            let workers = working.map(turn).collect();
            let announcements = self.progress.grant_tokens(passed.scenario, of, workers);
            self.announce(announcements);
        }
    }

    /// The work for which workers need a token from this transition on.
    fn token_at(&self, passed: &StageTransition) -> Option<Token> {
        let index = usize::from(passed.scenario);
        match passed.transition {
            Transition::Ramp(stage) => {
                let shape = self.schedule.scenario(index).segments[usize::from(stage)].shape;
                let unpaced = matches!(shape, Shape::Users { from, to, pace: SpawnPace::Unpaced } if from != to);
                unpaced.then_some(Token::Ramp(stage))
            }
            Transition::Drain => {
                let at_end = self.spec.manifest.plan.scenarios[index].protocol.row().at_end;
                (at_end == AtEnd::Close).then_some(Token::Close)
            }
            Transition::Hold(_) | Transition::End => None,
        }
    }
}
