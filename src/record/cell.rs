//! Turns attempts into the facts of one phase of one stage.

use super::{
    AddressTally, AttemptOutcome, Cause, ConnectionEnd, CookieLoss, Counter, Counters,
    FailedExchange, FailureTally, RequestTally, Storm, Survival, TimeHistograms,
};
use crate::plan::{Phase, TimeMetric};
use crate::units::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which phase of which stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// Index into `Scenario::stages`.
    pub stage: u16,
    /// Phase of that stage; `part` in saved runs.
    #[serde(rename = "part")]
    pub phase: Phase,
}

/// The facts of one phase of one stage, over any length of time; they merge by addition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The counters.
    pub counters: Counters,
    /// The distributions of times.
    #[serde(default)]
    pub times: TimeHistograms,
    /// Why attempts failed.
    #[serde(default)]
    pub failures: Vec<(Cause, FailureTally)>,
    /// How long held connections lived, and what ended them; those that were due here.
    #[serde(default)]
    pub survival: Survival,
    /// The outcome of held connections that events dropped, by index into `Churn::events`;
    /// those that fell due here.
    #[serde(default)]
    pub storms: BTreeMap<u16, Storm>,
    /// http: answers by status.
    #[serde(default)]
    pub statuses: BTreeMap<u16, u64>,
    /// http: attempts that were answered well within a time that a threshold names, by that time in
    /// nanoseconds.
    #[serde(default)]
    pub within: BTreeMap<u64, u64>,
    /// http, when the scenario has several requests: by index into `Http::requests`.
    #[serde(default)]
    pub requests: BTreeMap<u16, RequestTally>,
    /// http: by index into `Http::checks`; shorter where the last ones were not made.
    #[serde(default)]
    pub checks: Vec<CheckTally>,
    /// http: cookies that users did not keep, by the reason.
    #[serde(default)]
    pub cookies: Vec<(CookieLoss, FailureTally)>,
    /// http: connections that ended, by the reason, each where its last request was due.
    #[serde(default)]
    pub ends: BTreeMap<ConnectionEnd, u64>,
    /// Connections by the target's address, where there are several or a name has them.
    #[serde(default)]
    pub addresses: BTreeMap<Address, AddressTally>,
}

/// How often a check was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckTally {
    /// It held.
    pub passed: u64,
    /// It did not.
    pub failed: u64,
}

impl Cell {
    /// Adds one to a counter.
    pub fn count(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    /// Counts an attempt that was due and could not be started; `request`: which one it would have
    /// been, where they are told apart.
    pub fn drop_due(&mut self, request: Option<u16>) {
        self.count(Counter::Due);
        self.count(Counter::Dropped);
        if let Some(request) = request {
            self.requests.entry(request).or_default().dropped += 1;
        }
    }

    /// Counts a check.
    pub fn check(&mut self, name: u16, holds: bool) {
        let at = usize::from(name);
        if self.checks.len() <= at {
            self.checks.resize(at + 1, CheckTally::default());
        }
        let tally = &mut self.checks[at];
        tally.passed += u64::from(holds);
        tally.failed += u64::from(!holds);
    }

    /// Counts how an attempt ended. `sample` is asked for words only when the cause is new here.
    pub fn end(&mut self, outcome: AttemptOutcome, at_ns: u64, sample: impl FnOnce() -> String) {
        match outcome {
            AttemptOutcome::Ok => self.count(Counter::Ok),
            AttemptOutcome::Unfinished => self.count(Counter::Unfinished),
            AttemptOutcome::Failed(cause) => {
                self.count(if cause.failure.is_timeout() {
                    Counter::TimedOut
                } else {
                    Counter::Failed
                });
                if cause.failure.origin() == super::Origin::Local {
                    self.count(Counter::FailedLocal);
                }
                self.add_failure(cause, at_ns, sample);
            }
        }
    }

    /// Notes a cause without ending an attempt.
    pub fn add_failure(&mut self, cause: Cause, at_ns: u64, sample: impl FnOnce() -> String) {
        tally(&mut self.failures, cause, at_ns, sample);
    }

    /// Counts a cookie that is not kept; `words` say which, and why.
    pub fn lose_cookie(&mut self, loss: CookieLoss, at_ns: u64, words: String) {
        self.count(Counter::CookiesLost);
        tally(&mut self.cookies, loss, at_ns, || words);
    }

    /// Counts a connection that has ended.
    pub fn end_connection(&mut self, end: ConnectionEnd) {
        *self.ends.entry(end).or_default() += 1;
    }

    /// Records one time.
    pub fn time(&mut self, metric: TimeMetric, ns: u64) {
        self.times.record(metric, ns);
    }

    /// Adds what ratios, rates and counts are made of: all but times, causes and events, which are
    /// a thousand times as large.
    pub fn merge_counts(&mut self, other: &Self) {
        self.counters.merge(&other.counters);
        self.survival.merge(&other.survival);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (limit_ns, count) in &other.within {
            *self.within.entry(*limit_ns).or_default() += count;
        }
        for (end, count) in &other.ends {
            *self.ends.entry(*end).or_default() += count;
        }
        if self.checks.len() < other.checks.len() {
            self.checks.resize(other.checks.len(), CheckTally::default());
        }
        for (mine, theirs) in self.checks.iter_mut().zip(&other.checks) {
            mine.passed += theirs.passed;
            mine.failed += theirs.failed;
        }
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.merge_counts(other);
        self.times.merge(&other.times);
        for (event, storm) in &other.storms {
            self.storms.entry(*event).or_default().merge(storm);
        }
        merge_tallies(&mut self.failures, &other.failures);
        merge_tallies(&mut self.cookies, &other.cookies);
        for (request, tally) in &other.requests {
            self.requests.entry(*request).or_default().merge(tally);
        }
        for (address, tally) in &other.addresses {
            self.address(address).merge(tally);
        }
    }

    /// Takes what has histograms out of it.
    pub fn take_times(&mut self) -> (TimeHistograms, BTreeMap<Address, AddressTally>) {
        (std::mem::take(&mut self.times), std::mem::take(&mut self.addresses))
    }

    /// The connections to an address.
    pub fn address(&mut self, address: &Address) -> &mut AddressTally {
        self.addresses.entry(address.clone()).or_default()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.counters.is_zero()
            && self.failures.is_empty()
            && self.times == TimeHistograms::default()
            && self.statuses.is_empty()
            && self.survival.is_empty()
            && self.storms.is_empty()
            && self.ends.is_empty()
            && self.addresses.is_empty()
    }
}

/// Adds one to what is tallied under a key.
pub(super) fn tally<K: PartialEq>(
    all: &mut Vec<(K, FailureTally)>,
    key: K,
    at_ns: u64,
    sample: impl FnOnce() -> String,
) {
    if let Some((_, tally)) = all.iter_mut().find(|(known, _)| *known == key) {
        tally.count += 1;
        tally.first_ns = tally.first_ns.min(at_ns);
        tally.last_ns = tally.last_ns.max(at_ns);
    } else {
        let tally = FailureTally {
            count: 1,
            first_ns: at_ns,
            last_ns: at_ns,
            sample: sample(),
            ..FailureTally::default()
        };
        all.push((key, tally));
    }
}

/// Keeps an exchange that failed with this cause, which is tallied already.
pub fn keep_exchange(
    all: &mut [(Cause, FailureTally)],
    cause: Cause,
    exchange: Option<FailedExchange>,
) {
    if let Some((_, tally)) = all.iter_mut().find(|(known, _)| *known == cause) {
        tally.exchanges.extend(exchange);
    }
}

/// Adds what is tallied elsewhere under the same keys.
pub(super) fn merge_tallies<K: PartialEq + Copy>(
    mine: &mut Vec<(K, FailureTally)>,
    theirs: &[(K, FailureTally)],
) {
    for (key, tally) in theirs {
        match mine.iter_mut().find(|(known, _)| known == key) {
            Some((_, one)) => one.merge(tally),
            None => mine.push((*key, tally.clone())),
        }
    }
}
