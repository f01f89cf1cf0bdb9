//! Records what becomes of each attempt as facts of the phase in which it was due.

use crate::plan::{Http, Phase, TimeMetric};
use crate::record::{
    AttemptOutcome, Cause, Cell as FactCell, CellKey, Counter, FailedExchange, Gauge, Gauges,
    Origin, Recorder, Snapshot, WorkerFacts, keep_exchange,
};
use crate::schedule::StageTimes;
use crate::units::narrow;
use crate::workload::http::{RequestError, Transferred};
use std::collections::BTreeMap;

const FIRST: CellKey = CellKey { stage: 0, phase: Phase::Ramp };

/// The attempts in progress.
#[derive(Debug, Default)]
pub(super) struct LiveCounts {
    pub(super) open: u64,
    pub(super) connecting: u64,
    pub(super) users: u64,
    pub(super) in_flight: u64,
}

/// Records the attempts of one worker.
#[derive(Debug)]
pub(super) struct HttpRecorder {
    /// Whether facts are kept for each request, too.
    per_request: bool,
    /// The times of all `within.TIME.ratio` thresholds, in nanoseconds.
    within: Box<[u64]>,
    /// By request: the names of its checks.
    checks: Vec<Box<[u16]>>,
    pub(super) live: LiveCounts,
    recorder: Recorder,
    /// When each phase begins, in order.
    phases: Vec<(u64, CellKey)>,
}

impl HttpRecorder {
    /// A recorder without facts.
    pub(super) fn new(http: &Http, timeline: &StageTimes) -> Self {
        let mut recorder = Self {
            per_request: http.tells_requests_apart(),
            within: http.within.iter().map(|time| time.as_nanos()).collect(),
            checks: http
                .requests
                .iter()
                .map(|request| request.checks.iter().map(|check| check.name).collect())
                .collect(),
            live: LiveCounts::default(),
            recorder: Recorder::default(),
            phases: Vec::new(),
        };
        recorder.learn(timeline);
        recorder
    }

    /// Learns the times of the scenario that are known.
    pub(super) fn learn(&mut self, timeline: &StageTimes) {
        let begins = |(_, at)| timeline.part_at(at).map(|key| (at, key));
        self.phases = timeline.marks().into_iter().filter_map(begins).collect();
    }

    /// The phase at a time; the first one before the scenario's start.
    pub(super) fn phase_at(&self, ns: u64) -> CellKey {
        let begun = self.phases.partition_point(|(at, _)| *at <= ns);
        begun.checked_sub(1).map_or(FIRST, |last| self.phases[last].1)
    }

    /// The facts of one phase.
    pub(super) fn cell(&mut self, key: CellKey) -> &mut FactCell {
        self.recorder.cell(key)
    }

    /// Records how late something was started.
    pub(super) fn lag(&mut self, key: CellKey, ns: u64) {
        self.recorder.lag(ns);
        self.recorder.cell(key).time(TimeMetric::ScheduleLag, ns);
    }

    /// Records a request that was due and could not be started.
    pub(super) fn drop_due(&mut self, due_ns: u64, request: u16) {
        let (key, request) = (self.phase_at(due_ns), self.per_request.then_some(request));
        self.cell(key).drop_due(request);
    }

    /// Records the gauges at the end of a phase.
    pub(super) fn phase_ended(&mut self, key: CellKey) {
        let gauges = self.gauges();
        self.recorder.phase_ended(key, gauges);
    }

    /// Takes the facts of a second.
    pub(super) fn take(&mut self, second: u32, facts: WorkerFacts) -> Snapshot {
        let gauges = self.gauges();
        self.recorder.take(second, gauges, facts)
    }

    fn gauges(&self) -> Gauges {
        let mut gauges = Gauges::default();
        gauges.set(Gauge::Open, self.live.open);
        gauges.set(Gauge::Connecting, self.live.connecting);
        gauges.set(Gauge::Users, self.live.users);
        gauges.set(Gauge::InFlight, self.live.in_flight);
        gauges
    }

    /// Records the start of an attempt. `due_ns`: when the schedule wanted it; `None` where it is
    /// due when it begins.
    pub(super) fn start(&mut self, due_ns: Option<u64>, request: u32, now: u64) -> Attempt {
        let wanted_ns = due_ns.unwrap_or(now);
        let key = self.phase_at(wanted_ns);
        let attempt = Attempt {
            key,
            due_ns: wanted_ns,
            is_scheduled: due_ns.is_some(),
            request,
            begun_ns: now,
            ..Attempt::default()
        };
        let tallied = self.per_request;
        let cell = self.cell(key);
        cell.count(Counter::Due);
        cell.count(Counter::Started);
        if tallied {
            cell.requests.entry(attempt.number()).or_default().started += 1;
        }
        self.live.in_flight += 1;
        attempt
    }

    /// Records an attempt that has not ended, and what its last exchange had transferred.
    pub(super) fn unfinished(&mut self, attempt: &Attempt, moved: Transferred) {
        self.live.in_flight -= 1;
        let tallied = self.per_request;
        let cell = self.cell(attempt.key);
        cell.counters.add(Counter::BytesSent, moved.sent);
        cell.end(AttemptOutcome::Unfinished, 0, String::new);
        if tallied {
            cell.requests.entry(attempt.number()).or_default().unfinished += 1;
        }
        self.received(attempt, moved.received);
    }

    /// Records bytes of a response that does not end the attempt.
    pub(super) fn received(&mut self, attempt: &Attempt, bytes: u64) {
        let tallied = self.per_request;
        let cell = self.recorder.cell(attempt.key);
        cell.counters.add(Counter::BytesReceived, bytes);
        if tallied {
            cell.requests.entry(attempt.number()).or_default().bytes_received += bytes;
        }
    }

    /// Records the end of an attempt. Times of successes and of failed responses are kept apart, so
    /// that fast errors do not make a target look fast; failures without a response and the
    /// generator's own failures have no time.
    pub(super) fn end(&mut self, attempt: &Attempt, mut ending: AttemptEnd) {
        self.live.in_flight -= 1;
        let (tallied, open) = (self.per_request, attempt.is_scheduled);
        let split = ending.split(attempt.due_ns);
        if open {
            self.lag(attempt.key, split.lag);
        }
        let cell = self.recorder.cell(attempt.key);
        let error = ending.error.take();
        let cause = error.as_ref().map(|error| error.cause);
        if open && cause.is_none_or(|cause| cause.failure.origin() != Origin::Local) {
            cell.time(TimeMetric::QueueWait, split.wait);
        }
        if let (None, Some(first)) = (cause, ending.first_byte_ns) {
            cell.time(TimeMetric::TransferTime, ending.ended_ns.saturating_sub(first));
        }
        cell.counters.add(Counter::BytesReceived, ending.body_bytes);
        let held = ending.failed_checks.map(|broken| {
            let checks = self.checks[usize::from(ending.request)].iter().enumerate();
            checks.map(move |(at, name)| (*name, broken & (1 << at) == 0))
        });
        let outcome = cause.map_or(AttemptOutcome::Ok, AttemptOutcome::Failed);
        let sample = || error.map_or_else(String::new, |error| error.sample);
        let response =
            ResponseFacts { ending: &ending, split, open, cause, limits_ns: &self.within };
        if !tallied {
            response.record(
                &mut |metric, ns| cell.times.record(metric, ns),
                (&mut cell.within, &mut cell.statuses),
            );
            held.into_iter().flatten().for_each(|(name, holds)| cell.check(name, holds));
            cell.end(outcome, ending.ended_ns, sample);
            if let Some(cause) = cause {
                keep_exchange(&mut cell.failures, cause, ending.exchange.take());
            }
            return;
        }
        // Facts of a request are added to those of the phase when the second is handed over.
        let tally = cell.requests.entry(ending.request).or_default();
        response.record(
            &mut |metric, ns| tally.times.record(metric, ns),
            (&mut tally.within, &mut tally.statuses),
        );
        for (name, holds) in held.into_iter().flatten() {
            let check = tally.checks.entry(name).or_default();
            check.passed += u64::from(holds);
            check.failed += u64::from(!holds);
        }
        tally.bytes_received += ending.body_bytes;
        if cause.is_none() {
            tally.ok += 1;
            cell.count(Counter::Ok);
            return;
        }
        let sample = sample();
        tally.end(outcome, ending.ended_ns, || sample.clone());
        if let Some(cause) = cause {
            keep_exchange(&mut tally.failures, cause, ending.exchange.take());
        }
        cell.end(outcome, ending.ended_ns, || sample);
    }
}

/// How an attempt ended, for the facts of its request.
struct ResponseFacts<'a> {
    ending: &'a AttemptEnd,
    split: TimeSplit,
    /// Whether the schedule wanted it at a time.
    open: bool,
    cause: Option<Cause>,
    /// The times within which thresholds want responses.
    limits_ns: &'a [u64],
}

impl ResponseFacts<'_> {
    fn record(
        &self,
        time: &mut impl FnMut(TimeMetric, u64),
        (within, statuses): (&mut BTreeMap<u64, u64>, &mut BTreeMap<u16, u64>),
    ) {
        let Self { ending, split, open, .. } = self;
        if let Some(status) = ending.status {
            *statuses.entry(status).or_default() += 1;
        }
        let Some(service) = split.service else { return };
        if self.cause.is_some() {
            if ending.is_whole {
                time(TimeMetric::FailedTime, service);
            }
            return;
        }
        time(TimeMetric::ServiceTime, service);
        if let (Some(first), Some(sent)) = (ending.first_byte_ns, ending.sent_ns) {
            time(TimeMetric::FirstByte, first.saturating_sub(sent));
        }
        if *open {
            time(TimeMetric::ResponseTime, split.response);
        }
        let took = if *open { split.response } else { service };
        for limit_ns in self.limits_ns.iter().filter(|limit_ns| took <= **limit_ns) {
            *within.entry(*limit_ns).or_default() += 1;
        }
    }
}

/// A request that has started and not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) key: CellKey,
    /// In rate stages: when the schedule wanted it. Otherwise when it began.
    due_ns: u64,
    /// Whether the schedule said when it was due.
    is_scheduled: bool,
    is_sent: bool,
    /// Index into the plan's requests.
    pub(super) request: u32,
    /// When the attempt began.
    pub(super) begun_ns: u64,
    /// When it was first sent, if it was.
    sent_ns: u64,
    /// How often it was sent again, or moved to another connection before it was sent.
    pub(super) resends: u16,
}

impl Default for Attempt {
    fn default() -> Self {
        Self {
            key: FIRST,
            due_ns: 0,
            is_scheduled: false,
            is_sent: false,
            request: 0,
            begun_ns: 0,
            sent_ns: 0,
            resends: 0,
        }
    }
}

impl Attempt {
    fn number(&self) -> u16 {
        narrow(self.request as usize)
    }

    /// When it was first sent; `None` if it was not.
    pub(super) fn sent_ns(&self) -> Option<u64> {
        self.is_sent.then_some(self.sent_ns)
    }

    /// Notes that it is sent; only the first time counts.
    pub(super) fn is_sent_at(&mut self, now: u64) {
        if !self.is_sent {
            (self.is_sent, self.sent_ns) = (true, now);
        }
    }

    /// An end at `ended_ns` without a response.
    pub(super) fn end(&self, ended_ns: u64) -> AttemptEnd {
        AttemptEnd {
            request: self.number(),
            begun_ns: self.begun_ns,
            sent_ns: self.sent_ns(),
            ended_ns,
            ..AttemptEnd::default()
        }
    }
}

/// How a request ended.
#[derive(Debug, Default)]
pub(super) struct AttemptEnd {
    /// Index into the plan's requests.
    pub(super) request: u16,
    /// When the attempt began.
    pub(super) begun_ns: u64,
    /// When it was first sent.
    pub(super) sent_ns: Option<u64>,
    pub(super) first_byte_ns: Option<u64>,
    pub(super) ended_ns: u64,
    pub(super) status: Option<u16>,
    pub(super) body_bytes: u64,
    /// Whether a whole response came, right or wrong.
    pub(super) is_whole: bool,
    /// The checks that failed, as bits; `None` without a response to check.
    pub(super) failed_checks: Option<u64>,
    /// `None` for a success.
    pub(super) error: Option<RequestError>,
    /// The exchange, where it failed and is kept.
    pub(super) exchange: Option<FailedExchange>,
}

/// Where the time of a request went, in nanoseconds: `response = lag + wait + service`, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeSplit {
    pub(super) lag: u64,
    pub(super) wait: u64,
    /// `None`: never sent.
    pub(super) service: Option<u64>,
    pub(super) response: u64,
}

impl AttemptEnd {
    /// Splits the time since `due_ns`, which is not after the attempt began.
    pub(super) fn split(&self, due_ns: u64) -> TimeSplit {
        let sent = self.sent_ns.unwrap_or(self.ended_ns);
        TimeSplit {
            lag: self.begun_ns - due_ns,
            wait: sent - self.begun_ns,
            service: self.sent_ns.map(|sent| self.ended_ns - sent),
            response: self.ended_ns - due_ns,
        }
    }
}
