//! Finds when a worker has something to do next.

use super::deadlines::DeadlineQueue;
use super::{HoldHost, HoldWorker};
use crate::plan::{Heartbeat, HoldSettings};
use crate::workload::hold::Conversation;

impl<H: HoldHost, C: Conversation> HoldWorker<H, C> {
    /// When something is due, even if no event comes.
    pub(super) fn next_ns(&self) -> u64 {
        let after = |queue: &DeadlineQueue, time: crate::units::Time| {
            queue.next().map(|since| since + time.as_nanos())
        };
        let (beat, reply) = match &self.settings.heartbeat {
            Some(Heartbeat::Client { every, timeout, .. }) => {
                (after(&self.next_heartbeat, *every), after(&self.awaiting_reply, *timeout))
            }
            Some(Heartbeat::Server { .. }) => (Some(self.sweep_ns), None),
            None => (None, None),
        };
        let greeting =
            self.settings.greeting.and_then(|within| after(&self.awaiting_greeting, within));
        let HoldSettings { opening, send_every, .. } = &self.settings;
        [
            opening.as_ref().and_then(|one| after(&self.opening_messages, one.timeout)),
            send_every.as_ref().and_then(|own| after(&self.next_own, own.every)),
            self.stages.next_ns(),
            self.churn.next_ns(self.stages.start_ns()).filter(|_| !self.stages.is_draining()),
            after(&self.opening, self.settings.connect_timeout),
            self.closing.next_ns(),
            greeting,
            beat,
            reply,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX)
    }
}
