//! Counters and gauges: one row each.

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

            /// Its meaning, in one sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*),)* }
            }

            /// The protocols whose reports have it.
            pub fn protocols(self) -> Protocols {
                match self { $(Self::$variant => Protocols::$set,)* }
            }

            /// The plan features that it needs to be in reports.
            pub fn need(self) -> Option<Need> {
                match self { $(Self::$variant => [$(Need::$need)?].into_iter().next(),)* }
            }
        }
    };
}

names! {
    /// A counter. An attempt is a held connection or a request, and belongs to the phase of the
    /// stage in which it was due.
    Counter {
        /// Attempts due by the schedule: always `started + dropped`.
        Due = "due" of ALL,
        /// Attempts started: always `ok + failed + timed_out + unfinished` once all have ended.
        Started = "started" of ALL,
        /// Attempts that were due and never started.
        Dropped = "dropped" of ALL,
        /// Attempts that succeeded.
        Ok = "ok" of ALL,
        /// Attempts that failed, without time-outs.
        Failed = "failed" of ALL,
        /// Attempts that ended by a time-out.
        TimedOut = "timed_out" of ALL,
        /// Attempts that had not ended when the run did.
        Unfinished = "unfinished" of ALL,
        /// Of `unfinished`, those whose held connection was open.
        UnfinishedOpen = "unfinished.open" of HOLDS,
        /// Of `failed`, those that the generator itself caused.
        FailedLocal = "failed.local" of ALL,
        /// Connections tried.
        ConnectAttempts = "connect.attempts" of ALL,
        /// Connections opened.
        ConnectOk = "connect.ok" of ALL,
        /// Connections not opened, including time-outs, without local failures.
        ConnectFailed = "connect.failed" of ALL,
        /// Connections that the generator itself failed to open.
        ConnectFailedLocal = "connect.failed.local" of ALL,
        /// Held connections open when a hold began, or opened in it.
        HoldEntered = "hold.entered" of HOLDS,
        /// Held connections lost in this phase, by time of loss.
        Lost = "hold.lost" of HOLDS,
        /// Held connections closed as planned in this phase, by time of close.
        Closed = "closed" of HOLDS,
        /// Time that held connections were open in this phase, summed over them, in milliseconds.
        TimeDelivered = "connection_time.delivered_ms" of HOLDS,
        /// Time that held connections should have been open, in milliseconds: the delivered time,
        /// and for each lost connection the time until its user had another one open or no longer
        /// needed one.
        TimePromised = "connection_time.promised_ms" of HOLDS,
        /// Held connections dropped by an event of the plan, by time of the drop.
        StormDropped = "storm.dropped" of HOLDS with Events,
        /// Of `storm.dropped`, those whose user had a connection again, by the time it opened.
        StormRecovered = "storm.recovered" of HOLDS with Events,
        /// Of `storm.dropped`, those whose user had no other connection before it stopped needing
        /// one.
        StormUnrecovered = "storm.unrecovered" of HOLDS with Events,
        /// Attempts to replace a connection that was lost, dropped, not opened, or at the end of
        /// its lifetime.
        Reconnects = "reconnects" of HOLDS with Reconnects,
        /// Held connections that received at least one expected message, by the time of the first.
        Verified = "verified" of HOLDS,
        /// Expected messages received in this phase.
        MessagesReceived = "messages.received" of HOLDS,
        /// Of `messages.received`, those that were heartbeats.
        HeartbeatReceived = "heartbeat.received" of HOLDS,
        /// Heartbeats that did not arrive in time.
        HeartbeatMissed = "heartbeat.missed" of HOLDS,
        /// Heartbeats sent by this side.
        HeartbeatSent = "heartbeat.sent" of HOLDS,
        /// Messages of `send_every` sent by this side.
        MessagesSent = "messages.sent" of HOLDS with SendEvery,
        /// http: of the connections opened, those whose TLS handshake resumed an earlier session.
        TlsResumed = "tls.resumed" of REQUESTS with Tls,
        /// http: requests sent again, because the server had not processed them or closed the idle
        /// connection as they arrived.
        Retried = "retried" of ALL,
        /// http: cookies that users rejected, or discarded for a newer one.
        CookiesLost = "cookies.lost" of REQUESTS with Cookies,
        /// http: iterations of stages with `iterations` or `until` that ended, also by a failed
        /// step.
        Iterations = "iterations" of REQUESTS with FixedWork,
        /// http: iterations that such stages were to have: their number, or one for each row.
        IterationsPlanned = "iterations.planned" of REQUESTS with FixedWork,
        /// Bytes received: messages or bodies, without framing; encoded bodies are counted encoded.
        /// http counts them when a request ends or is given up, for each time it was sent.
        BytesReceived = "bytes.received" of ALL,
        /// Bytes sent: heartbeats or http bodies, as far as the kernel accepted them. With TLS, as
        /// far as the session accepted them (it buffers at most one record); with HTTP/2, as far as
        /// flow control permitted. http counts them when a request ends or is given up, for each
        /// time it was sent.
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
    /// Gauges: levels at the end of a second.
    Gauge {
        /// Connections open.
        Open = "connections.open" of ALL,
        /// Connections being opened.
        Connecting = "connections.connecting" of ALL,
        /// Virtual users at work.
        Users = "users" of REQUESTS,
        /// Requests in flight.
        InFlight = "in_flight" of REQUESTS,
    }
}
