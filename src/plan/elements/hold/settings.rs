//! The settings of held connections: `tcp-hold`, `ws-hold`.

use crate::plan::elements::hold::close::CloseWord;
use crate::plan::elements::hold::expect::{Expect, expect};
use crate::plan::elements::hold::heartbeat::heartbeat;
use crate::plan::elements::hold::opening::{OpeningMessages, opening};
use crate::plan::elements::hold::send_every::{SendEvery, send_every};
use crate::plan::elements::hold::websocket::{Spoken, WebSocket};
use crate::plan::elements::hold::{RawHold, churn};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, time};
use crate::plan::{Churn, Close, Heartbeat, Secrets, Stage};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a connection is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldSettings {
    /// Messages that are sent and awaited before a connection counts as open; `None`: none.
    pub opening: Option<OpeningMessages>,
    /// Every message must be this; `None` takes any bytes.
    pub expect: Option<Expect>,
    /// The server must send its first message within this time of the connection's opening; `None`:
    /// no such duty.
    pub greeting: Option<Time>,
    /// Who keeps the connection alive, and how it is watched.
    pub heartbeat: Option<Heartbeat>,
    /// A message that is sent at intervals and has no reply.
    pub send_every: Option<SendEvery>,
    /// How long a connection may take to open.
    pub connect_timeout: Time,
    /// How planned ends are made.
    pub close: Close,
    /// Ends of connections before the end of their stage, and reconnects.
    pub churn: Churn,
    /// The WebSocket settings of the connection; `None`: bytes without frames.
    pub websocket: Option<Box<WebSocket>>,
    /// Values that must not be shown in any output.
    pub secrets: Secrets,
}

impl Default for HoldSettings {
    /// The settings of a scenario without these keys.
    fn default() -> Self {
        Self {
            opening: None,
            expect: None,
            greeting: None,
            heartbeat: None,
            send_every: None,
            connect_timeout: CONNECT_TIMEOUT,
            close: Close::Fin,
            churn: Churn::default(),
            websocket: None,
            secrets: Secrets::default(),
        }
    }
}

const CONNECT_TIMEOUT: Time = Time(Duration::from_secs(10));

/// Keys of other protocols, and the keys to use instead.
pub(in crate::plan::elements) const INSTEAD: [(&str, &str); 1] =
    [("timeout", "write `connect_timeout` for how long a connection may take to open")];

/// What each user does; `stages` are empty where they could not be read.
pub(in crate::plan::elements) fn held(
    (raw, connect_timeout, spoken): (&RawHold, &Field<Time>, Spoken),
    stages: &[Stage],
    errors: &mut Errors,
) -> HoldSettings {
    let greeting =
        raw.greeting.given().map(|_| time(&raw.greeting, "greeting", Time::default(), errors));
    HoldSettings {
        opening: opening(raw, spoken, errors),
        expect: expect(&raw.expect, spoken, errors),
        greeting,
        heartbeat: raw.heartbeat.value().map(|raw| heartbeat(raw, spoken, errors)),
        send_every: send_every(&raw.send_every, errors),
        connect_timeout: time(connect_timeout, "connect_timeout", CONNECT_TIMEOUT, errors),
        close: match raw.close.value() {
            Some(CloseWord::Rst) => Close::Rst,
            Some(CloseWord::Fin) | None => Close::Fin,
        },
        churn: churn::churn(raw, stages, errors),
        websocket: None,
        secrets: Secrets::default(),
    }
}
