//! Ratios: a row each.

use super::row::{Better, MetricRow, MetricUnit, Need, ReportPlace, Samples, Whose};
use super::rows;
use crate::catalogue::Protocols;

/// The defaults of ratios.
const RATIO: MetricRow = MetricRow {
    name: "",
    doc: "",
    formula: "",
    unit: MetricUnit::Ratio,
    better: Better::Higher,
    protocols: Protocols::HOLDS,
    connections: Protocols::NONE,
    all_phases: Protocols::NONE,
    per_request: false,
    needs: &[],
    counts: None,
    samples: Samples::Attempts,
    whose: Whose::All,
    age: None,
    report: ReportPlace::Ratio,
};

/// The defaults of ratios of all attempts: held connections count whole.
const OF_ATTEMPTS: MetricRow = MetricRow {
    protocols: Protocols::ALL,
    connections: Protocols::HOLDS,
    all_phases: Protocols::HOLDS,
    per_request: true,
    ..RATIO
};

/// The defaults of ratios of connection attempts.
const OF_CONNECTS: MetricRow = MetricRow {
    connections: Protocols::HOLDS,
    all_phases: Protocols::ALL,
    samples: Samples::Connects,
    ..RATIO
};

/// The defaults of survival estimates: lifetimes count where the connection was due.
const SURVIVAL: MetricRow = MetricRow {
    formula: "Kaplan and Meier's estimate: the product of 1 - died / at risk over all ages up to it",
    connections: Protocols::HOLDS,
    all_phases: Protocols::ALL,
    samples: Samples::Lifetimes,
    report: ReportPlace::Survival,
    ..RATIO
};

/// The defaults of ratios of responses by status.
const OF_STATUSES: MetricRow = MetricRow {
    protocols: Protocols::REQUESTS,
    per_request: true,
    samples: Samples::Responses,
    ..RATIO
};

/// How often one check of the plan passed: `check.NAME.success_ratio`.
pub(super) const CHECK: MetricRow = MetricRow {
    name: "check.success_ratio",
    doc: "Passes of the plan's check NAME, of all its results: `check.NAME.success_ratio`.",
    formula: "passed / (passed + failed)",
    protocols: Protocols::REQUESTS,
    per_request: true,
    samples: Samples::Checks,
    report: ReportPlace::Checks,
    ..RATIO
};

/// Attempts that succeeded in a given time: `within.TIME.ratio`.
pub(super) const WITHIN: MetricRow = MetricRow {
    name: "within.TIME.ratio",
    doc: "Attempts that succeeded within TIME, of all that ended: from the due time in rate stages, \
          from sending in closed ones.",
    formula: "attempts within TIME / (`ok` + failures as in `failure_ratio` + `unfinished`)",
    protocols: Protocols::REQUESTS,
    per_request: true,
    ..RATIO
};

rows! {
    /// Ratios of a number to one that contains it.
    RatioMetric {
        /// Attempts that succeeded, of all that ended.
        Success = MetricRow {
            name: "success_ratio",
            formula: "`ok` / (`ok` + failures as in `failure_ratio` + `unfinished`)",
            ..OF_ATTEMPTS
        },
        /// Attempts that failed or timed out, of all that ended. Failures that the generator itself
        /// caused are in neither number.
        Failure = MetricRow {
            name: "failure_ratio",
            formula: "(`failed` - `failed.local` + `timed_out`, and `dropped` with \
                      `on_full = \"fail\"`) / (these + `ok` + `unfinished`)",
            better: Better::Lower,
            ..OF_ATTEMPTS
        },
        /// Connections that opened, of those tried.
        ConnectSuccess = MetricRow {
            name: "connect.success_ratio",
            formula: "`connect.ok` / (`connect.ok` + `connect.failed`)",
            ..OF_CONNECTS
        },
        /// Connections that did not open, of those tried.
        ConnectFailure = MetricRow {
            name: "connect.failure_ratio",
            formula: "`connect.failed` / (`connect.ok` + `connect.failed`)",
            better: Better::Lower,
            ..OF_CONNECTS
        },
        /// Connections that were not lost during a hold, of those open in it.
        HoldSurvival = MetricRow {
            name: "hold.survival_ratio",
            formula: "(`hold.entered` - `hold.lost`) / `hold.entered`",
            samples: Samples::Held,
            ..RATIO
        },
        /// Time that connections were open, of the time that they should have been open, which
        /// includes the time from the loss of a connection until its user has another one open.
        HoldTime = MetricRow {
            name: "hold.time_ratio",
            formula: "`connection_time.delivered_ms` / `connection_time.promised_ms`",
            samples: Samples::ConnectionTime,
            ..RATIO
        },
        /// Connections that live longer than a minute.
        Survival1m = MetricRow { name: "survival.1m_ratio", age: Some(("1m", 60)), ..SURVIVAL },
        /// Connections that live longer than ten minutes.
        Survival10m = MetricRow { name: "survival.10m_ratio", age: Some(("10m", 600)), ..SURVIVAL },
        /// Connections that live longer than an hour.
        Survival1h = MetricRow { name: "survival.1h_ratio", age: Some(("1h", 3_600)), ..SURVIVAL },
        /// Connections dropped by events whose users reconnected, of all dropped ones whose outcome
        /// is known.
        Recovery = MetricRow {
            name: "recovery.ratio",
            formula: "`storm.recovered` / (`storm.recovered` + `storm.unrecovered`)",
            all_phases: Protocols::ALL,
            needs: &[Need::Events, Need::Reconnects],
            ..RATIO
        },
        /// Heartbeats that arrived, of those expected.
        HeartbeatSuccess = MetricRow {
            name: "heartbeat.success_ratio",
            formula: "`heartbeat.received` / (`heartbeat.received` + `heartbeat.missed`)",
            needs: &[Need::Heartbeat],
            samples: Samples::Heartbeats,
            ..RATIO
        },
        /// Iterations of stages with `iterations` or `until` that ended, also by a failed step, of
        /// those planned.
        IterationsCompleted = MetricRow {
            name: "iterations.completed_ratio",
            formula: "`iterations` / `iterations.planned`",
            protocols: Protocols::REQUESTS,
            all_phases: Protocols::REQUESTS,
            needs: &[Need::FixedWork],
            ..RATIO
        },
        /// Checks that passed, of all that were made.
        Checks = MetricRow {
            name: "checks.success_ratio",
            formula: "passed / (passed + failed), over all checks",
            protocols: Protocols::REQUESTS,
            per_request: true,
            needs: &[Need::Checks],
            samples: Samples::Checks,
            report: ReportPlace::Checks,
            ..RATIO
        },
        /// Responses with a status from 200 to 299, of all responses.
        Status2xx = MetricRow {
            name: "status.2xx.ratio",
            formula: "responses with 200 to 299 / all responses",
            ..OF_STATUSES
        },
        /// Responses with a status from 300 to 399, of all responses.
        Status3xx = MetricRow {
            name: "status.3xx.ratio",
            formula: "responses with 300 to 399 / all responses",
            better: Better::Neither,
            ..OF_STATUSES
        },
        /// Responses with a status from 400 to 499, of all responses.
        Status4xx = MetricRow {
            name: "status.4xx.ratio",
            formula: "responses with 400 to 499 / all responses",
            better: Better::Lower,
            ..OF_STATUSES
        },
        /// Responses with a status from 500 to 599, of all responses.
        Status5xx = MetricRow {
            name: "status.5xx.ratio",
            formula: "responses with 500 to 599 / all responses",
            better: Better::Lower,
            ..OF_STATUSES
        },
    }
}

impl RatioMetric {
    /// The ages of all estimates of survival, the youngest first: in words, and in seconds.
    pub fn ages() -> impl Iterator<Item = (&'static str, u64)> {
        Self::ALL.iter().filter_map(|one| one.row().age)
    }
}
