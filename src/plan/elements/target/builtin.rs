//! A server that planrun starts itself.

use crate::plan::elements::protocol::ProtocolWord;
use crate::plan::elements::target::faults;
use crate::plan::elements::target::keys::BuiltinWord;
use crate::plan::elements::target::keys::RawTarget;
use crate::plan::elements::target::user::User;
use crate::plan::error::Errors;
use crate::plan::raw::{At, RawTable};
use crate::plan::span::Span;
use crate::plan::{Expect, Faults, Heartbeat, HoldSettings};
use crate::units::Time;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A server that planrun brings along.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Builtin {
    /// Greets, then sends a message every so often, or answers.
    TcpHold(TcpHoldServer),
    /// Answers every request.
    Http(HttpServer),
}

/// The behaviour of the built-in server of held connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpHoldServer {
    /// The message that it sends as greeting, heartbeat and reply.
    pub message: Vec<u8>,
    /// Whether it sends `message` as soon as a connection is accepted.
    pub greet: bool,
    /// It sends `message` this often on each connection; `None`: never unasked.
    pub every: Option<Time>,
    /// It answers each of these with `message`; `None`: it reads and forgets.
    pub reply_to: Option<Vec<u8>>,
    /// The certificate with which it secures connections; `None`: they are plain.
    pub tls: Option<Certificate>,
    /// Its deliberate faults.
    pub faults: Faults,
    /// How it speaks WebSocket; `None`: it sends bytes without frames.
    pub websocket: Option<WebSocketServer>,
}

/// How the built-in long-connection server speaks WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketServer {
    /// Chosen where a client offers it.
    pub subprotocol: Option<String>,
    /// Whether it sends pings `every` so often; otherwise it sends messages.
    pub pings: bool,
}

/// The source of a built-in server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certificate {
    /// Each process makes its own when it starts.
    Own,
    /// From PEM files.
    Files {
        /// The certificate, and those that lead to one that clients trust.
        certificate: Box<Path>,
        /// Its private key.
        key: Box<Path>,
    },
}

/// The behaviour of the built-in HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpServer {
    /// The body of every answer.
    pub body: String,
    /// The certificate with which it secures connections; `None`: they are plain.
    pub tls: Option<Certificate>,
    /// Its deliberate faults.
    pub faults: Faults,
}

pub(super) fn builtin(
    word: &At<BuiltinWord>,
    raw: &RawTarget,
    users: &[&User<'_>],
    errors: &mut Errors,
) -> Builtin {
    let (protocol, name) = match word.value {
        BuiltinWord::TcpHold => (ProtocolWord::TcpHold, "tcp-hold"),
        BuiltinWord::WsHold => (ProtocolWord::WsHold, "ws-hold"),
        BuiltinWord::Http => (ProtocolWord::Http, "http"),
    };
    if let Some(user) = users.iter().find(|user| user.protocol != protocol) {
        errors
            .add(word.at, format!("scenario `{}` does not speak {name}", user.name))
            .also(user.at, "the scenario's protocol")
            .help("write the scenario's protocol: the built-in server must speak the same");
    }
    let faults = faults::faults(&raw.faults, word.value.kind(), errors);
    let server = match word.value {
        BuiltinWord::TcpHold | BuiltinWord::WsHold => {
            if let Some(at) = raw.body.key() {
                errors
                    .add(at, "`body` belongs to the built-in http server")
                    .help("leave it out: the server sends what the scenario's `expect` says");
            }
            Builtin::TcpHold(tcp_hold_server(raw, users, faults, errors))
        }
        BuiltinWord::Http => {
            if let Some(at) = raw.greet.key() {
                errors
                    .add(at, "`greet` belongs to the built-in tcp-hold server")
                    .help("leave it out");
            }
            let body = raw.body.value().map_or_else(|| "ok".to_owned(), |body| body.value.clone());
            let tls = raw.tls.given().map(|_| Certificate::Own);
            Builtin::Http(HttpServer { body, tls, faults })
        }
    };
    report_conflicts(&server, word, raw, users, errors);
    server
}

/// Impossible settings, at their keys.
fn report_conflicts(
    server: &Builtin,
    word: &At<BuiltinWord>,
    raw: &RawTarget,
    users: &[&User<'_>],
    errors: &mut Errors,
) {
    let faults = raw.faults.value().map_or_else(Vec::new, RawTable::optional_keys);
    for one in server.fault_conflicts() {
        // These have errors of their own.
        let of_http = ["status", "slow_body", "truncate_body"].contains(&one.field);
        if one.field == "share" || of_http && word.value != BuiltinWord::Http {
            continue;
        }
        let of_users =
            |place: fn(&User<'_>) -> Option<Span>| users.iter().find_map(|user| place(user));
        let key = match one.field {
            "message" => of_users(|user| user.expect),
            "reply_to" | "every" => of_users(|user| user.heartbeat),
            "body" => raw.body.key(),
            fault => faults.iter().find(|(name, _)| *name == fault).map(|(_, place)| *place),
        };
        errors.add(key.unwrap_or(word.at), one.message).help(one.help);
    }
}

/// Settings that no built-in server supports.
fn report_unspoken(user: &User<'_>, errors: &mut Errors) {
    let Some(hold) = &user.hold else { return };
    if let (Some(_), Some(at)) = (&hold.opening, user.opening) {
        errors
            .add(at, "a built-in server does not take part in an `opening`")
            .help("write the address of a server that does: `address = \"127.0.0.1:6379\"`");
    }
    if let (Some(Heartbeat::Client { send, .. }), Some(at)) = (&hold.heartbeat, user.heartbeat)
        && send.fixed().is_none()
    {
        errors
            .add(at, "a built-in server replies to the same message each time, and this one varies")
            .help("leave `${user}` out of `send`, or write the address of another server");
    }
    if let (Some(Expect::Varying { .. }), Some(at)) = (&hold.expect, user.expect) {
        errors
            .add(at, "a built-in server sends the same message each time, and this one varies")
            .help("write all of the message, `expect = \"ok\"`, or the address of another server");
    }
}

/// The server that behaves as its scenario expects.
fn tcp_hold_server(
    raw: &RawTarget,
    users: &[&User<'_>],
    faults: Faults,
    errors: &mut Errors,
) -> TcpHoldServer {
    let serve = |hold: &HoldSettings| {
        let websocket = hold.websocket.as_ref().map(|websocket| WebSocketServer {
            subprotocol: websocket.subprotocols.first().cloned(),
            pings: websocket.beats_by_ping,
        });
        let (every, reply_to) = match &hold.heartbeat {
            Some(Heartbeat::Server { every, .. }) => (Some(*every), None),
            Some(Heartbeat::Client { send, .. }) => {
                (None, send.fixed().filter(|send| !send.is_empty()).map(<[u8]>::to_vec))
            }
            None => (None, None),
        };
        let message = match &hold.expect {
            Some(Expect::Exact(message)) => message.clone(),
            Some(Expect::Varying { .. }) | None => b"ok".to_vec(),
        };
        (message, every, reply_to, websocket)
    };
    for user in users {
        report_unspoken(user, errors);
    }
    let asked: Vec<_> =
        users.iter().filter_map(|user| Some((user, serve(user.hold.as_ref()?)))).collect();
    if let Some((one, wants)) = asked.first()
        && let Some((other, _)) = asked.iter().find(|(_, other)| other != wants)
    {
        let (this, that) = (one.name, other.name);
        errors
            .add(
                other.at,
                format!(
                    "scenarios `{this}` and `{that}` expect different things from one built-in server"
                ),
            )
            .also(one.at, format!("scenario `{this}`"))
            .help("give each its own target, or the same `expect` and `heartbeat`");
    }
    let greeting = users.iter().find_map(|user| user.greeting);
    let greet = raw.greet.value().copied().unwrap_or(greeting.is_some());
    if let (Some(given), Some(at), false) = (raw.greet.given(), greeting, greet) {
        errors
            .add(
                given.at,
                "with `greet = false` the `greeting` that the scenario waits for is never sent",
            )
            .also(at, "the scenario waits for it")
            .help("leave `greet` out, or `greeting`");
    }
    let none = || (b"ok".to_vec(), None, None, None);
    let (message, every, reply_to, websocket) =
        asked.into_iter().next().map_or_else(none, |(_, wants)| wants);
    let tls = raw.tls.given().map(|_| Certificate::Own);
    TcpHoldServer { message, greet, every, reply_to, tls, faults, websocket }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Endpoint;
    use crate::plan::tests::{HOLD, seconds, set};

    #[test]
    fn a_builtin_server_gives_its_scenario_what_this_expects() {
        let changes = [
            "targets.lb={ builtin = \"tcp-hold\" }",
            "scenarios.hold.expect=tick",
            "scenarios.hold.greeting=1s",
            "scenarios.hold.heartbeat={ from = \"server\", every = \"5s\" }",
        ];
        let plan = set(HOLD, &changes);
        let expected = TcpHoldServer {
            message: b"tick".to_vec(),
            greet: true,
            every: Some(seconds(5)),
            reply_to: None,
            tls: None,
            faults: Faults::default(),
            websocket: None,
        };
        assert_eq!(plan.targets[0].endpoint, Endpoint::Builtin(Builtin::TcpHold(expected)));
        assert!(plan.targets[0].shown.is_empty());
    }
}
