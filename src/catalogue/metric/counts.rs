//! Counts: a row each.

use super::row::{Better, Counted, MetricRow, MetricUnit, Need, ReportPlace, Samples, Whose};
use super::rows;
use crate::catalogue::{Counter, Gauge, Protocols};

/// The defaults of counts.
const COUNT: MetricRow = MetricRow {
    name: "",
    doc: "",
    formula: "",
    unit: MetricUnit::Count,
    better: Better::Lower,
    protocols: Protocols::HOLDS,
    connections: Protocols::NONE,
    all_phases: Protocols::NONE,
    per_request: false,
    needs: &[],
    counts: None,
    samples: Samples::Attempts,
    whose: Whose::All,
    age: None,
    report: ReportPlace::Counted,
};

rows! {
    /// Counts.
    CountMetric {
        /// Attempts to open a connection.
        ConnectAttempts = MetricRow {
            name: "connect.attempts",
            formula: "`connect.attempts`",
            better: Better::Neither,
            connections: Protocols::HOLDS,
            all_phases: Protocols::ALL,
            samples: Samples::Connects,
            counts: Some(Counted::Counter(Counter::ConnectAttempts)),
            ..COUNT
        },
        /// Open connections: live at this moment, in reports at the end of a phase.
        ConnectionsOpen = MetricRow {
            name: "connections.open",
            formula: "the level at the end of the last phase evaluated",
            better: Better::Higher,
            samples: Samples::Level,
            counts: Some(Counted::Gauge(Gauge::Open)),
            ..COUNT
        },
        /// Connections lost during a hold.
        HoldLost = MetricRow {
            name: "hold.lost",
            formula: "`hold.lost`",
            samples: Samples::Held,
            counts: Some(Counted::Counter(Counter::Lost)),
            ..COUNT
        },
        /// Attempts to replace a connection that was lost, dropped, not opened, or at the end of
        /// its lifetime.
        Reconnects = MetricRow {
            name: "reconnects",
            formula: "`reconnects`",
            all_phases: Protocols::ALL,
            needs: &[Need::Reconnects],
            counts: Some(Counted::Counter(Counter::Reconnects)),
            ..COUNT
        },
        /// Connections that events of the plan dropped.
        StormDropped = MetricRow {
            name: "storm.dropped",
            formula: "`storm.dropped`",
            better: Better::Neither,
            all_phases: Protocols::ALL,
            needs: &[Need::Events],
            counts: Some(Counted::Counter(Counter::StormDropped)),
            ..COUNT
        },
        /// Expected messages received, without greetings.
        HeartbeatReceived = MetricRow {
            name: "heartbeat.received",
            formula: "`heartbeat.received`",
            better: Better::Higher,
            needs: &[Need::Heartbeat],
            samples: Samples::Heartbeats,
            counts: Some(Counted::Counter(Counter::HeartbeatReceived)),
            ..COUNT
        },
        /// Heartbeats that did not arrive in time.
        HeartbeatMissed = MetricRow {
            name: "heartbeat.missed",
            formula: "`heartbeat.missed`",
            needs: &[Need::Heartbeat],
            samples: Samples::Heartbeats,
            counts: Some(Counted::Counter(Counter::HeartbeatMissed)),
            ..COUNT
        },
        /// Requests that were started.
        RequestsCount = MetricRow {
            name: "requests.count",
            formula: "`started`",
            better: Better::Higher,
            protocols: Protocols::REQUESTS,
            per_request: true,
            counts: Some(Counted::Counter(Counter::Started)),
            ..COUNT
        },
        /// Iterations of stages with `iterations` or `until` that ended, also by a failed step.
        Iterations = MetricRow {
            name: "iterations.count",
            formula: "`iterations`",
            better: Better::Higher,
            protocols: Protocols::REQUESTS,
            all_phases: Protocols::REQUESTS,
            needs: &[Need::FixedWork],
            counts: Some(Counted::Counter(Counter::Iterations)),
            ..COUNT
        },
        /// Attempts that were due and never started.
        Dropped = MetricRow {
            name: "dropped",
            formula: "`dropped`",
            protocols: Protocols::ALL,
            all_phases: Protocols::HOLDS,
            per_request: true,
            counts: Some(Counted::Counter(Counter::Dropped)),
            ..COUNT
        },
    }
}
