//! Rates: a row each.

use super::row::{Better, MetricRow, MetricUnit, Report, Samples, Whose};
use super::rows;
use crate::catalogue::Protocols;

/// What rates have in common.
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
    samples: Samples::Attempts,
    whose: Whose::All,
    age: None,
    report: Report::Rate,
};

rows! {
    /// Things a second.
    RateMetric {
        /// Connections tried a second.
        Connect = MetricRow {
            name: "connect.rate",
            formula: "`connect.attempts` / length of the phases looked at",
            protocols: Protocols::HOLDS,
            connections: Protocols::HOLDS,
            all_phases: Protocols::ALL,
            per_request: false,
            ..RATE
        },
        /// Requests started a second.
        Requests = MetricRow {
            name: "requests.rate",
            formula: "`started` / length of the phases looked at",
            ..RATE
        },
        /// Bytes of bodies received a second.
        BytesReceived = MetricRow {
            name: "bytes.received.rate",
            formula: "`bytes.received` / length of the phases looked at",
            unit: MetricUnit::BytesPerSecond,
            ..RATE
        },
    }
}
