//! Turns a dismissal, or the settling of what an unpaced ramp started, into a wake-up.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

/// Tells one user to go.
#[derive(Debug, Default)]
pub(super) struct Leave {
    said: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Held until the user has gone.
    settling: RefCell<Option<Settling>>,
}

impl Leave {
    /// Says it.
    pub(super) fn say(&self, settling: Option<Settling>) {
        self.said.set(true);
        *self.settling.borrow_mut() = settling;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether it was said.
    pub(super) fn is_said(&self) -> bool {
        self.said.get()
    }

    /// Ready once it was said.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.said.get() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Counts what an unpaced ramp has begun and not yet brought to its end.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    count: Cell<u64>,
    changed: Notify,
}

impl Unsettled {
    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    /// Ready when one has settled since the last time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Counts one until it is dropped.
#[derive(Debug)]
pub(super) struct Settling(Rc<Unsettled>);

impl Settling {
    pub(super) fn new(of: &Rc<Unsettled>) -> Self {
        of.count.set(of.count.get() + 1);
        Self(Rc::clone(of))
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        self.0.changed.notify_one();
    }
}
