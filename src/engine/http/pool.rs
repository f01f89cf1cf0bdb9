//! Turns arrivals into requests on connections that are kept: the one that was idle last is taken first, a new one if none is idle.

use super::Exchange;
use super::book::{Attempt, Book};
use super::carry::carry_out;
use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use tokio::task::JoinSet;

/// One arrival that is to be carried out.
pub(super) struct Job {
    pub(super) attempt: Attempt,
    pub(super) request: usize,
}

/// One connection's place: what it is to do next.
#[derive(Default)]
struct Slot {
    job: Cell<Option<Job>>,
    /// It takes no more: its connection is gone, or it was sent away.
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The connections of a worker's open stages.
pub(super) struct Pool {
    /// Requests that may be under way at once.
    room: u64,
    busy: Cell<u64>,
    idle: RefCell<Vec<Rc<Slot>>>,
    /// Numbers of connections that have gone, for the next ones: routes repeat, so that ports do.
    free: RefCell<Vec<u64>>,
    made: Cell<u64>,
    closing: Cell<bool>,
}

impl Pool {
    pub(super) fn new(room: u64) -> Rc<Self> {
        Rc::new(Self {
            room,
            busy: Cell::new(0),
            idle: RefCell::default(),
            free: RefCell::default(),
            made: Cell::new(0),
            closing: Cell::new(false),
        })
    }

    /// Takes an arrival that is due at `due_ns`, or drops it when there is no room. `make` makes the lane of a connection by its
    /// number in this worker.
    pub(super) fn take<E: Exchange + 'static>(
        self: &Rc<Self>,
        book: &Rc<Book>,
        (due_ns, request): (u64, usize),
        tasks: &mut JoinSet<()>,
        make: impl FnOnce(u64) -> E,
    ) {
        self.closing.set(false);
        if self.busy.get() >= self.room {
            book.drop_due(book.part_at(due_ns));
            return;
        }
        self.busy.set(self.busy.get() + 1);
        let job = Job { attempt: Attempt::due(book, due_ns), request };
        if let Some(slot) = self.idle_slot() {
            slot.job.set(Some(job));
            slot.wake();
        } else {
            let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
                self.made.set(self.made.get() + 1);
                self.made.get() - 1
            });
            tasks.spawn_local(Rc::clone(self).serve(make(number), number, job));
        }
    }

    /// Ends the idle connections now, and the others after their request.
    pub(super) fn close(&self) {
        self.closing.set(true);
        for slot in self.idle.borrow_mut().drain(..) {
            slot.over.set(true);
            slot.wake();
        }
    }

    fn idle_slot(&self) -> Option<Rc<Slot>> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find(|slot| !slot.over.get())
    }

    /// The life of one connection: request after request, until it is gone or sent away.
    async fn serve<E: Exchange>(self: Rc<Self>, mut lane: E, number: u64, first: Job) {
        let slot = Rc::new(Slot::default());
        let mut next = Some(first);
        while let Some(Job { attempt, request }) = next {
            carry_out(&mut lane, attempt, request, &mut None).await;
            self.busy.set(self.busy.get() - 1);
            if self.closing.get() || !lane.is_open().await {
                break;
            }
            self.idle.borrow_mut().push(Rc::clone(&slot));
            next = wait(&slot, &mut lane).await;
        }
        self.free.borrow_mut().push(number);
    }
}

/// The next job; `None` when the connection has gone or is to go.
async fn wait<E: Exchange>(slot: &Slot, lane: &mut E) -> Option<Job> {
    let mut closed = pin!(lane.closed());
    poll_fn(|cx| {
        // A job that was given is carried out even if the connection has just gone.
        if let Some(job) = slot.job.take() {
            return Poll::Ready(Some(job));
        }
        if slot.over.get() || closed.as_mut().poll(cx).is_ready() {
            slot.over.set(true);
            return Poll::Ready(None);
        }
        *slot.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}
