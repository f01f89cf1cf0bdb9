//! The protocol `ws-hold`: each user opens a WebSocket (RFC 6455) and holds it.

use crate::plan::elements::hold::RawHold;
use crate::plan::elements::hold::heartbeat::FrameWord;
use crate::plan::elements::hold::settings::HoldSettings;
use crate::plan::elements::hold::websocket::WebSocket;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Named, OneOrMany, count, table, words};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::{HeaderName, HeaderValue, Heartbeat, Message, MessagePart, RequestPath};
use crate::units::Count;

words! {
    /// The type of this side's messages.
    MessageWord {
        /// UTF-8.
        Text = "text",
        /// Bytes.
        Binary = "binary",
    }
}

table! {
    /// The keys of a scenario about WebSockets.
    RawWebSocket, "a scenario",
    must {}
    may {
        /// ws-hold: the path and query of the handshake. Default: those of the target's address.
        path: Text,
        /// ws-hold: more headers of the handshake.
        headers: Named<Text>,
        /// ws-hold: a subprotocol to offer, or a list of them; the server must choose one.
        subprotocol: OneOrMany<Text>,
        /// ws-hold: whether messages of this side are `text` or `binary`. Default: `text`.
        message: MessageWord,
        /// ws-hold: the longest message that is taken, in bytes. Default: 1 MiB.
        max_message: Count,
    }
}

const MAX_MESSAGE: u32 = 1 << 20;

/// The longest request of a handshake: it must fit into an empty socket buffer.
const REQUEST_MAX: usize = 8 << 10;

/// Headers that the handshake sets itself.
const OWN: [&str; 7] = [
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "content-length",
];

/// The WebSocket settings of the connections of `hold`.
pub(super) fn websocket(
    raw: &RawWebSocket,
    keys: &RawHold,
    hold: &HoldSettings,
    errors: &mut Errors,
) -> WebSocket {
    let is_ping = |raw: &Field<FrameWord>| raw.value() == Some(&FrameWord::Ping);
    let beats_by_ping = match &hold.heartbeat {
        Some(Heartbeat::Client { send, .. }) => send.is_empty(),
        Some(Heartbeat::Server { .. }) => {
            keys.heartbeat.value().is_some_and(|raw| is_ping(&raw.frame))
        }
        None => false,
    };
    let max_message = count(&raw.max_message, "max_message", errors);
    let max_message = max_message.map_or(MAX_MESSAGE, |bytes| {
        u32::try_from(bytes).ok().filter(|bytes| *bytes < 1 << 31).unwrap_or_else(|| {
            if let Some(given) = raw.max_message.given() {
                errors
                    .add(given.at, "`max_message` is at most 2147483647 bytes")
                    .help("write for example `max_message = 1048576`");
            }
            MAX_MESSAGE
        })
    });
    let websocket = WebSocket {
        path: path(&raw.path, errors),
        headers: headers(&raw.headers, errors),
        subprotocols: subprotocols(&raw.subprotocol, errors),
        is_binary: raw.message.value() == Some(&MessageWord::Binary),
        beats_by_ping,
        max_message,
    };
    if !websocket.is_binary {
        refuse_bytes(keys, hold, errors);
    }
    let headers = websocket.headers.iter().map(|(name, value)| name.len() + value.len() + 4);
    let offered = websocket.subprotocols.iter().map(|name| name.len() + 2);
    let length = headers.sum::<usize>()
        + offered.sum::<usize>()
        + websocket.path.as_ref().map_or(0, |path| path.len());
    if length > REQUEST_MAX {
        errors
            .add(
                raw.headers.key().or(raw.subprotocol.key()).or(raw.path.key()).unwrap_or_default(),
                format!("the handshake has {length} bytes, and at most {REQUEST_MAX} are sent"),
            )
            .help("shorten `headers`, `path` or `subprotocol`");
    }
    websocket
}

/// Messages of type text are UTF-8.
fn refuse_bytes(keys: &RawHold, hold: &HoldSettings, errors: &mut Errors) {
    let mut refuse = |message: &Message, at: Option<Span>| {
        let text = |part: &MessagePart| match part {
            MessagePart::Bytes(bytes) => bytes.clone(),
            // Digits.
            MessagePart::User { .. } => b"0".to_vec(),
        };
        let bytes: Vec<u8> = message.parts.iter().flat_map(text).collect();
        if let (Err(wrong), Some(at)) = (std::str::from_utf8(&bytes), at) {
            errors
                .add(at, format!("a text message is UTF-8, and these bytes are not ({wrong})"))
                .help("write `message = \"binary\"` in the scenario to send them as they are");
        }
    };
    if let Some(Heartbeat::Client { send, .. }) = &hold.heartbeat {
        let at = keys.heartbeat.value().and_then(|raw| Some(raw.send.given()?.at));
        refuse(send, at);
    }
    if let Some(own) = &hold.send_every {
        let at = keys.send_every.value().and_then(|raw| Some(raw.send.given()?.at));
        refuse(&own.send, at);
    }
    let steps = hold.opening.iter().flat_map(|opening| &opening.steps);
    for (step, raw) in steps.zip(keys.opening.value().into_iter().flatten()) {
        if let Some(send) = &step.send {
            refuse(send, raw.send.given().map(|given| given.at));
        }
    }
}

fn path(field: &Field<Text>, errors: &mut Errors) -> Option<RequestPath> {
    let given = field.given()?;
    let path = given.value.value.as_str();
    if !path.starts_with('/') {
        let error = errors.add(given.at, "a path starts with `/`");
        if !given.value.is_secret() {
            error.help(format!("write `\"/{}\"`", given.value.shown));
        }
    } else if path.parse::<RequestPath>().is_err()
        || path.contains(|c: char| !c.is_ascii_graphic() || c == '#')
    {
        errors
            .add(given.at, "this path has characters that are not allowed in a path")
            .help("encode them: a space is `%20`, a `#` is `%23`");
    }
    path.parse().ok()
}

fn headers(field: &Field<Named<Text>>, errors: &mut Errors) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (key, header) in field.value().into_iter().flat_map(Named::read) {
        let name = key.name.to_lowercase();
        let (parsed, parsed_value) =
            (name.parse::<HeaderName>(), header.value.value.parse::<HeaderValue>());
        if name == "sec-websocket-protocol" {
            errors
                .add(key.at, format!("the handshake sends `{name}` itself"))
                .help("write `subprotocol = \"NAME\"` in the scenario");
        } else if OWN.contains(&name.as_str()) {
            errors.add(key.at, format!("the handshake sends `{name}` itself")).help("leave it out");
        } else if parsed.is_err() {
            errors
                .add(key.at, "invalid header name")
                .help("use letters, digits and `-`: `authorization`");
        } else if parsed_value.is_err() {
            errors
                .add(header.at, "a header value cannot contain line breaks or control characters")
                .help("write it on one line");
        } else if headers.iter().any(|(other, _)| **other == *name) {
            errors.add(key.at, format!("the header `{name}` is set twice"));
        }
        if let (Ok(name), Ok(value)) = (parsed, parsed_value) {
            headers.push((name, value));
        }
    }
    headers
}

fn subprotocols(field: &Field<OneOrMany<Text>>, errors: &mut Errors) -> Vec<String> {
    let Some(given) = field.given() else { return Vec::new() };
    let OneOrMany(list) = &given.value;
    if list.is_empty() {
        errors
            .add(given.at, "the list of subprotocols is empty")
            .help("leave `subprotocol` out, or add one: `subprotocol = \"mqtt\"`");
    }
    let mut names: Vec<String> = Vec::new();
    for one in list {
        let name = &one.value.value;
        // A token, as the name of a header is.
        if name.parse::<HeaderName>().is_err() {
            errors
                .add(one.at, "invalid subprotocol name")
                .help("use letters, digits, `.` and `-`: `subprotocol = \"graphql-transport-ws\"`");
        } else if names.contains(name) {
            errors.add(one.at, format!("the subprotocol `{name}` is listed twice"));
        }
        names.push(name.clone());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::ProtocolKind;
    use crate::plan::{Endpoint, Overrides, Plan, Protocol, Source};

    fn parse(target: &str, scenario: &str) -> Result<Plan, String> {
        let text = format!(
            "name = \"t\"\n[targets.t]\n{target}\n[scenarios.s]\nprotocol = \"ws-hold\"\n{scenario}\nstages = [{{ users = 1, hold = \"1s\" }}]\n"
        );
        let source = Source { name: "t.toml".to_owned(), text };
        Plan::parse(&source, &Overrides::default(), &|_| None).map_err(|errors| {
            errors
                .iter()
                .map(|one| format!("{}; {}", one.message, one.help.clone().unwrap_or_default()))
                .collect::<Vec<_>>()
                .join("\n")
        })
    }

    fn websocket(plan: &Plan) -> &WebSocket {
        let Protocol::Hold(hold) = &plan.scenarios[0].protocol else { panic!("a hold") };
        hold.websocket.as_deref().expect("a WebSocket")
    }

    #[test]
    fn a_scenario_says_what_its_handshake_asks_for() {
        let plan = parse(
            "address = [\"ws://a.example/one?x=1\", \"WS://b.example:81\"]",
            "path = \"/chat\"\nsubprotocol = [\"chat\", \"superchat\"]\nheaders = { Authorization = \"Bearer x\" }\n\
             message = \"binary\"\nmax_message = 4096\nheartbeat = { from = \"client\", every = \"5s\" }",
        )
        .unwrap();
        assert_eq!(plan.scenarios[0].protocol.kind(), ProtocolKind::WsHold);
        let found = websocket(&plan);
        assert_eq!(found.path.as_deref(), Some("/chat"));
        assert_eq!(
            found.headers,
            [("authorization".parse().unwrap(), "Bearer x".parse().unwrap())]
        );
        assert_eq!(found.subprotocols, ["chat", "superchat"]);
        assert!(found.is_binary && found.beats_by_ping);
        assert_eq!(found.max_message, 4096);
        let Endpoint::Urls(urls) = &plan.targets[0].endpoint else { panic!("URLs") };
        assert_eq!((&*urls[0].path, &*urls[1].host_header), ("/one?x=1", "b.example:81"));
        assert!(plan.targets[0].tls.is_none());
        let secure = parse("address = \"wss://a.example/\"", "").unwrap();
        assert!(secure.targets[0].tls.is_some());
        let messages = parse(
            "builtin = \"ws-hold\"",
            "heartbeat = { from = \"client\", send = \"hi\", every = \"5s\" }",
        )
        .unwrap();
        assert!(!websocket(&messages).beats_by_ping);
    }

    #[test]
    fn what_cannot_be_asked_for_is_told() {
        let url = "address = \"ws://a.example/\"";
        for (target, scenario, words) in [
            (
                "address = \"http://a.example/\"",
                "",
                "a ws-hold target is a URL that begins with `ws://` or `wss://`; write `\"ws://a.example/\"`",
            ),
            (
                "address = \"a.example:80\"",
                "",
                "a ws-hold target is a URL; write `\"ws://a.example:80/\"`",
            ),
            ("address = \"unix:/run/a.sock\"", "", "a Unix socket is for http"),
            ("address = [\"ws://a/\", \"wss://b/\"]", "", "`wss://`, others with `ws://`"),
            ("builtin = \"tcp-hold\"", "", "does not speak tcp-hold"),
            (url, "path = \"chat\"", "a path starts with `/`; write `\"/chat\"`"),
            (url, "path = \"/a b\"", "not allowed in a path"),
            (url, "headers = { upgrade = \"h2c\" }", "sends `upgrade` itself"),
            (url, "headers = { sec-websocket-protocol = \"a\" }", "write `subprotocol"),
            (url, "headers = { \"a b\" = \"x\" }", "invalid header name"),
            (url, "headers = { a = \"x\\ny\" }", "line breaks"),
            (url, "subprotocol = \"a b\"", "invalid subprotocol name"),
            (url, "subprotocol = []", "the list of subprotocols is empty"),
            (url, "subprotocol = [\"a\", \"a\"]", "is listed twice"),
            (url, "max_message = 0", "cannot be zero"),
            (url, "max_message = 3000000000", "at most 2147483647 bytes"),
            (url, "message = \"json\"", "text"),
            (
                url,
                "heartbeat = { from = \"client\", send = { hex = \"c000\" }, every = \"1s\" }",
                "a text message is UTF-8, and these bytes are not (invalid utf-8 sequence of 1 bytes from index 0); write `message = \"binary\"`",
            ),
            (url, "requests = [{ path = \"/\" }]", "`requests` belongs to http"),
            (
                url,
                "heartbeat = { from = \"client\", send = \"x\", frame = \"ping\", every = \"1s\" }",
                "a ping carries no message",
            ),
        ] {
            let error = parse(target, scenario).expect_err(words);
            assert!(error.contains(words), "{scenario}: {error}");
        }
        let long = format!("headers = {{ a = \"{}\" }}", "x".repeat(9_000));
        assert!(parse(url, &long).expect_err("too long").contains("at most 8192 are sent"));
    }
}
