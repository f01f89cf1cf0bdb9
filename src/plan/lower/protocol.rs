//! Which keys belong to which protocol.

use super::stages::Stages;
use super::{http, tcp_hold};
use crate::plan::error::Errors;
use crate::plan::raw::{ProtocolWord, RawScenario, RawTable};
use crate::plan::{Protocol, Stage};

/// Keys of a scenario that only tcp-hold knows.
const OF_TCP_HOLD: [&str; 7] =
    ["expect", "greeting", "heartbeat", "close", "reconnect", "lifetime", "events"];

/// Keys of a scenario that only http knows.
const OF_HTTP: [&str; 15] = [
    "requests",
    "steps",
    "data",
    "cookies",
    "redirects",
    "compression",
    "auth",
    "think_time",
    "timeout",
    "first_byte_timeout",
    "max_in_flight",
    "on_full",
    "connection",
    "version",
    "limits",
];

/// Says which keys belong to the other protocol.
pub(super) fn reject_foreign_keys(word: ProtocolWord, raw: &RawScenario, errors: &mut Errors) {
    let (mine, other, foreign): (_, _, &[&str]) = match word {
        ProtocolWord::TcpHold => ("tcp-hold", "http", &OF_HTTP),
        ProtocolWord::Http => ("http", "tcp-hold", &OF_TCP_HOLD),
    };
    for (name, at) in raw.optional_keys() {
        if !foreign.contains(&name) {
            continue;
        }
        let help = match (word, name) {
            (ProtocolWord::Http, "expect") => {
                "say it of a request: `requests = [{ path = \"/\", expect = { status = 200 } }]`"
            }
            (ProtocolWord::TcpHold, "timeout") => {
                "write `connect_timeout` for how long a connection may take to open"
            }
            _ => "leave it out",
        };
        errors
            .add(at, format!("`{name}` belongs to {other}, and this scenario is {mine}"))
            .label(format!("a key of {other}"))
            .help(help);
    }
}

/// What each user does. Without a known protocol this stands for one, and its keys are not looked at.
pub(super) fn protocol(
    word: Option<ProtocolWord>,
    raw: &RawScenario,
    stages: &Stages,
    errors: &mut Errors,
) -> Protocol {
    let known: &[Stage] = if stages.known { &stages.list } else { &[] };
    let stages = stages.list.as_slice();
    match word {
        Some(ProtocolWord::TcpHold) => Protocol::TcpHold(tcp_hold::tcp_hold(raw, known, errors)),
        Some(ProtocolWord::Http) => Protocol::Http(http::http(raw, stages, errors)),
        None => Protocol::Http(http::http(&RawScenario::default(), stages, errors)),
    }
}
