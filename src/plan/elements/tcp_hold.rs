//! The protocol `tcp-hold`: each user opens one TCP connection and holds it.

use crate::plan::elements::hold::heartbeat::heartbeat;
use crate::plan::elements::hold::message;
use crate::plan::elements::hold::{CloseWord, RawHold, churn};
use crate::plan::elements::protocol::{Element, ProtocolWord};
use crate::plan::elements::scenario::RawScenario;
use crate::plan::error::Errors;
use crate::plan::raw::time;
use crate::plan::{Churn, Close, Heartbeat, Protocol, Stage};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a connection is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpHold {
    /// Every message must be exactly this; `None` takes any bytes. Never empty.
    pub expect: Option<String>,
    /// The server must send its first message within this time of the connection's opening; `None`: no such duty.
    pub greeting: Option<Time>,
    /// Who keeps the connection alive, and how it is watched.
    pub heartbeat: Option<Heartbeat>,
    /// How long a connection may take to open.
    pub connect_timeout: Time,
    /// How planned ends are made.
    pub close: Close,
    /// What ends connections before their stage does, and what follows an end.
    pub churn: Churn,
}

const CONNECT_TIMEOUT: Time = Time(Duration::from_secs(10));

/// Its place among the protocols.
pub(in crate::plan) const ELEMENT: Element = Element {
    word: ProtocolWord::TcpHold,
    name: "tcp-hold",
    keys: &[&RawHold::KEYS],
    instead: &[("timeout", "write `connect_timeout` for how long a connection may take to open")],
    lower: |raw, stages, errors| Protocol::TcpHold(tcp_hold(raw, stages.known(), errors)),
};

fn tcp_hold(scenario: &RawScenario, stages: &[Stage], errors: &mut Errors) -> TcpHold {
    let raw = &scenario.hold;
    let greeting =
        raw.greeting.given().map(|_| time(&raw.greeting, "greeting", Time::default(), errors));
    TcpHold {
        expect: message(&raw.expect, "expect", errors),
        greeting,
        heartbeat: raw.heartbeat.value().map(|raw| heartbeat(raw, errors)),
        connect_timeout: time(
            &scenario.connect_timeout,
            "connect_timeout",
            CONNECT_TIMEOUT,
            errors,
        ),
        close: match raw.close.value() {
            Some(CloseWord::Rst) => Close::Rst,
            Some(CloseWord::Fin) | None => Close::Fin,
        },
        churn: churn::churn(raw, stages, errors),
    }
}
