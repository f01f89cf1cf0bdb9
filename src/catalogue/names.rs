//! What is counted, and what has a level: a row each.

use crate::catalogue::{Need, Protocols};

/// Defines an enum of names, each with the protocols that have it.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $text:literal of $set:ident $(with $need:ident)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it means, in a sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*),)* }
            }

            /// The protocols whose reports have it.
            pub fn protocols(self) -> Protocols {
                match self { $(Self::$variant => Protocols::$set,)* }
            }

            /// What a plan must have for reports to have it.
            pub fn need(self) -> Option<Need> {
                match self { $(Self::$variant => [$(Need::$need)?].into_iter().next(),)* }
            }
        }
    };
}

names! {
    /// What is counted. An attempt is a connection (tcp-hold) or a request (http), and belongs to
    /// the phase of the stage in which it was due.
    Counter {
        /// Attempts due by the schedule: always `started + dropped`.
        Due = "due" of ALL,
        /// Attempts started: always `ok + failed + timed_out + unfinished` once all have ended.
        Started = "started" of ALL,
        /// Attempts that were due and never started.
        Dropped = "dropped" of ALL,
        /// Attempts that ended well.
        Ok = "ok" of ALL,
        /// Attempts that failed, time-outs apart.
        Failed = "failed" of ALL,
        /// Attempts that ended by a time-out.
        TimedOut = "timed_out" of ALL,
        /// Attempts that had not ended when the run did.
        Unfinished = "unfinished" of ALL,
        /// tcp-hold: of `unfinished`, those whose connection was open.
        UnfinishedOpen = "unfinished.open" of HOLDS,
        /// Of `failed`, those that are the generator's own fault.
        FailedLocal = "failed.local" of ALL,
        /// Connections tried.
        ConnectAttempts = "connect.attempts" of ALL,
        /// Connections opened.
        ConnectOk = "connect.ok" of ALL,
        /// Connections not opened (time-outs included), local failures apart.
        ConnectFailed = "connect.failed" of ALL,
        /// Connections not opened by a fault of the generator.
        ConnectFailedLocal = "connect.failed.local" of ALL,
        /// tcp-hold: connections open when a hold began, or opened in it.
        HoldEntered = "hold.entered" of HOLDS,
        /// tcp-hold: connections lost in this phase (by time of loss).
        Lost = "hold.lost" of HOLDS,
        /// tcp-hold: connections closed as planned in this phase (by time of close).
        Closed = "closed" of HOLDS,
        /// tcp-hold: time that connections were open, summed over them, in this phase:
        /// milliseconds.
        TimeDelivered = "connection_time.delivered_ms" of HOLDS,
        /// tcp-hold: time that they should have been open: the same, and for each connection that
        /// was lost the time until its user had another one open, or was to have none any more.
        TimePromised = "connection_time.promised_ms" of HOLDS,
        /// tcp-hold: connections dropped by an event of the plan (by time of the drop).
        StormDropped = "storm.dropped" of HOLDS with Events,
        /// tcp-hold: of those, the ones whose user had a connection again (by the time of that).
        StormRecovered = "storm.recovered" of HOLDS with Events,
        /// tcp-hold: of those, the ones whose user had none again before it was to have none any
        /// more.
        StormUnrecovered = "storm.unrecovered" of HOLDS with Events,
        /// tcp-hold: attempts to replace a connection that was lost, dropped, not opened, or at the
        /// end of its lifetime.
        Reconnects = "reconnects" of HOLDS with Reconnects,
        /// tcp-hold: connections with at least one right message (by the time of the first).
        Verified = "verified" of HOLDS,
        /// tcp-hold: right messages received in this phase.
        MessagesReceived = "messages.received" of HOLDS,
        /// tcp-hold: of those, the ones that were heartbeats.
        HeartbeatReceived = "heartbeat.received" of HOLDS,
        /// tcp-hold: heartbeats that did not come in time.
        HeartbeatMissed = "heartbeat.missed" of HOLDS,
        /// tcp-hold: heartbeats sent by this side.
        HeartbeatSent = "heartbeat.sent" of HOLDS,
        /// http: of the connections opened, those that were secured by going on with an earlier
        /// session.
        TlsResumed = "tls.resumed" of REQUESTS with Tls,
        /// http: sendings of requests again, because the server had not processed them, or closed
        /// the idle connection as they came.
        Retried = "retried" of ALL,
        /// http: cookies that users did not keep, or let go of for a newer one.
        CookiesLost = "cookies.lost" of REQUESTS with Cookies,
        /// Bytes received: messages or bodies (as they came: encoded ones are not decoded, framing
        /// is left out). http counts them when a request ends or is let go of, of each sending.
        BytesReceived = "bytes.received" of ALL,
        /// Bytes sent by tcp-hold heartbeats, or http bodies: what the kernel took, not what was to
        /// be sent. With TLS what its session took (it holds back at most one record), with HTTP/2
        /// what flow control let out. http counts them when a request ends or is let go of, of each
        /// sending.
        BytesSent = "bytes.sent" of ALL,
    }
}

impl Counter {
    /// The counters of the accounting identities.
    pub const ACCOUNTING: [Self; 7] = [
        Self::Due,
        Self::Started,
        Self::Dropped,
        Self::Ok,
        Self::Failed,
        Self::TimedOut,
        Self::Unfinished,
    ];

    /// Whether http has it for each request.
    pub fn is_per_request(self) -> bool {
        Self::ACCOUNTING.contains(&self) || matches!(self, Self::FailedLocal | Self::BytesReceived)
    }
}

names! {
    /// What has a level at the end of a second.
    Gauge {
        /// Connections open.
        Open = "connections.open" of ALL,
        /// Connections being opened.
        Connecting = "connections.connecting" of ALL,
        /// Virtual users at work.
        Users = "users" of REQUESTS,
        /// Requests under way.
        InFlight = "in_flight" of REQUESTS,
    }
}
