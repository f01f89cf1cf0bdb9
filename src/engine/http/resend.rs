//! Sends a request again that the server did not process.
//!
//! A server may say that it has not processed a request (GOAWAY, a refused stream), or close an
//! idle connection just when a request is on its way: a connection that has answered before ends
//! without a byte of the response. A request that was not processed may always be sent again; one
//! that met an idle close, only if the plan permits it. Such a request goes to another connection
//! or stream as often as needed within its `timeout`, and each time counts as `retried`; the
//! outcome is that of the last time, and the time runs from the first. Nothing else is sent again.

use super::slots::HttpSlotState;
use super::{HttpHost, HttpWorker};
use crate::record::{Cause, ConnectionEnd, Counter, Failure, FailureStage};
use crate::workload::http::{RequestError, RequestOutcome, RetrySafety};

/// How often a request is sent again without a pause.
const WITHOUT_PAUSE: u16 = 16;

/// After those, the first pause and the longest; each is twice as long as the one before.
const FIRST_PAUSE_NS: u64 = 1_000_000;
const LONGEST_PAUSE_NS: u64 = 50_000_000;

/// The pause before a request is sent again for the given time.
fn pause_ns(times: u16) -> u64 {
    match times.checked_sub(WITHOUT_PAUSE) {
        None | Some(0) => 0,
        Some(beyond) => (FIRST_PAUSE_NS << (beyond - 1).min(6)).min(LONGEST_PAUSE_NS),
    }
}

/// The error of a request that was never sent.
fn closed_unsent() -> RequestError {
    let cause = Cause::new(Failure::ClosedByServer, FailureStage::Request);
    RequestError {
        cause,
        sample: "every connection was closed before the request was sent".to_owned(),
    }
}

impl<H: HttpHost> HttpWorker<H> {
    /// Sends a request again if it was not processed and there is time left; false otherwise.
    /// `moved`: its connection ended after it had answered other requests.
    pub(super) fn resends(
        &mut self,
        slot: u32,
        answer: &mut RequestOutcome,
        moved: bool,
        now: u64,
    ) -> bool {
        if answer.retry_safety == RetrySafety::Unsafe {
            return false;
        }
        let error = answer.error.take().map(Box::new);
        self.slots.get(slot).rejection = error;
        let Some(pause) = self.count_resend(slot, moved, now) else {
            answer.error = self.last_rejection(slot);
            return false;
        };
        let key = self.slots.get(slot).attempt.key;
        self.recorder.cell(key).count(Counter::Retried);
        self.resend_after(slot, pause, now);
        true
    }

    /// The last error with which a request was rejected until its time was over.
    fn last_rejection(&mut self, slot: u32) -> Option<RequestError> {
        let entry = self.slots.get(slot);
        let (mut error, times) = (*entry.rejection.take()?, entry.attempt.resends);
        if times > 0 {
            let before = error.sample;
            error.sample = format!("{before}; it went elsewhere {times} times, until its timeout");
        }
        Some(error)
    }

    /// The error that an attempt ends with: if it timed out while it was sent again and again, that
    /// of the last rejection.
    pub(super) fn final_error(&mut self, slot: u32, error: RequestError, now: u64) -> RequestError {
        let over = self.slots.get(slot).attempt.begun_ns.saturating_add(self.limits.total);
        if error.cause.failure.is_timeout() && now >= over {
            self.last_rejection(slot).unwrap_or(error)
        } else {
            error
        }
    }

    /// Moves a request from a connection that accepts none to another one.
    pub(super) fn leave_connection(&mut self, slot: u32, now: u64) {
        let entry = self.slots.get(slot);
        let trouble =
            entry.connection.as_ref().and_then(|connection| self.host.refusal(connection));
        entry.state = HttpSlotState::AwaitingStream;
        let moved = self.has_answered(slot);
        self.end_connection(slot, ConnectionEnd::Failed);
        if let Some(error) = trouble {
            self.fail_unsent(slot, error, now);
            return;
        }
        self.slots.get(slot).rejection.get_or_insert_with(|| Box::new(closed_unsent()));
        if let Some(pause) = self.count_resend(slot, moved, now) {
            self.resend_after(slot, pause, now);
        } else {
            let error = self.last_rejection(slot).unwrap_or_else(closed_unsent);
            self.fail_unsent(slot, error, now);
        }
    }

    /// Whether the connection of a slot has answered any request.
    pub(super) fn has_answered(&mut self, slot: u32) -> bool {
        let connection = self.slots.get(slot).connection.as_ref();
        connection.is_some_and(|connection| self.host.has_answered(connection))
    }

    /// Counts another sending; returns the pause before it, or `None` if the time is over by then.
    fn count_resend(&mut self, slot: u32, moved: bool, now: u64) -> Option<u64> {
        let whole = self.limits.total;
        let attempt = &mut self.slots.get(slot).attempt;
        // A connection that answered some requests before it ended serves others first.
        let pause = if moved { 0 } else { pause_ns(attempt.resends.saturating_add(1)) };
        if now.saturating_add(pause) >= attempt.begun_ns.saturating_add(whole) {
            return None;
        }
        attempt.resends = attempt.resends.saturating_add(1);
        Some(pause)
    }

    fn resend_after(&mut self, slot: u32, pause: u64, now: u64) {
        if pause == 0 {
            self.send_or_connect(slot, now);
            return;
        }
        let entry = self.slots.get(slot);
        (entry.state, entry.wake_ns) = (HttpSlotState::AwaitingResend, now.saturating_add(pause));
        self.set_timer(slot);
    }

    /// Sends a request on its slot's connection, or on a new one if that accepts none.
    pub(super) fn send_or_connect(&mut self, slot: u32, now: u64) {
        let entry = self.slots.get(slot);
        let takes = entry
            .connection
            .as_ref()
            .is_none_or(|connection| self.host.takes_a_request(connection));
        let spent = entry.spent(self.connection_use, now);
        if let Some(why) = if takes { spent } else { Some(ConnectionEnd::Idle) } {
            self.end_connection(slot, why);
        }
        if self.slots.get(slot).connection.is_some() {
            self.send(slot, now);
        } else {
            self.connect(slot, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_sent_away_again_and_again_pauses_longer_and_longer() {
        let pauses: Vec<u64> = (1..=25).map(pause_ns).collect();
        assert!(pauses[..16].iter().all(|pause| *pause == 0));
        let ms: Vec<u64> = pauses[16..].iter().map(|pause| pause / 1_000_000).collect();
        assert_eq!(ms, [1, 2, 4, 8, 16, 32, 50, 50, 50]);
        assert_eq!(pause_ns(u16::MAX), LONGEST_PAUSE_NS);
    }
}
