//! Turns a request that the server did not process into another sending of it.
//!
//! A server may say that it has not processed a request (a GOAWAY, a refused stream), or close an
//! idle connection at the moment in which a request is on its way: a connection that has served
//! before ends without one byte of an answer. The first may be sent again in any case, the second
//! where the plan lets it. Such a request goes to another connection, or another stream, as often
//! as it takes and as its `timeout` allows, and each time is counted as `retried`; what comes of
//! the last sending is its outcome, and its time runs from the first. Nothing else is sent again.

use super::slots::State;
use super::{Host, Requests};
use crate::record::{Cause, ConnectionEnd, Counter, Failure, FailureStage};
use crate::workload::http::{Answer, Fault, Unseen};

/// A request is sent again so often without a pause.
const AT_ONCE: u16 = 16;

/// Behind them the first pause, and the longest; each is twice as long as the one before.
const FIRST_PAUSE_NS: u64 = 1_000_000;
const LONGEST_PAUSE_NS: u64 = 50_000_000;

/// The pause before a request that was sent in vain so often.
fn pause_ns(times: u16) -> u64 {
    match times.checked_sub(AT_ONCE) {
        None | Some(0) => 0,
        Some(beyond) => (FIRST_PAUSE_NS << (beyond - 1).min(6)).min(LONGEST_PAUSE_NS),
    }
}

/// What a request ends with that never came to be sent.
fn closed_unsent() -> Fault {
    let cause = Cause::new(Failure::ClosedByServer, FailureStage::Request);
    Fault { cause, sample: "every connection was closed before the request was sent".to_owned() }
}

impl<H: Host> Requests<H> {
    /// Sends a request again that was not processed; false when it was, or when there is no time
    /// left for that. `moved`: its connection has ended after it had answered others.
    pub(super) fn sends_again(
        &mut self,
        slot: u32,
        answer: &mut Answer,
        moved: bool,
        now: u64,
    ) -> bool {
        if answer.unseen == Unseen::No {
            return false;
        }
        let fault = answer.fault.take().map(Box::new);
        self.slots.get(slot).sent_away = fault;
        let Some(pause) = self.counted_pause(slot, moved, now) else {
            answer.fault = self.last_of_many(slot);
            return false;
        };
        let key = self.slots.get(slot).attempt.key;
        self.book.cell(key).count(Counter::Retried);
        self.go_after(slot, pause, now);
        true
    }

    /// What a request has met again and again until its time was over.
    fn last_of_many(&mut self, slot: u32) -> Option<Fault> {
        let one = self.slots.get(slot);
        let (mut fault, times) = (*one.sent_away.take()?, one.attempt.again);
        if times > 0 {
            let before = fault.sample;
            fault.sample = format!("{before}; it went elsewhere {times} times, until its timeout");
        }
        Some(fault)
    }

    /// What a request ends with: one that ran out of time while it was sent again and again does
    /// not end for the last of these.
    pub(super) fn told(&mut self, slot: u32, fault: Fault, now: u64) -> Fault {
        let over = self.slots.get(slot).attempt.begun_ns.saturating_add(self.within.whole);
        if fault.cause.failure.is_timeout() && now >= over {
            self.last_of_many(slot).unwrap_or(fault)
        } else {
            fault
        }
    }

    /// The connection that a request waits for takes none: it goes to another one.
    pub(super) fn move_on(&mut self, slot: u32, now: u64) {
        let one = self.slots.get(slot);
        let trouble = one.lane.as_ref().and_then(|lane| self.host.trouble(lane));
        one.state = State::Waiting;
        let moved = self.has_answered(slot);
        self.hang_up(slot, ConnectionEnd::Failed);
        if let Some(fault) = trouble {
            self.fail_unsent(slot, fault, now);
            return;
        }
        self.slots.get(slot).sent_away.get_or_insert_with(|| Box::new(closed_unsent()));
        if let Some(pause) = self.counted_pause(slot, moved, now) {
            self.go_after(slot, pause, now);
        } else {
            let fault = self.last_of_many(slot).unwrap_or_else(closed_unsent);
            self.fail_unsent(slot, fault, now);
        }
    }

    /// Whether anything was answered on the connection of a slot.
    pub(super) fn has_answered(&mut self, slot: u32) -> bool {
        let lane = self.slots.get(slot).lane.as_ref();
        lane.is_some_and(|lane| self.host.has_answered(lane))
    }

    /// Counts that a request goes on elsewhere; the pause before that, or `None` when its time is
    /// over before.
    fn counted_pause(&mut self, slot: u32, moved: bool, now: u64) -> Option<u64> {
        let whole = self.within.whole;
        let attempt = &mut self.slots.get(slot).attempt;
        // Connections that answer some and go have a turn for everybody.
        let pause = if moved { 0 } else { pause_ns(attempt.again.saturating_add(1)) };
        if now.saturating_add(pause) >= attempt.begun_ns.saturating_add(whole) {
            return None;
        }
        attempt.again = attempt.again.saturating_add(1);
        Some(pause)
    }

    fn go_after(&mut self, slot: u32, pause: u64, now: u64) {
        if pause == 0 {
            self.resume(slot, now);
            return;
        }
        let one = self.slots.get(slot);
        (one.state, one.rest_ns) = (State::Pausing, now.saturating_add(pause));
        self.arm(slot);
    }

    /// Sends a request on the connection of its slot, or on another one if that takes none.
    pub(super) fn resume(&mut self, slot: u32, now: u64) {
        let one = self.slots.get(slot);
        let takes = one.lane.as_ref().is_none_or(|lane| self.host.takes_a_request(lane));
        let spent = one.spent(self.uses, now);
        if let Some(why) = if takes { spent } else { Some(ConnectionEnd::Idle) } {
            self.hang_up(slot, why);
        }
        if self.slots.get(slot).lane.is_some() {
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
