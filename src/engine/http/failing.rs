//! Keeps a few of the exchanges that fail, for people to look at.
//!
//! **Invariant:** at most five for each cause and request, and at most [`MOST`] in all, are written
//! by a worker in a run.

use super::{HttpHost, HttpWorker};
use crate::record::{Cause, FailedExchange, MOST_EXCHANGES};
use crate::workload::http::{FailedResponse, RequestOutcome};
use std::collections::BTreeMap;

/// Exchanges that one worker keeps: with bodies of 16 KiB about three megabytes.
const MOST: usize = 100;

/// How many exchanges were kept, by request and cause.
#[derive(Debug, Default)]
pub(super) struct KeptExchanges {
    counts: BTreeMap<(u32, Cause), usize>,
}

impl KeptExchanges {
    /// Whether one more is kept.
    fn takes(&mut self, request: u32, cause: Cause) -> bool {
        if self.counts.values().sum::<usize>() >= MOST {
            return false;
        }
        let count = self.counts.entry((request, cause)).or_default();
        *count += 1;
        *count <= MOST_EXCHANGES
    }
}

impl<H: HttpHost> HttpWorker<H> {
    /// The exchange that has just failed, if it is kept.
    pub(super) fn failed_exchange(
        &mut self,
        slot: u32,
        answer: &mut RequestOutcome,
    ) -> Option<FailedExchange> {
        let cause = answer.error.as_ref()?.cause;
        let entry = self.slots.get(slot);
        let (number, request) = (entry.number, entry.attempt.request);
        // A request that never left has no exchange.
        entry.attempt.sent_ns()?;
        if !self.kept.takes(request, cause) {
            return None;
        }
        let response = FailedResponse { status: answer.status, captured: answer.captured.take() };
        let text =
            self.host.failed_exchange(number, request, entry.session.as_deref_mut(), response);
        Some(FailedExchange { at_ns: answer.ended_ns, text: text? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Failure, FailureStage};

    #[test]
    fn a_few_of_each_cause_and_request_are_kept() {
        let mut kept = KeptExchanges::default();
        let cause = |code| Cause { code, ..Cause::new(Failure::Status, FailureStage::Request) };
        let takes = (0..20).filter(|_| kept.takes(0, cause(500))).count();
        assert_eq!(takes, MOST_EXCHANGES);
        assert!(kept.takes(1, cause(500)) && kept.takes(0, cause(503)));
        let all = (0..1_000).filter(|code| kept.takes(2, cause(*code))).count();
        assert!(all < MOST, "{all}");
    }
}
