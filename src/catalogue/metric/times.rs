//! Distributions of times: a row each.

use super::row::{Better, MetricRow, MetricUnit, Need, ReportPlace, Samples, Whose};
use super::rows;
use crate::catalogue::Protocols;

/// Columns that all times have in common.
const TIME: MetricRow = MetricRow {
    name: "",
    doc: "",
    formula: "",
    unit: MetricUnit::Time,
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
    report: ReportPlace::Times,
};

/// Columns that times of successful requests have in common.
const OF_SUCCESSES: MetricRow = MetricRow {
    protocols: Protocols::REQUESTS,
    per_request: true,
    whose: Whose::Successes,
    ..TIME
};

rows! {
    /// Distributions of times, in nanoseconds.
    TimeMetric {
        /// From the start of a connection to its opening, handshakes included.
        ConnectTime = MetricRow {
            name: "connect.time",
            formula: "opened - started, of connections that opened",
            protocols: Protocols::ALL,
            connections: Protocols::HOLDS,
            all_phases: Protocols::ALL,
            samples: Samples::Connects,
            ..TIME
        },
        /// Of `connect.time`, the exchange with a forward proxy that opens a tunnel (`CONNECT`).
        ProxyTime = MetricRow {
            name: "proxy_time",
            formula: "tunnel open - TCP connected, of connections that opened",
            protocols: Protocols::REQUESTS,
            all_phases: Protocols::ALL,
            needs: &[Need::Proxy],
            samples: Samples::Connects,
            ..TIME
        },
        /// Of `connect.time`, the TLS handshake.
        TlsTime = MetricRow {
            name: "tls.time",
            formula: "opened - TCP connected, of connections that opened",
            protocols: Protocols::ALL,
            all_phases: Protocols::ALL,
            needs: &[Need::Tls],
            samples: Samples::Connects,
            ..TIME
        },
        /// Of `connect.time`, the opening handshake of the WebSocket.
        HandshakeTime = MetricRow {
            name: "handshake.time",
            formula: "101 received - request sent, of connections that opened",
            protocols: Protocols::WEBSOCKETS,
            connections: Protocols::WEBSOCKETS,
            all_phases: Protocols::WEBSOCKETS,
            samples: Samples::Connects,
            ..TIME
        },
        /// Of `connect.time`, the messages of `opening`.
        OpeningTime = MetricRow {
            name: "opening.time",
            formula: "last reply - first message sent, of connections that opened",
            connections: Protocols::HOLDS,
            all_phases: Protocols::ALL,
            needs: &[Need::Opening],
            samples: Samples::Connects,
            ..TIME
        },
        /// From the start of a connection to the first right message.
        FirstMessage = MetricRow {
            name: "first_message",
            formula: "first right message - started",
            connections: Protocols::HOLDS,
            all_phases: Protocols::ALL,
            needs: &[Need::Messages],
            samples: Samples::FirstMessages,
            ..TIME
        },
        /// Between two messages of one connection.
        HeartbeatGap = MetricRow {
            name: "heartbeat.gap",
            formula: "message - the one before, of one connection",
            needs: &[Need::ServerHeartbeat],
            samples: Samples::Heartbeats,
            ..TIME
        },
        /// From the sending of a heartbeat to its reply.
        HeartbeatRtt = MetricRow {
            name: "heartbeat.rtt",
            formula: "reply - sent",
            needs: &[Need::ClientHeartbeat],
            samples: Samples::Heartbeats,
            ..TIME
        },
        /// From the drop of a connection by an event to the opening of its user's next one, over
        /// all that were dropped: `p50` is the time until half of them were back. What never came
        /// back is longer than everything.
        RecoveryTime = MetricRow {
            name: "recovery.time",
            formula: "opened again - dropped, of all connections that events dropped",
            all_phases: Protocols::ALL,
            needs: &[Need::Events, Need::Reconnects],
            samples: Samples::Drops,
            ..TIME
        },
        /// From the time of an event until the users that it dropped had a connection again: `p50`
        /// is the time until half of them had, `p99` until 99 % of them had. Each event counts by
        /// itself, and the longest is reported; who never came back is longer than everything.
        StormTime = MetricRow {
            name: "storm.time",
            formula: "opened again - the event's time, of the event that took longest",
            all_phases: Protocols::ALL,
            needs: &[Need::Events, Need::Reconnects],
            samples: Samples::Events,
            ..TIME
        },
        /// From sending to the last byte, of successes.
        ServiceTime = MetricRow {
            name: "service_time",
            formula: "last byte - sent",
            ..OF_SUCCESSES
        },
        /// From the due time to the last byte, of successes: in open stages, where arrivals have a
        /// rate.
        ResponseTime = MetricRow {
            name: "response_time",
            formula: "last byte - due = `schedule_lag` + `queue_wait` + `service_time`",
            needs: &[Need::Rate],
            ..OF_SUCCESSES
        },
        /// From sending to the first byte, of successes.
        FirstByte = MetricRow {
            name: "first_byte",
            formula: "first byte - sent",
            ..OF_SUCCESSES
        },
        /// From the first byte of a response to its last, of successes; 0 where both came at once.
        TransferTime = MetricRow {
            name: "transfer.time",
            formula: "last byte - first byte",
            per_request: false,
            ..OF_SUCCESSES
        },
        /// From sending to the last byte of responses that came whole and failed: status, body,
        /// checks.
        FailedTime = MetricRow {
            name: "failed_time",
            formula: "last byte - sent",
            samples: Samples::FailedResponses,
            whose: Whose::FailedResponses,
            ..OF_SUCCESSES
        },
        /// How late the generator started due attempts.
        ScheduleLag = MetricRow {
            name: "schedule_lag",
            formula: "started - due",
            protocols: Protocols::ALL,
            all_phases: Protocols::HOLDS,
            samples: Samples::Starts,
            ..TIME
        },
        /// From the start by the schedule to the sending, spent waiting for a connection: in open
        /// stages, where arrivals have a rate.
        QueueWait = MetricRow {
            name: "queue_wait",
            formula: "sent - started",
            protocols: Protocols::REQUESTS,
            needs: &[Need::Rate],
            ..TIME
        },
    }
}
