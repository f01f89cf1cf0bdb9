//! How a connection is held.

use super::hold::RawHold;
use super::protocol::Element;
use crate::plan::error::Errors;
use crate::plan::lower::{churn, time, time_within};
use crate::plan::raw::{
    CloseWord, Field, ProtocolWord, RawHeartbeat, RawScenario, RawTable, SideWord,
};
use crate::plan::text::Text;
use crate::plan::{Close, Heartbeat, Protocol, Stage, TcpHold};
use crate::units::Time;
use std::time::Duration;

const CONNECT_TIMEOUT: Time = Time(Duration::from_secs(10));
const GRACE: Time = Time(Duration::from_secs(10));
const REPLY_TIMEOUT: Time = Time(Duration::from_secs(5));

/// Its place among the protocols.
pub(super) const ELEMENT: Element = Element {
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

/// What is sent or expected: some bytes.
fn message(field: &Field<Text>, name: &str, errors: &mut Errors) -> Option<String> {
    let given = field.given()?;
    if given.value.value.is_empty() {
        let out = if name == "send" { "" } else { "leave it out, or " };
        errors
            .add(given.at, format!("`{name}` cannot be empty"))
            .help(format!("{out}write the bytes of a message: `{name} = \"ok\"`"));
    }
    Some(given.value.value.clone())
}

fn heartbeat(raw: &RawHeartbeat, errors: &mut Errors) -> Heartbeat {
    let every = time(&raw.every, "every", GRACE, errors);
    let side = raw.from.value().copied();
    let foreign: &[(&str, Option<_>)] = match side {
        Some(SideWord::Server) => &[("send", raw.send.key()), ("timeout", raw.timeout.key())],
        Some(SideWord::Client) => &[("grace", raw.grace.key())],
        None => &[],
    };
    for (name, key) in foreign {
        if let Some(at) = key {
            let (this, other, use_this) = match side {
                Some(SideWord::Client) => ("client", "server", "timeout"),
                _ => ("server", "client", "grace"),
            };
            errors
                .add(*at, format!("`{name}` belongs to a heartbeat from the {other}, and this one is from the {this}"))
                .help(format!("leave `{name}` out; what a heartbeat from the {this} has is `{use_this}`"));
        }
    }
    match side {
        Some(SideWord::Client) => {
            let default = REPLY_TIMEOUT.min(every);
            if raw.send.is_absent() {
                errors
                    .add(raw.place(), "a heartbeat from the client needs the key `send`")
                    .help("add `send = \"ping\"`: what is sent");
            }
            Heartbeat::Client {
                send: message(&raw.send, "send", errors).unwrap_or_default(),
                every,
                timeout: time_within(&raw.timeout, "timeout", default, (every, "every"), errors),
            }
        }
        Some(SideWord::Server) | None => {
            Heartbeat::Server { every, grace: raw.grace.value().copied().unwrap_or(GRACE) }
        }
    }
}
