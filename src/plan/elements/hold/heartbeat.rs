//! Which side sends heartbeats, and how they are checked.

use crate::plan::elements::hold::message::{Message, RawMessage, message};
use crate::plan::elements::hold::websocket::Spoken;
use crate::plan::error::Errors;
use crate::plan::raw::{RawTable, table, words};
use crate::plan::raw::{time, time_within};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who sends heartbeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heartbeat {
    /// The server sends a message, or a ping, `every` so often; `grace` late, it is missed.
    Server {
        /// The server's period; not zero.
        every: Time,
        /// How late a message may be.
        grace: Time,
    },
    /// This side sends `send` `every` so often and awaits a reply (`expect`, if that is set) within
    /// `timeout`; a ping of a WebSocket awaits its pong.
    Client {
        /// The message to send; empty for a ping.
        send: Message,
        /// The period; not zero.
        every: Time,
        /// How long the reply may take; not longer than `every`.
        timeout: Time,
    },
}

const GRACE: Time = Time(Duration::from_secs(10));
const REPLY_TIMEOUT: Time = Time(Duration::from_secs(5));

words! {
    /// What heartbeats of a WebSocket are.
    FrameWord {
        /// Messages.
        Message = "message",
        /// Ping frames, and pongs in reply.
        Ping = "ping",
    }
}

words! {
    /// Who sends heartbeats.
    SideWord {
        /// The target.
        Server = "server",
        /// This side; the target replies.
        Client = "client",
    }
}

table! {
    /// Which side sends heartbeats, and how they are checked.
    #[schemars(rename = "Heartbeat")]
    RawHeartbeat, "a heartbeat", write "a table: `{ from = \"server\", every = \"60s\" }`", in "`heartbeat = { … }` of a scenario",
    must {
        /// Who sends: `server` or `client`.
        from: SideWord = "from = \"server\"` or `from = \"client\"",
        /// How often.
        every: Time = "every = \"60s\"",
    }
    may {
        /// From the server: how late a message may be. Default: `10s`.
        grace: Time,
        /// From the client: the message to send: text, in which `${user}` is the user's number,
        /// bytes as `{ hex = "c000" }`, or a list of them. ws-hold: default a ping.
        send: RawMessage,
        /// From the client: how long the reply may take. Default: `5s`, or `every` if that is
        /// shorter.
        timeout: Time,
        /// ws-hold: whether heartbeats are messages or pings: `message` or `ping`. Default:
        /// `message`, from the client by `send`.
        frame: FrameWord,
    }
}

pub(in crate::plan) fn heartbeat(
    raw: &RawHeartbeat,
    spoken: Spoken,
    errors: &mut Errors,
) -> Heartbeat {
    let pings = pings(raw, spoken, errors);
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
            if raw.send.is_absent() && !pings {
                errors
                    .add(raw.place(), "a heartbeat from the client needs the key `send`")
                    .help("add `send = \"ping\"`: what is sent");
            }
            Heartbeat::Client {
                send: message(&raw.send, errors).unwrap_or_default(),
                every,
                timeout: time_within(&raw.timeout, "timeout", default, (every, "every"), errors),
            }
        }
        Some(SideWord::Server) | None => {
            Heartbeat::Server { every, grace: raw.grace.value().copied().unwrap_or(GRACE) }
        }
    }
}

/// Whether heartbeats are pings.
fn pings(raw: &RawHeartbeat, spoken: Spoken, errors: &mut Errors) -> bool {
    let frame = raw.frame.value().copied();
    if let Some(at) = raw.frame.key().filter(|_| spoken == Spoken::Raw) {
        errors
            .add(at, "`frame` belongs to ws-hold, and this scenario is tcp-hold")
            .help("leave it out: heartbeats of tcp-hold are messages");
        return false;
    }
    if let (Some(FrameWord::Ping), Some(at)) = (frame, raw.send.key()) {
        errors.add(at, "a ping carries no message").help("leave `send` out, or `frame`");
    }
    let is_silent = raw.send.is_absent() && raw.from.value() == Some(&SideWord::Client);
    spoken == Spoken::WebSocket && (frame == Some(FrameWord::Ping) || is_silent && frame.is_none())
}
