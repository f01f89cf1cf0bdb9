//! Turns counters and gauges into small arrays with a name for each place.

use crate::catalogue::{Need, Protocols};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Defines an enum of names and an array that is indexed by it. People read a map without zeros,
/// machines a sequence.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident, $(#[$table_meta:meta])* $table:ident {
        $($(#[$doc:meta])* $variant:ident = $text:literal of $set:ident $(with $need:ident)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
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

        $(#[$table_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $table([u64; $name::ALL.len()]);

        impl Default for $table {
            fn default() -> Self {
                Self([0; $name::ALL.len()])
            }
        }

        impl $table {
            /// The value of one.
            pub fn get(&self, one: $name) -> u64 {
                self.0[one as usize]
            }

            /// Adds to one.
            pub fn add(&mut self, one: $name, amount: u64) {
                self.0[one as usize] += amount;
            }

            /// Sets one.
            pub fn set(&mut self, one: $name, value: u64) {
                self.0[one as usize] = value;
            }

            /// Adds every one of `other`.
            pub fn merge(&mut self, other: &Self) {
                for (mine, theirs) in self.0.iter_mut().zip(other.0) {
                    *mine += theirs;
                }
            }

            /// Whether all are zero.
            pub fn is_zero(&self) -> bool {
                self.0.iter().all(|value| *value == 0)
            }
        }

        impl Serialize for $table {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !serializer.is_human_readable() {
                    return serializer.collect_seq(self.0);
                }
                let mut map = serializer.serialize_map(None)?;
                for one in $name::ALL.iter().filter(|one| self.get(**one) != 0) {
                    map.serialize_entry(one.name(), &self.get(*one))?;
                }
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $table {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl<'de> Visitor<'de> for Reader {
                    type Value = $table;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a table of whole numbers")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<$table, A::Error> {
                        let mut table = $table::default();
                        for place in &mut table.0 {
                            *place = seq.next_element()?.ok_or_else(|| serde::de::Error::custom("too few values"))?;
                        }
                        Ok(table)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$table, A::Error> {
                        let mut table = $table::default();
                        while let Some((name, value)) = map.next_entry::<String, u64>()? {
                            // A name from a later version adds nothing here.
                            if let Some(one) = $name::ALL.iter().find(|one| one.name() == name) {
                                table.set(*one, value);
                            }
                        }
                        Ok(table)
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_map(Reader)
                } else {
                    deserializer.deserialize_seq(Reader)
                }
            }
        }
    };
}

table! {
    /// What is counted. An attempt is a connection (tcp-hold) or a request (http), and belongs to
    /// the phase of the stage in which it was due.
    Counter,
    /// A value for each [`Counter`].
    Counters {
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

table! {
    /// What has a level at the end of a second.
    Gauge,
    /// A value for each [`Gauge`].
    Gauges {
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
