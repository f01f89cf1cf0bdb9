//! Turns one virtual user into its requests, one after the other, with its think times between them.

use super::Exchange;
use super::book::{Attempt, Book};
use super::carry::{After, carry_out};
use super::choice::Choices;
use super::leave::{Leave, Settling};
use crate::plan::Part;
use crate::protocol::http::Level;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A user waits so long after a connection that did not come about, whatever its think time, and twice as long after each further
/// one, up to the longest wait: a target that refuses everything is not asked faster than it can be told apart from a busy loop.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A user waits so long after the generator itself failed: it is out of something, and others have to give that back first.
const LOCAL_WAIT: Duration = Duration::from_millis(100);

/// One virtual user.
pub(super) struct User<E> {
    pub(super) book: Rc<Book>,
    pub(super) choices: Rc<Choices>,
    pub(super) lane: E,
    pub(super) number: u64,
    /// When it was to come; `None` in an unpaced ramp, where nothing is late.
    pub(super) due_ns: Option<u64>,
    /// The stage that has no users any more: what begins in it is an arrival's.
    pub(super) gone_by: u16,
    pub(super) leave: Rc<Leave>,
    pub(super) settling: Option<Settling>,
}

impl<E: Exchange> User<E> {
    /// Sends requests until told to leave; the one under way is brought to its end.
    pub(super) async fn live(mut self) {
        let _here = Level::up(&self.book.levels.users);
        if let Some(due_ns) = self.due_ns {
            let late = self.book.ns(Instant::now()).saturating_sub(due_ns);
            self.book.lag(self.book.part_at(due_ns), late);
        }
        let mut rng = self.choices.of(self.number);
        let mut wait = FIRST_WAIT;
        while !self.leave.is_said() {
            let now_ns = self.book.ns(Instant::now());
            let now = self.book.part_at(now_ns);
            if now.part == Part::Drain || now.stage >= self.gone_by {
                return;
            }
            let attempt = Attempt::now(&self.book, now_ns);
            let request = self.choices.request(&mut rng);
            let after = carry_out(&mut self.lane, attempt, request, &mut self.settling).await;
            let mut pause = self.choices.think(&mut rng);
            match after {
                After::Go => wait = FIRST_WAIT,
                After::Local => pause = pause.max(LOCAL_WAIT),
                After::Unconnected => {
                    pause = pause.max(wait);
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
            if !pause.is_zero() && !self.leave.is_said() {
                self.rest(pause).await;
            }
        }
    }

    /// Waits, and watches the connection meanwhile, so that one that the server closes is gone when the next request comes.
    async fn rest(&mut self, pause: Duration) {
        let (mut pause, mut closed) = (pin!(sleep(pause)), pin!(self.lane.closed()));
        let mut watching = true;
        poll_fn(|cx| {
            if self.leave.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if watching && closed.as_mut().poll(cx).is_ready() {
                watching = false;
            }
            pause.as_mut().poll(cx)
        })
        .await;
    }
}
