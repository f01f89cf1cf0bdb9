//! Turns a plan whose targets are known into a run: starts workers, follows them, judges, ends them.
//!
//! **Invariant:** the coordinator makes no load, and what it does never delays a connection or a request.

mod assign;
mod books;
mod course;
mod crew;
mod lookout;
mod order;
mod patience;
mod supply;

use super::clock::{Clock, monotonic_ns};
use super::event::Event;
use super::http::Choices;
use super::rows::shared_rows;
use super::wire::{FromWorker, Notice, Order, ToWorker};
use crate::plan::{OnWorkerLoss, Protocol};
use crate::record::{Boundary, Cause, Entry, HostSample, Mark, Second, StopReason};
use crate::schedule::{Pace, Schedule, Shape, Share};
use crate::verdict::Judge;
use assign::{assignment, narrow};
use books::Books;
use course::{Announcement, Course, TurnOf};
use crew::{Crew, Standing, Word};
use lookout::Lookout;
pub use order::{Ended, EngineError, RunOrder};
use std::collections::BTreeSet;
use std::time::Duration;
use supply::{Supplies, Told};
use tokio::sync::mpsc;

/// A worker that has said nothing for so long is lost. It speaks once a second, but a hundred processes that open a million
/// connections on two cores have kept each other waiting for more than four.
const SILENCE_NS: u64 = 10_000_000_000;

/// How often the coordinator looks at the clock.
const TICK: Duration = Duration::from_millis(50);

/// From the last assignment to the run's first instant: time for the message to reach every worker.
const LEAD_NS: u64 = 200_000_000;

/// How long workers may take to end after everything is told, or after they are told to stop at once.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Makes a run. `signals` brings the numbers of signals that ask for its end: the first gracefully, the second at once.
pub async fn run(
    order: RunOrder,
    signals: mpsc::Receiver<i32>,
    watch: &mut dyn FnMut(&Event),
) -> Result<Ended, EngineError> {
    let mut crew = Crew::new();
    let mut books = Books::default();
    let schedule = Schedule::new(&order.plan);
    let shared = shared_rows(&order.plan, &schedule, &order.files);
    let mut supplies = Supplies::new(shared, &order.workers);
    for (index, workers) in order.workers.iter().enumerate() {
        let at_once = schedule.scenario(index).at_once().div_ceil(u64::from(*workers).max(1));
        for worker in 0..*workers {
            let share = Share { index: worker, of: *workers };
            let rows = supplies.open(index, at_once);
            crew.hire(&order.exe, assignment(&order, index, share, rows))?;
            books.open(narrow(index));
        }
    }
    let idle = crew.all_ready().await?;
    let t0_ns = monotonic_ns() + LEAD_NS;
    crew.tell_all(&ToWorker::Start { t0_ns });
    watch(&Event::Started {
        targets: order.targets.clone(),
        workers: order.workers.clone(),
        warnings: order.warnings.clone(),
    });
    let mut lookout = Lookout::new(order.servers.clone(), order.cores);
    let baseline = HostSample { workers: idle, ..lookout.baseline() };
    let course = Course::new(&schedule, order.cores);
    let judge = Judge::new(&order.plan);
    crew.members.iter_mut().for_each(|member| member.heard_ns = t0_ns);
    let mut run = Run {
        order,
        schedule,
        crew,
        books,
        supplies,
        course,
        judge,
        clock: Clock::starting_at(t0_ns),
        watch,
        seen: BTreeSet::new(),
        reason: None,
        hopeless_ns: None,
        looked_ns: t0_ns,
        lookout,
    };
    run.record(Entry::Baseline(baseline));
    run.follow(signals).await;
    Ok(run.finish().await)
}

/// A run that goes on.
struct Run<'a> {
    order: RunOrder,
    schedule: Schedule,
    crew: Crew,
    books: Books,
    supplies: Supplies,
    course: Course,
    judge: Judge,
    clock: Clock,
    watch: &'a mut dyn FnMut(&Event),
    /// Causes that have been told of.
    seen: BTreeSet<(u16, Cause)>,
    /// Why the run is being brought to an end.
    reason: Option<StopReason>,
    /// Since when the run can only be INVALID, on the run's clock.
    hopeless_ns: Option<u64>,
    /// When the coordinator last looked at the clock, on the monotonic clock.
    looked_ns: u64,
    lookout: Lookout,
}

impl Run<'_> {
    /// Follows the workers until all scenarios have ended.
    async fn follow(&mut self, mut signals: mpsc::Receiver<i32>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut asked = 0;
        let mut halt_at = None;
        while !self.course.is_over() {
            tokio::select! {
                (worker, word) = self.crew.word() => self.hear(worker, word),
                _ = tick.tick() => self.look(),
                Some(signal) = signals.recv() => {
                    asked += 1;
                    self.interrupt(signal, asked);
                    if asked == 2 {
                        halt_at = Some(tokio::time::Instant::now() + END_WITHIN);
                    }
                }
            }
            if halt_at.is_some_and(|at| tokio::time::Instant::now() >= at) {
                self.lose_all("it did not stop when it was told to");
            }
        }
    }

    fn interrupt(&mut self, signal: i32, asked: u32) {
        if asked == 1 {
            self.stop(
                StopReason::Interrupted { signal },
                "interrupted: ending gracefully; once more to stop at once",
            );
        } else {
            (self.watch)(&Event::Stopping {
                why: "interrupted again: stopping at once".to_owned(),
            });
            self.crew.tell_all(&ToWorker::Order(Order::Halt));
        }
    }

    /// Brings the run to its end gracefully; the first reason stays.
    fn stop(&mut self, reason: StopReason, why: &str) {
        if self.reason.is_some() {
            return;
        }
        self.reason = Some(reason);
        (self.watch)(&Event::Stopping { why: why.to_owned() });
        let announcements = self.course.drain(self.clock.now_ns());
        self.announce(announcements);
    }

    fn announce(&mut self, announcements: Vec<Announcement>) {
        for announcement in announcements {
            match announcement {
                Announcement::Mark(Boundary { scenario, mark, at_ns }) => {
                    self.crew.tell_scenario(scenario, &Order::Boundary { mark, at_ns });
                }
                Announcement::Turn { worker, of } => {
                    let order = match of {
                        TurnOf::Ramp(stage) => Order::Turn { stage },
                        TurnOf::Close => Order::Close,
                    };
                    self.crew.members[worker].tell(&ToWorker::Order(order));
                }
            }
        }
    }

    fn tell(&mut self, told: Vec<Told>) {
        for (worker, order) in told {
            self.crew.members[worker].tell(&ToWorker::Order(order));
        }
    }

    fn hear(&mut self, worker: usize, word: Word) {
        let member = &mut self.crew.members[worker];
        member.heard_ns = monotonic_ns();
        let (scenario, working) = (member.scenario, member.standing == Standing::Working);
        match word {
            // What a lost worker still says has been accounted for already.
            _ if !working => {}
            Word::Message(FromWorker::Notice(Notice::Snapshot(snapshot))) => {
                self.books.add(worker, &snapshot);
            }
            Word::Message(FromWorker::Notice(Notice::Reached { .. })) => {
                let now_ns = self.clock.now_ns();
                // A quick worker is there before the next look at the clock.
                self.pass_marks(now_ns);
                let announcements = self.course.reached(scenario, worker, now_ns);
                self.announce(announcements);
            }
            Word::Message(FromWorker::Notice(Notice::Done)) => {
                self.crew.members[worker].standing = Standing::Done;
                self.books.retire(worker);
                let told = self.supplies.gone(worker);
                self.tell(told);
                let announcements = self.course.reached(scenario, worker, self.clock.now_ns());
                self.announce(announcements);
                self.end_if_done(scenario);
            }
            Word::Message(FromWorker::Notice(Notice::WantRows { waits })) => {
                let told = self.supplies.wanted(worker, waits);
                self.tell(told);
            }
            Word::Message(FromWorker::Notice(Notice::ReturnedRows { blocks })) => {
                let told = self.supplies.returned(worker, &blocks);
                self.tell(told);
            }
            Word::Message(FromWorker::Failed { why }) | Word::Gone(why) => self.lose(worker, &why),
            Word::Message(FromWorker::Ready { .. }) => {}
        }
    }

    /// Accounts for a worker that died or stalled.
    fn lose(&mut self, worker: usize, why: &str) {
        let member = &mut self.crew.members[worker];
        let (scenario, share) = (member.scenario, member.share);
        member.standing = Standing::Lost;
        let why = member.kill().unwrap_or_else(|| why.to_owned());
        let index = usize::from(scenario);
        self.books.lose(worker, &self.order.plan.scenarios[index].protocol);
        let at_ns = self.clock.now_ns();
        let number = u16::try_from(share.index).unwrap_or(u16::MAX);
        self.record(Entry::WorkerLost { scenario, worker: number, at_ns, why });
        let told = self.supplies.gone(worker);
        self.tell(told);
        let announcements = self.course.reached(scenario, worker, at_ns);
        self.announce(announcements);
        let none_left = self.crew.members.iter().all(|member| member.standing != Standing::Working);
        if none_left || self.order.plan.generator.on_worker_loss == OnWorkerLoss::Stop {
            self.stop(StopReason::WorkerLoss, "a worker was lost: ending");
        }
        self.end_if_done(scenario);
    }

    fn lose_all(&mut self, why: &str) {
        for worker in 0..self.crew.members.len() {
            if self.crew.members[worker].standing == Standing::Working {
                self.lose(worker, why);
            }
        }
    }

    fn end_if_done(&mut self, scenario: u16) {
        if !self.crew.is_done(scenario) {
            return;
        }
        let now_ns = self.clock.now_ns();
        self.drop_shares_of_lost(scenario, now_ns);
        self.pass_marks(now_ns);
        let end = self.course.end(scenario, now_ns);
        self.record(Entry::Boundary(end));
    }

    /// What fell due for a lost worker's share after it was lost was not started by anybody.
    fn drop_shares_of_lost(&mut self, scenario: u16, now_ns: u64) {
        let schedule = self.schedule.scenario(usize::from(scenario));
        let ramps = self.course.ramps(scenario, schedule.segments.len());
        let end_ns = self.course.drains_at(scenario).map_or(now_ns, |drain| drain.min(now_ns));
        let choices = Choices::apart(&self.order.plan, usize::from(scenario));
        let chosen = |number| choices.as_ref().map(|choices| choices.of_arrival(number));
        for (worker, member) in self.crew.members.iter().enumerate() {
            if member.scenario == scenario && member.standing == Standing::Lost {
                let until = (ramps.as_slice(), end_ns);
                self.books.drop_share(worker, member.share, schedule, until, chosen);
            }
        }
    }

    /// Looks at the clock: marks that have passed, seconds that are complete, workers that have gone silent.
    fn look(&mut self) {
        let monotonic = monotonic_ns();
        if monotonic > self.looked_ns + SILENCE_NS / 2 {
            // It was this process that stood still.
            self.crew.members.iter_mut().for_each(|member| member.heard_ns = monotonic);
        }
        self.looked_ns = monotonic;
        let now_ns = self.clock.now_ns();
        self.pass_marks(now_ns);
        while let Some(second) = self.books.next(now_ns) {
            self.write(second);
        }
        for worker in 0..self.crew.members.len() {
            let member = &self.crew.members[worker];
            if member.standing == Standing::Working && monotonic > member.heard_ns + SILENCE_NS {
                self.lose(worker, &format!("no word for {} s", SILENCE_NS / 1_000_000_000));
            }
        }
    }

    fn pass_marks(&mut self, now_ns: u64) {
        for boundary in self.course.passed(now_ns) {
            self.record(Entry::Boundary(boundary));
            let Some(of) = self.turns_of(&boundary) else { continue };
            let members = self.crew.members.iter().enumerate();
            let working = members.filter(|(_, member)| {
                member.scenario == boundary.scenario && member.standing == Standing::Working
            });
            let workers = working.map(|(worker, _)| worker).collect();
            let turns = self.course.take_turns(boundary.scenario, of, workers);
            self.announce(turns);
        }
    }

    /// What workers take turns at from this mark on.
    fn turns_of(&self, boundary: &Boundary) -> Option<TurnOf> {
        let index = usize::from(boundary.scenario);
        match boundary.mark {
            Mark::Ramp(stage) => {
                let shape = self.schedule.scenario(index).segments[usize::from(stage)].shape;
                let unpaced =
                    matches!(shape, Shape::Users { from, to, pace: Pace::Unpaced } if from != to);
                unpaced.then_some(TurnOf::Ramp(stage))
            }
            Mark::Drain => {
                let held =
                    matches!(self.order.plan.scenarios[index].protocol, Protocol::TcpHold(_));
                held.then_some(TurnOf::Close)
            }
            Mark::Hold(_) | Mark::End => None,
        }
    }

    fn record(&mut self, entry: Entry) {
        self.judge.add(&entry);
        (self.watch)(&Event::Recorded(entry));
    }

    fn write(&mut self, mut second: Second) {
        second.host = Some(self.lookout.look(self.clock.now_ns()));
        let mut first = Vec::new();
        for (scenario, facts) in &second.scenarios {
            for (cause, tally) in facts.cells.iter().flat_map(|(_, cell)| &cell.failures) {
                if self.seen.insert((*scenario, *cause)) {
                    let (at_ns, sample) = (tally.first_ns, tally.sample.clone());
                    first.push(Event::FirstFailure {
                        scenario: *scenario,
                        cause: *cause,
                        at_ns,
                        sample,
                    });
                }
            }
        }
        self.record(Entry::Second(second));
        for event in &first {
            (self.watch)(event);
        }
        (self.watch)(&Event::Judged(self.judge.findings()));
        if self.reason.is_none()
            && let Some((scenario, threshold)) = self.judge.abort(self.clock.now_ns())
        {
            let check = &self.order.plan.scenarios[usize::from(scenario)].thresholds
                [usize::from(threshold)]
            .condition;
            let why = format!("`{check}` is broken: ending");
            self.stop(StopReason::Aborted { scenario, threshold }, &why);
        }
        self.give_up();
    }

    async fn finish(mut self) -> Ended {
        self.crew.dismiss(END_WITHIN).await;
        while let Some(second) = self.books.rest() {
            self.write(second);
        }
        let reason = self.reason.take().unwrap_or(StopReason::Completed);
        self.record(Entry::Stopped { at_ns: self.clock.now_ns(), reason });
        Ended { verdict: self.judge.verdict(), recording: self.judge.recording().clone() }
    }
}

#[cfg(test)]
mod tests;
