//! Turns many deadlines of one connection, one after the other, into few timer operations.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// One timer that is moved only when it must ring earlier, or has rung too early.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready once `deadline` has passed.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline || Instant::now() >= deadline {
                return Poll::Ready(());
            }
            // It was set for an earlier request of this connection.
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
