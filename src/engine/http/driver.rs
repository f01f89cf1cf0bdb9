//! Turns a schedule, a clock and orders into users that come and go, arrivals that are released, and one snapshot a second.

use super::super::load::Load;
use super::super::wire::{Notice, Order};
use super::Exchange;
use super::book::Book;
use super::choice::Choices;
use super::leave::{Leave, Settling, Unsettled};
use super::pool::Pool;
use super::user::User;
use crate::plan::Http;
use crate::record::{CellKey, Mark};
use crate::schedule::{Due, SECOND_NS, Shape, Walk};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

/// What is released before requests under way get a turn.
const BATCH: usize = 64;

/// Users of an unpaced ramp that may be connecting at once: more only fill the target's accept queue.
const CONNECTING_MAX: u64 = 256;

/// The stage that is being made.
struct Current {
    stage: u16,
    base_ns: u64,
    unpaced: bool,
    told: bool,
    walk: Walk,
}

/// Ready once a moment has passed. The runtime's timers count in milliseconds; looking at the clock whenever anything else wakes
/// the loop makes what is released late by less than that as soon as there is traffic.
async fn passed(moment: Instant) {
    let mut timer = pin!(sleep_until(moment));
    poll_fn(|cx| match timer.as_mut().poll(cx) {
        Poll::Pending if Instant::now() < moment => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

/// The loop of one worker. Polled by itself, before the tasks that it started.
pub(super) struct Driver<M> {
    load: Load,
    book: Rc<Book>,
    choices: Rc<Choices>,
    make: M,
    notices: mpsc::UnboundedSender<Notice>,
    tasks: JoinSet<()>,
    /// Those who have come and were not told to leave, in the order of their numbers.
    users: Vec<(u64, Rc<Leave>)>,
    pool: Rc<Pool>,
    unsettled: Rc<Unsettled>,
    current: Option<Current>,
    next_stage: u16,
    /// An early end that was ordered.
    ordered_end_ns: Option<u64>,
    /// Once the drain has begun: when it ends at the latest.
    drained_ns: Option<u64>,
    /// The part that was current when the loop last looked.
    part: Option<CellKey>,
    /// The next second to hand over.
    second: u32,
    halted: bool,
}

impl<E: Exchange + 'static, M: Fn(u64) -> E> Driver<M> {
    pub(super) fn new(
        load: Load,
        http: &Http,
        book: Rc<Book>,
        make: M,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        Self {
            choices: Rc::new(Choices::new(load.plan.seed, load.scenario, http)),
            pool: Pool::new(load.share.part_of(http.max_in_flight, 1)),
            load,
            book,
            make,
            notices,
            tasks: JoinSet::new(),
            users: Vec::new(),
            unsettled: Rc::default(),
            current: None,
            next_stage: 0,
            ordered_end_ns: None,
            drained_ns: None,
            part: None,
            second: 0,
            halted: false,
        }
    }

    /// Runs to the end of the scenario, or until it is halted or the coordinator is gone. Inside a `LocalSet`.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        self.await_start(&mut orders).await;
        loop {
            while self.tasks.try_join_next().is_some() {}
            let now = self.now_ns();
            self.pass_marks(now);
            let busy = !self.halted && self.drained_ns.is_none() && self.release(now);
            if !busy {
                self.drain(now);
            }
            self.hand_over(now);
            let drained = self.drained_ns.is_some_and(|end| self.tasks.is_empty() || now >= end);
            if self.halted || drained {
                return self.finish().await;
            }
            if busy {
                yield_now().await;
                continue;
            }
            let next = self.book.moment(self.next_ns());
            let draining = self.drained_ns.is_some();
            tokio::select! {
                biased;
                order = orders.recv() => self.obey(order.as_ref()),
                () = passed(next) => {}
                () = self.unsettled.changed() => {}
                Some(_) = self.tasks.join_next(), if draining => {}
            }
        }
    }

    async fn await_start(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) {
        while !self.halted {
            tokio::select! {
                biased;
                order = orders.recv() => self.obey(order.as_ref()),
                () = passed(self.book.moment(0)) => return,
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.book.ns(Instant::now())
    }

    /// Notes the levels of a part that has ended, before anything is done that belongs to the next.
    fn pass_marks(&mut self, now: u64) {
        let key = self.book.part_at(now);
        if let Some(ended) = self.part.replace(key).filter(|part| *part != key) {
            self.book.part_ended(ended);
        }
    }

    fn obey(&mut self, order: Option<&Order>) {
        match order {
            Some(Order::Boundary { mark, at_ns }) => {
                if *mark == Mark::Drain {
                    self.ordered_end_ns = Some(*at_ns);
                }
                self.load.timeline.learn(*mark, *at_ns);
                self.book.learn(&self.load.timeline);
            }
            // Users connect as fast as they are answered; turns are for those who only hold.
            Some(Order::Turn { .. } | Order::Close) => {}
            Some(Order::Halt) | None => self.halted = true,
        }
    }

    /// When the last hold ends, or was told to; the ordered end also counts where the scenario has not begun.
    fn end_ns(&self) -> Option<u64> {
        let planned = self.load.timeline.at(Mark::Drain);
        [planned, self.ordered_end_ns].into_iter().flatten().min()
    }

    /// Releases what is due, at most a batch of it; true when there is more.
    fn release(&mut self, now: u64) -> bool {
        let end = self.end_ns();
        for _ in 0..BATCH {
            let Some(current) = &mut self.current else {
                if !self.begin_next(now) {
                    return false;
                }
                continue;
            };
            if let Some((due, offset)) = current.walk.peek() {
                let at = current.base_ns + offset;
                let full = current.unpaced && self.unsettled.count() >= CONNECTING_MAX;
                if at > now || end.is_some_and(|end| at >= end) || full {
                    return false;
                }
                current.walk.advance();
                let unpaced = current.unpaced;
                self.start(due, at, unpaced);
            } else if current.unpaced && !current.told {
                if self.unsettled.count() > 0 {
                    return false;
                }
                current.told = true;
                let stage = current.stage;
                self.tell(Notice::Reached { stage });
            } else if !self.begin_next(now) {
                return false;
            }
        }
        true
    }

    /// Goes on to the next stage once its time has come.
    fn begin_next(&mut self, now: u64) -> bool {
        let stage = self.next_stage;
        let Some(segment) = self.load.schedule.segments.get(usize::from(stage)) else {
            return false;
        };
        let Some(base_ns) = self.load.timeline.at(Mark::Ramp(stage)).filter(|at| *at <= now) else {
            return false;
        };
        let unpaced = segment.ramp_ns().is_none();
        match segment.shape {
            Shape::Rate { .. } => self.dismiss_all(),
            Shape::Users { .. } => self.pool.close(),
        }
        let walk = self.load.schedule.walk(usize::from(stage), self.load.share);
        self.current = Some(Current { stage, base_ns, unpaced, told: false, walk });
        self.next_stage += 1;
        true
    }

    fn start(&mut self, due: Due, at_ns: u64, unpaced: bool) {
        let settling = |of| unpaced.then(|| Settling::new(of));
        match due {
            Due::Up(number) => {
                let leave = Rc::new(Leave::default());
                self.users.push((number, Rc::clone(&leave)));
                let user = User {
                    book: Rc::clone(&self.book),
                    choices: Rc::clone(&self.choices),
                    lane: (self.make)(number),
                    number,
                    due_ns: (!unpaced).then_some(at_ns),
                    gone_by: self.next_open_stage(),
                    leave,
                    settling: settling(&self.unsettled),
                };
                self.tasks.spawn_local(user.live());
            }
            Due::Down(number) => {
                // The highest number goes first, and was the last to come.
                while self.users.last().is_some_and(|(last, _)| *last >= number) {
                    if let Some((_, leave)) = self.users.pop() {
                        leave.say(settling(&self.unsettled));
                    }
                }
            }
            Due::Arrival(number) => {
                let request = self.choices.request(&mut self.choices.of(number));
                let (share, make) = (self.load.share, &self.make);
                let lane = |n| make(n * u64::from(share.of) + u64::from(share.index));
                self.pool.take(&self.book, (at_ns, request), &mut self.tasks, lane);
            }
        }
    }

    /// The next stage that has arrivals in place of users.
    fn next_open_stage(&self) -> u16 {
        let segments = (0..).zip(&self.load.schedule.segments);
        let mut open = segments.filter(|(_, one)| matches!(one.shape, Shape::Rate { .. }));
        open.find(|(stage, _)| *stage >= self.next_stage).map_or(u16::MAX, |(stage, _)| stage)
    }

    fn dismiss_all(&mut self) {
        for (_, leave) in self.users.drain(..) {
            leave.say(None);
        }
    }

    /// Begins the drain once its time has come: what is under way has as long as a request may take.
    fn drain(&mut self, now: u64) {
        let Some(end) = self.end_ns().filter(|end| *end <= now) else { return };
        let undone = self.current.as_ref().and_then(|current| {
            let due = current.base_ns + current.walk.peek()?.1;
            (due < end && !current.unpaced).then_some(due)
        });
        if self.drained_ns.is_none() && undone.is_none() {
            self.dismiss_all();
            self.pool.close();
            let timeout = u64::try_from(self.book.timeout.as_nanos()).unwrap_or(u64::MAX);
            self.drained_ns = Some(end.saturating_add(timeout));
        }
    }

    /// Hands over every second that has ended.
    fn hand_over(&mut self, now: u64) {
        while now >= (u64::from(self.second) + 1) * SECOND_NS {
            self.tell(Notice::Snapshot(Box::new(self.book.take(self.second))));
            self.second += 1;
        }
    }

    /// Lets go of what has not ended, and hands over the rest.
    async fn finish(mut self) {
        self.tasks.shutdown().await;
        let now = self.now_ns();
        self.hand_over(now);
        self.tell(Notice::Snapshot(Box::new(self.book.take(self.second))));
        self.tell(Notice::Done);
    }

    /// Nobody listens any more only when the process is about to end.
    fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }

    /// When the loop has to look again even if nothing happens; in the past when that time has come meanwhile.
    fn next_ns(&self) -> u64 {
        let second = (u64::from(self.second) + 1) * SECOND_NS;
        if let Some(end) = self.drained_ns {
            return end.min(second);
        }
        // What is left of an unpaced ramp waits for those who connect, not for its time.
        let current = self.current.as_ref().filter(|current| !current.unpaced);
        let due = current.and_then(|current| Some(current.base_ns + current.walk.peek()?.1));
        let ramping = self.current.as_ref().is_some_and(|current| current.unpaced && !current.told);
        let mark = self.load.timeline.at(Mark::Ramp(self.next_stage)).filter(|_| !ramping);
        [due, mark, self.end_ns()].into_iter().flatten().fold(second, u64::min)
    }
}
