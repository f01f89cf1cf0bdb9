//! The keys of scenarios whose users hold connections.

pub(in crate::plan) mod churn;
pub(in crate::plan) mod close;
pub(in crate::plan) mod event;
pub(in crate::plan) mod expect;
pub(in crate::plan) mod heartbeat;
pub(in crate::plan) mod lifetime;
pub(in crate::plan) mod message;
pub(in crate::plan) mod opening;
pub(in crate::plan) mod payload;
pub(in crate::plan) mod reconnect;
pub(in crate::plan) mod send_every;
pub(in crate::plan) mod settings;
pub(in crate::plan) mod stream_pattern;
pub(in crate::plan) mod websocket;

use crate::plan::elements::hold::close::CloseWord;
use crate::plan::elements::hold::event::RawEvent;
use crate::plan::elements::hold::expect::RawExpect;
use crate::plan::elements::hold::heartbeat::RawHeartbeat;
use crate::plan::elements::hold::lifetime::RawLifetime;
use crate::plan::elements::hold::opening::RawOpeningStep;
use crate::plan::elements::hold::reconnect::RawReconnect;
use crate::plan::elements::hold::send_every::RawSendEvery;
use crate::plan::raw::{RawTable, table};
use crate::units::Time;

table! {
    /// The keys of a scenario about held connections.
    RawHold, "a scenario",
    must {}
    may {
        /// tcp-hold, ws-hold: every message must be this: exactly a text, or bytes as
        /// `{ hex = "c000" }`, or one that varies, as `{ prefix = "+OK", until = "\r\n" }`.
        expect: RawExpect,
        /// tcp-hold, ws-hold: messages that are sent and awaited, one after the other, before a
        /// connection counts as open.
        opening: Vec<RawOpeningStep>,
        /// tcp-hold, ws-hold: how long the messages of `opening` may take. Default: `10s`.
        opening_timeout: Time,
        /// tcp-hold, ws-hold: the server must send its first message within this time.
        greeting: Time,
        /// tcp-hold, ws-hold: which side sends heartbeats, and how they are checked.
        heartbeat: RawHeartbeat,
        /// tcp-hold, ws-hold: a message that is sent every so often and not replied to:
        /// `{ every = "20s", send = "…" }`.
        send_every: RawSendEvery,
        /// tcp-hold, ws-hold: how planned ends are made. Default: `fin`.
        close: CloseWord,
        /// tcp-hold, ws-hold: what follows a connection that was lost, dropped or not opened:
        /// `never`, `at-once`, or a table with a `backoff`. Default: `never`.
        reconnect: RawReconnect,
        /// tcp-hold, ws-hold: how long a connection is kept before another one takes its place:
        /// `60s`, `30s..90s`, or `{ mean = "60s" }`. Default: as long as the level is held.
        lifetime: RawLifetime,
        /// tcp-hold, ws-hold: planned drops of a share of the open connections.
        events: Vec<RawEvent>,
    }
}

impl RawHold {
    /// Whether every key could be read that decides which metrics exist.
    pub(in crate::plan) fn is_known(&self) -> bool {
        let heartbeat = &self.heartbeat;
        let churn_is_wrong =
            self.reconnect.is_wrong() || self.lifetime.is_wrong() || self.events.is_wrong();
        !heartbeat.is_wrong()
            && !heartbeat.value().is_some_and(RawTable::is_doubtful)
            && !self.expect.is_wrong()
            && !self.opening.is_wrong()
            && !self.send_every.is_wrong()
            && !self.greeting.is_wrong()
            && !churn_is_wrong
    }
}
