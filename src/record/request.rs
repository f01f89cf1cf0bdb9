//! Keeps the facts of each request's attempts, in addition to those of the scenario.

use super::{AttemptOutcome, Cause, Cell, CheckTally, Counter, FailureTally, SparseTimes};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The outcomes of the requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestTally {
    /// Sent, or about to be sent.
    #[serde(default)]
    pub started: u64,
    /// Due, and not started.
    #[serde(default)]
    pub dropped: u64,
    /// Ended well.
    pub ok: u64,
    /// Failed, time-outs apart.
    pub failed: u64,
    /// Ended by a time-out.
    pub timed_out: u64,
    /// Not ended when the run did.
    #[serde(default)]
    pub unfinished: u64,
    /// Of `failed`, those that the generator itself caused.
    #[serde(default)]
    pub failed_local: u64,
    /// Bytes of bodies received.
    #[serde(default)]
    pub bytes_received: u64,
    /// Answered well within a time, by that time in nanoseconds.
    #[serde(default)]
    pub within: BTreeMap<u64, u64>,
    /// Answers by status.
    #[serde(default)]
    pub statuses: BTreeMap<u16, u64>,
    /// By index into `Http::checks`.
    #[serde(default)]
    pub checks: BTreeMap<u16, CheckTally>,
    /// The times of a request that thresholds can use.
    pub times: SparseTimes,
    /// Why they failed.
    #[serde(default)]
    pub failures: Vec<(Cause, FailureTally)>,
}

impl RequestTally {
    /// Counts how an attempt ended.
    pub fn end(&mut self, outcome: AttemptOutcome, at_ns: u64, sample: impl FnOnce() -> String) {
        match outcome {
            AttemptOutcome::Ok => self.ok += 1,
            AttemptOutcome::Unfinished => self.unfinished += 1,
            AttemptOutcome::Failed(cause) => {
                let late = cause.failure.is_timeout();
                *(if late { &mut self.timed_out } else { &mut self.failed }) += 1;
                self.failed_local += u64::from(cause.failure.origin() == super::Origin::Local);
                super::cell::tally(&mut self.failures, cause, at_ns, sample);
            }
        }
    }

    /// Started less ended: below zero over a time in which more ended than began.
    pub fn under_way(&self) -> i64 {
        let ended = self.ok + self.failed + self.timed_out + self.unfinished;
        self.started.cast_signed() - ended.cast_signed()
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.started += other.started;
        self.dropped += other.dropped;
        self.ok += other.ok;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.unfinished += other.unfinished;
        self.failed_local += other.failed_local;
        self.bytes_received += other.bytes_received;
        for (limit_ns, count) in &other.within {
            *self.within.entry(*limit_ns).or_default() += count;
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (check, tally) in &other.checks {
            let mine = self.checks.entry(*check).or_default();
            mine.passed += tally.passed;
            mine.failed += tally.failed;
        }
        self.times.merge(&other.times);
        super::cell::merge_tallies(&mut self.failures, &other.failures);
    }

    /// The same facts as those of a phase, with its times where they are asked for.
    fn cell(&self, with_times: bool) -> Cell {
        let mut cell = Cell::default();
        // Recordings of earlier versions do not have the number of those started.
        let ended = self.ok + self.failed + self.timed_out + self.unfinished;
        let started = self.started.max(ended);
        for (counter, count) in [
            (Counter::Due, started + self.dropped),
            (Counter::Started, started),
            (Counter::Dropped, self.dropped),
            (Counter::Ok, self.ok),
            (Counter::Failed, self.failed),
            (Counter::TimedOut, self.timed_out),
            (Counter::Unfinished, self.unfinished),
            (Counter::FailedLocal, self.failed_local),
            (Counter::BytesReceived, self.bytes_received),
        ] {
            cell.counters.set(counter, count);
        }
        cell.within.clone_from(&self.within);
        cell.statuses.clone_from(&self.statuses);
        cell.failures.clone_from(&self.failures);
        for (check, tally) in &self.checks {
            let at = usize::from(*check);
            if cell.checks.len() <= at {
                cell.checks.resize(at + 1, CheckTally::default());
            }
            cell.checks[at] = *tally;
        }
        if with_times {
            self.times.add_to(&mut cell.times);
        }
        cell
    }
}

impl Cell {
    /// The facts of one of several requests; those of the whole for `None`. A scenario's only
    /// request has no facts of its own: see
    /// [`Http::tells_requests_apart`](crate::plan::Http::tells_requests_apart).
    pub fn of_request(&self, request: Option<u16>, with_times: bool) -> Cow<'_, Self> {
        let Some(at) = request else { return Cow::Borrowed(self) };
        let tally = self.requests.get(&at);
        Cow::Owned(tally.map(|tally| tally.cell(with_times)).unwrap_or_default())
    }

    /// Adds to the whole what is kept by request alone while it happens.
    pub(super) fn fold_requests(&mut self) {
        let Self { requests, times, statuses, within, checks, .. } = self;
        for tally in requests.values() {
            tally.times.add_to(times);
            for (status, count) in &tally.statuses {
                *statuses.entry(*status).or_default() += count;
            }
            for (limit_ns, count) in &tally.within {
                *within.entry(*limit_ns).or_default() += count;
            }
            for (check, tally) in &tally.checks {
                let at = usize::from(*check);
                if checks.len() <= at {
                    checks.resize(at + 1, CheckTally::default());
                }
                checks[at].passed += tally.passed;
                checks[at].failed += tally.failed;
            }
        }
    }
}
