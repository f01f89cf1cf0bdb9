//! Decides what follows a request: the next step of the iteration, or a new iteration with its own
//! row.
//!
//! An iteration is what a user does before it starts over, or what an arrival does: all steps in
//! order, or a single request in a plan without steps. Its row does not depend on the number of
//! workers, unless users take rows that are used once.

use super::super::rows::{RowSource, RowStock, Taken};
use super::HttpWorker;
use super::host::HttpHost;
use super::slots::{HttpSlotState, Slot};
use super::users::Continuation;
use crate::plan::{
    Assertion, Http, Level, OnFailure, Phase, RowOrder, Stage, ThinkTime, count_only,
};
use crate::record::{Cause, Failure, FailureStage};
use crate::units::narrow;
use crate::workload::http::{Extracted, PassIdentity, RequestOutcome, UserSession};
use fastrand::Rng;

/// How iterations of a scenario proceed.
#[derive(Debug)]
pub(super) struct Iterations {
    /// The number of steps; 1 in a plan without steps.
    steps: u16,
    pub(super) in_steps: bool,
    /// By step: whether the next one follows when it fails.
    goes_on: Vec<bool>,
    /// By step: its own think time.
    think_times: Vec<Option<ThinkTime>>,
    /// Whether users keep anything between requests.
    uses_sessions: bool,
    cookies: bool,
    rows: Option<(RowOrder, u64)>,
    /// The scenario's largest number of users: iterations of users are numbered by it.
    users: u64,
    /// The source of rows that are used once.
    source: RowSource,
    pub(super) stock: RowStock,
    /// By request: the bits of the checks that are only counted.
    count_only: Vec<u64>,
    /// By request: checks of its time, each as bit, limit and text.
    time_checks: Vec<Vec<(u64, u64, String)>>,
    /// By request: the bits of the checks whose failure ends the iteration.
    fatal_checks: Vec<u64>,
}

impl Iterations {
    pub(super) fn new(http: &Http, stages: &[Stage], source: RowSource, rows: u64) -> Self {
        let extracts = http.requests.iter().any(|request| !request.extract.is_empty());
        let users = |stage: &Stage| match stage.level {
            Level::Users { users, .. } => users,
            Level::Rate { .. } => 0,
        };
        let timed = http.requests.iter().map(|request| {
            let entry = |(at, check): (usize, &crate::plan::Check)| match check.what {
                Assertion::Time(time) => {
                    Some((1 << at, time.as_nanos(), format!("not under {time}")))
                }
                _ => None,
            };
            request.checks.iter().enumerate().filter_map(entry).collect()
        });
        Self {
            steps: if http.in_steps { narrow(http.requests.len()) } else { 1 },
            in_steps: http.in_steps,
            goes_on: http
                .requests
                .iter()
                .map(|request| request.on_failure == OnFailure::Continue)
                .collect(),
            think_times: http.requests.iter().map(|request| request.think_time).collect(),
            uses_sessions: http.data.is_some()
                || http.cookies
                || http.redirects > 0
                || extracts
                || http.generates(|_| true),
            cookies: http.cookies,
            rows: http.data.as_ref().map(|data| (data.order, rows)),
            users: stages.iter().map(users).max().unwrap_or(0).max(1),
            source,
            stock: RowStock::new(source),
            time_checks: timed.collect(),
            count_only: http.requests.iter().map(|one| count_only(&one.checks)).collect(),
            fatal_checks: http
                .requests
                .iter()
                .map(|request| fatal_checks(&request.checks))
                .collect(),
        }
    }

    /// The row of an iteration; `None` when none is left.
    fn row(&mut self, pass: u64, rng: &mut Rng) -> Option<u64> {
        let (order, rows) = self.rows.filter(|(_, rows)| *rows > 0)?;
        match order {
            RowOrder::Sequential => Some(pass % rows),
            RowOrder::Random => Some(rng.u64(0..rows)),
            RowOrder::Unique => {
                let row = match (self.source, self.stock.take()) {
                    (RowSource::Numbered { first }, _) => first.checked_add(pass)?,
                    (_, Taken::Row(row)) => row,
                    (_, Taken::Later | Taken::Out) => return None,
                };
                debug_assert!(row < rows);
                Some(row)
            }
        }
    }

    /// Whether an iteration that begins now would have to wait for its row.
    pub(super) fn is_short_of_rows(&self) -> bool {
        matches!(self.source, RowSource::Granted { .. }) && self.stock.is_short()
    }

    /// Whether to ask for rows now, and if so, whether an iteration waits for one.
    pub(super) fn wants_rows(&mut self, waits: bool) -> Option<bool> {
        matches!(self.source, RowSource::Granted { .. }).then(|| self.stock.wants(waits))?
    }

    /// Begins an iteration of user or arrival `number`. There must be a row for it. `of_stage`: its
    /// number among those that the users of a stage share, which says its row.
    pub(super) fn begin<L>(&mut self, entry: &mut Slot<L>, number: u64, of_stage: Option<u64>) {
        entry.step = 0;
        if !self.uses_sessions {
            return;
        }
        let mut session =
            entry.session.take().unwrap_or_else(|| Box::new(UserSession::new(self.cookies)));
        let pass = number.wrapping_add(session.passes().wrapping_mul(self.users));
        let row = self.row(of_stage.unwrap_or(pass), &mut entry.rng);
        let identity = PassIdentity { pass, user: number, iteration: session.passes() };
        session.begin_pass(identity, row, self.rows.is_some());
        entry.session = Some(session);
    }

    /// How to proceed after a response.
    pub(super) fn after(&self, request: u32, answer: &RequestOutcome) -> Continuation {
        let Some(error) = &answer.error else { return Continuation::Proceed };
        match Continuation::of(error) {
            Continuation::Failed if self.only_named_checks_failed(request, answer) => {
                Continuation::Proceed
            }
            after => after,
        }
    }

    /// Whether named checks that failed are all that is wrong with a response.
    fn only_named_checks_failed(&self, request: u32, answer: &RequestOutcome) -> bool {
        let ending = self.fatal_checks.get(request as usize).copied().unwrap_or(u64::MAX);
        let counted = self.count_only.get(request as usize).copied().unwrap_or(0);
        let broken = answer.failed_checks.map(|broken| broken & !counted);
        !answer.misses_value && broken.is_some_and(|broken| broken != 0 && broken & ending == 0)
    }

    /// Advances to the next step; false if the iteration has ended.
    fn advance<L>(&self, entry: &mut Slot<L>, after: Continuation) -> bool {
        let goes_on = after == Continuation::Proceed
            || self.goes_on.get(usize::from(entry.step)).copied().unwrap_or(false);
        entry.step = if goes_on { entry.step + 1 } else { self.steps };
        if entry.step >= self.steps {
            entry.step = 0;
        }
        entry.step > 0
    }
}

/// The bits of the checks whose failure ends an iteration: those without a name. Failures of named
/// checks are only counted, as in k6.
fn fatal_checks(checks: &[crate::plan::Check]) -> u64 {
    let bits = checks.iter().enumerate().filter(|(_, check)| !check.is_named);
    bits.fold(0, |all, (at, _)| all | 1 << at)
}

impl<H: HttpHost> HttpWorker<H> {
    /// Begins what follows a request of an arrival; false if its iteration has ended.
    pub(super) fn continues_iteration(&mut self, slot: u32, after: Continuation, now: u64) -> bool {
        if !self.iterations.in_steps {
            return false;
        }
        let ended = self.slots.get(slot).step;
        if !self.iterations.advance(self.slots.get(slot), after) {
            return false;
        }
        let pause = self.pause(slot, ended);
        if pause == 0 {
            self.next_step(slot, now);
        } else {
            self.think_until(slot, now.saturating_add(pause));
        }
        true
    }

    /// Begins the next step of an arrival: due when the one before it has ended and its pause is
    /// over.
    pub(super) fn next_step(&mut self, slot: u32, now: u64) {
        if self.pass_marks(now).phase == Phase::Drain {
            self.end_arrival(slot);
            return;
        }
        let step = self.slots.get(slot).step;
        let attempt = self.recorder.start(Some(now), u32::from(step), now);
        self.begin_attempt(slot, attempt, now);
    }

    /// Ends the iterations of arrivals that pause between two steps.
    pub(super) fn end_thinking_arrivals(&mut self) {
        for slot in 0..self.slots.len() {
            let entry = self.slots.get(slot);
            if entry.state == HttpSlotState::Thinking && !entry.is_user {
                self.end_arrival(slot);
            }
        }
    }

    /// Advances a user to its next step or iteration; returns the pause before it in nanoseconds.
    pub(super) fn pause_after(&mut self, slot: u32, after: Continuation) -> u64 {
        let ended = self.slots.get(slot).step;
        if self.iterations.in_steps {
            self.iterations.advance(self.slots.get(slot), after);
        }
        self.pause(slot, ended)
    }

    /// The pause after a step, in nanoseconds.
    fn pause(&mut self, slot: u32, step: u16) -> u64 {
        let own = self.iterations.think_times.get(usize::from(step)).copied().flatten();
        let own = own.filter(|_| self.iterations.in_steps);
        let think = self.mix.think(&mut self.slots.get(slot).rng, own);
        u64::try_from(think.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Updates the user's session with a response and checks its time; true if a redirect is
    /// followed.
    pub(super) fn inspect_response(
        &mut self,
        slot: u32,
        answer: &mut RequestOutcome,
        extracted: Option<Box<Extracted>>,
        now: u64,
    ) -> bool {
        let entry = self.slots.get(slot);
        let attempt = entry.attempt;
        if let (Some(extracted), Some(session)) = (extracted, &mut entry.session) {
            let taken = self.host.update_session(entry.number, session, *extracted, now);
            for (loss, words) in taken.lost {
                self.recorder.cell(attempt.key).lose_cookie(loss, now, words);
            }
            match taken.follows {
                Ok(false) => {}
                Ok(true) => {
                    self.recorder.received(&attempt, answer.body_bytes);
                    if entry.connection.is_some() {
                        self.send(slot, now);
                    } else {
                        self.connect(slot, now);
                    }
                    return true;
                }
                Err(error) => {
                    answer.failed_checks = None;
                    answer.error.get_or_insert(error);
                }
            }
        }
        let timed = &self.iterations.time_checks[attempt.request as usize];
        if let (false, Some(broken), Some(sent)) =
            (timed.is_empty(), &mut answer.failed_checks, attempt.sent_ns())
        {
            let took = answer.ended_ns.saturating_sub(sent);
            for (bit, _, words) in timed.iter().filter(|(_, limit, _)| took >= *limit) {
                *broken |= bit;
                if self.iterations.count_only[attempt.request as usize] & bit != 0 {
                    continue;
                }
                answer.error.get_or_insert_with(|| crate::workload::http::RequestError {
                    cause: Cause::new(Failure::Check, FailureStage::Request),
                    sample: format!("it took {} ms, {words}", took / 1_000_000),
                });
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(order: RowOrder, source: RowSource) -> Iterations {
        let data = crate::plan::Data { file: "x.csv".into(), order, separator: b',', spot: None };
        let http = Http { data: Some(data), ..Http::default() };
        Iterations::new(&http, &[], source, 10)
    }

    #[test]
    fn rows_that_are_used_once_come_by_number_or_from_the_stock() {
        let mut rng = Rng::with_seed(1);
        let mut numbered = passes(RowOrder::Unique, RowSource::Numbered { first: 4 });
        assert!(!numbered.is_short_of_rows());
        let rows: Vec<_> = [0, 5, 2].map(|pass| numbered.row(pass, &mut rng)).into();
        assert_eq!(rows, [Some(4), Some(9), Some(6)]);
        assert_eq!(numbered.wants_rows(true), None);
        let mut granted = passes(RowOrder::Unique, RowSource::Granted { first: 7, count: 1 });
        assert_eq!((granted.is_short_of_rows(), granted.row(0, &mut rng)), (false, Some(7)));
        assert_eq!((granted.is_short_of_rows(), granted.row(1, &mut rng)), (true, None));
        assert_eq!(granted.wants_rows(true), Some(true));
    }

    #[test]
    fn rows_come_one_after_the_other_or_by_chance() {
        let mut rng = Rng::with_seed(1);
        let mut entry = passes(RowOrder::Sequential, RowSource::Any);
        let rows: Vec<_> = [0, 9, 10, 23].map(|pass| entry.row(pass, &mut rng)).into();
        assert_eq!(rows, [Some(0), Some(9), Some(0), Some(3)]);
        let mut any = passes(RowOrder::Random, RowSource::Any);
        let draw = |any: &mut Iterations, seed| {
            let mut rng = Rng::with_seed(seed);
            (0..50).map(|pass| any.row(pass, &mut rng).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(&mut any, 3), draw(&mut any, 3));
        assert_ne!(draw(&mut any, 3), draw(&mut any, 4));
        let hit: std::collections::BTreeSet<u64> = draw(&mut any, 3).into_iter().collect();
        assert!(hit.len() > 7 && hit.iter().all(|row| *row < 10));
    }
}
