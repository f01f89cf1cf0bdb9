//! Rates: a row each.

use super::row::{Better, Counted, MetricRow, MetricUnit, ReportPlace, Samples, Whose};
use super::rows;
use crate::catalogue::{Counter, Protocols};

/// The defaults of rates.
const RATE: MetricRow = MetricRow {
    name: "",
    doc: "",
    formula: "",
    unit: MetricUnit::PerSecond,
    better: Better::Higher,
    protocols: Protocols::REQUESTS,
    connections: Protocols::NONE,
    all_phases: Protocols::NONE,
    per_request: true,
    needs: &[],
    counts: None,
    samples: Samples::Attempts,
    whose: Whose::All,
    age: None,
    report: ReportPlace::Rate,
};

rows! {
    /// Rates per second.
    RateMetric {
        /// Attempts to open a connection, per second.
        Connect = MetricRow {
            name: "connect.rate",
            formula: "`connect.attempts` / length of the phases evaluated",
            counts: Some(Counted::Counter(Counter::ConnectAttempts)),
            protocols: Protocols::HOLDS,
            connections: Protocols::HOLDS,
            all_phases: Protocols::ALL,
            per_request: false,
            ..RATE
        },
        /// Requests started per second.
        Requests = MetricRow {
            name: "requests.rate",
            formula: "`started` / length of the phases evaluated",
            counts: Some(Counted::Counter(Counter::Started)),
            ..RATE
        },
        /// Bytes of bodies received per second.
        BytesReceived = MetricRow {
            name: "bytes.received.rate",
            formula: "`bytes.received` / length of the phases evaluated",
            counts: Some(Counted::Counter(Counter::BytesReceived)),
            unit: MetricUnit::BytesPerSecond,
            ..RATE
        },
    }
}
