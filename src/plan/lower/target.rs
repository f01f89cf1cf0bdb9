//! Whom a plan loads, by what its scenarios ask of it.

use super::address::{self, Problem};
use super::{faults, tls};
use crate::plan::error::Errors;
use crate::plan::raw::{
    At, BuiltinWord, Field, Named, OneOrMany, ProtocolWord, RawScenario, RawTable, RawTarget,
};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::tree::Key;
use crate::plan::{
    Builtin, Certificate, Endpoint, Faults, Heartbeat, HttpServer, Protocol, Scenario, Target,
    TcpHold, TcpHoldServer,
};

/// A target has at most so many addresses.
const MOST: usize = 1_000;

/// A scenario as its target sees it.
pub(super) struct User<'a> {
    name: &'a str,
    target: usize,
    protocol: ProtocolWord,
    /// The place of the protocol's word.
    at: Span,
    hold: Option<TcpHold>,
    greeting: Option<Span>,
    expect: Option<Span>,
    heartbeat: Option<Span>,
}

/// A scenario as its target sees it; `None` when its protocol is not known.
pub(super) fn user<'a>(key: &'a Key, raw: &RawScenario, scenario: &Scenario) -> Option<User<'a>> {
    let protocol = raw.protocol.given()?;
    let hold = match &scenario.protocol {
        Protocol::TcpHold(hold) => Some(hold.clone()),
        Protocol::Http(_) => None,
    };
    Some(User {
        name: &key.name,
        target: scenario.target,
        protocol: protocol.value,
        at: protocol.at,
        hold,
        greeting: raw.hold.greeting.key(),
        expect: raw.hold.expect.key(),
        heartbeat: raw.hold.heartbeat.key(),
    })
}

pub(super) fn targets(
    raw: &Named<RawTarget>,
    users: &[User<'_>],
    errors: &mut Errors,
) -> Vec<Target> {
    let mut targets = Vec::with_capacity(raw.0.len());
    for (index, (key, given)) in raw.0.iter().enumerate() {
        let mine: Vec<&User<'_>> = users.iter().filter(|user| user.target == index).collect();
        let tls = given.as_ref().and_then(|given| {
            let is_http = mine.iter().any(|user| user.protocol == ProtocolWord::Http);
            tls::tls(&given.value, is_http, errors)
        });
        let endpoint = match given {
            Some(given) => endpoint(key, &given.value, &mine, errors),
            None => Endpoint::Hosts(Vec::new()),
        };
        let shown = given.as_ref().map_or_else(Vec::new, |given| shown(&given.value));
        let probe = given.as_ref().and_then(|given| given.value.probe.value());
        let probe = probe.copied().unwrap_or(true);
        targets.push(Target { name: key.name.clone(), endpoint, shown, tls, probe });
    }
    targets
}

/// The addresses as the plan has them, with nothing from the environment filled in.
fn shown(raw: &RawTarget) -> Vec<String> {
    match raw.address.value() {
        Some(OneOrMany(list)) => list.iter().map(|text| text.value.shown.clone()).collect(),
        None => Vec::new(),
    }
}

fn endpoint(key: &Key, raw: &RawTarget, users: &[&User<'_>], errors: &mut Errors) -> Endpoint {
    if let (Some(address), Some(_)) = (raw.address.key(), raw.builtin.key()) {
        errors
            .add(address, "a target has an `address` or is `builtin`, not both")
            .help("keep one of them; `--target NAME=ADDRESS` takes the place of a built-in server for one run");
    }
    if let (Some(probe), Some(_)) = (raw.probe.key(), raw.builtin.key()) {
        errors
            .add(probe, "a built-in server is not probed: planrun starts it itself")
            .help("leave `probe` out");
    }
    if raw.address.is_absent() && raw.builtin.is_absent() {
        errors
            .add(
                raw.place(),
                format!("target `{}` needs an `address`, or a `builtin` server", key.name),
            )
            .help("add `address = \"127.0.0.1:8080\"`, or `builtin = \"tcp-hold\"`");
    }
    if let Some(other) = users.iter().find(|user| user.protocol != users[0].protocol) {
        errors
            .add(other.at, format!("target `{}` is loaded by http and by tcp-hold", key.name))
            .label(format!("scenario `{}`", other.name))
            .also(users[0].at, format!("scenario `{}`", users[0].name))
            .help("give each protocol a target of its own");
        return Endpoint::Hosts(Vec::new());
    }
    let protocol = users.first().map(|user| user.protocol);
    if let Some(word) = raw.builtin.given() {
        return Endpoint::Builtin(builtin(word, raw, users, errors));
    }
    let only_builtin =
        [("body", raw.body.key()), ("greet", raw.greet.key()), ("faults", raw.faults.key())];
    for (name, key) in only_builtin {
        if let Some(at) = key.filter(|_| !raw.builtin.is_wrong()) {
            errors
                .add(at, format!("`{name}` is for built-in servers"))
                .help("leave it out, or write `builtin` in place of `address`");
        }
    }
    addresses(&raw.address, protocol, errors)
}

fn addresses(
    field: &Field<OneOrMany<Text>>,
    protocol: Option<ProtocolWord>,
    errors: &mut Errors,
) -> Endpoint {
    let Some(given) = field.given() else { return Endpoint::Hosts(Vec::new()) };
    let list = given.value.0.as_slice();
    if list.is_empty() {
        errors
            .add(given.at, "the list of addresses is empty")
            .help("add one: `\"127.0.0.1:8080\"`");
    }
    if let Some(one) = list.get(MOST) {
        errors.add(one.at, format!("a target has at most {MOST} addresses"));
    }
    let is_http = protocol.map_or_else(
        || {
            let is_url = |text: &str| text.contains("://") || address::is_socket(text);
            list.iter().any(|text| is_url(&text.value.value))
        },
        |protocol| protocol == ProtocolWord::Http,
    );
    let list = &list[..list.len().min(MOST)];
    if is_http {
        let urls = read_all(list, address::url, errors);
        let secure = urls.iter().filter(|url| url.is_secure).count();
        if secure != 0 && secure != urls.len() {
            errors
                .add(
                    given.at,
                    "some of these addresses begin with `https://`, others with `http://`",
                )
                .help("give each kind a target of its own");
        }
        Endpoint::Urls(urls)
    } else {
        Endpoint::Hosts(read_all(list, address::host_port, errors))
    }
}

fn read_all<T>(
    list: &[At<Text>],
    read: impl Fn(&str) -> Result<T, Problem>,
    errors: &mut Errors,
) -> Vec<T> {
    list.iter()
        .filter_map(|text| match read(&text.value.value) {
            Ok(address) => Some(address),
            Err(Problem { message, help }) => {
                let error = errors.add(text.at, message);
                // What would be written instead holds the address itself.
                error.help = help.filter(|_| !text.value.is_secret());
                None
            }
        })
        .collect()
}

fn builtin(
    word: &At<BuiltinWord>,
    raw: &RawTarget,
    users: &[&User<'_>],
    errors: &mut Errors,
) -> Builtin {
    let (protocol, name) = match word.value {
        BuiltinWord::TcpHold => (ProtocolWord::TcpHold, "tcp-hold"),
        BuiltinWord::Http => (ProtocolWord::Http, "http"),
    };
    if let Some(user) = users.iter().find(|user| user.protocol != protocol) {
        errors
            .add(word.at, format!("scenario `{}` does not speak {name}", user.name))
            .also(user.at, "the scenario's protocol")
            .help("write the scenario's protocol: the built-in server must speak the same");
    }
    let faults = faults::faults(&raw.faults, word.value, errors);
    let server = match word.value {
        BuiltinWord::TcpHold => {
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

/// What no server can do, at the key that asks for it.
fn report_conflicts(
    server: &Builtin,
    word: &At<BuiltinWord>,
    raw: &RawTarget,
    users: &[&User<'_>],
    errors: &mut Errors,
) {
    let faults = raw.faults.value().map_or_else(Vec::new, RawTable::optional_keys);
    for one in server.fault_conflicts() {
        // These have been told with words of their own.
        let of_http = ["status", "slow_body", "truncate_body"].contains(&one.field);
        if one.field == "share" || of_http && word.value == BuiltinWord::TcpHold {
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

/// The server that gives its scenario what this expects.
fn tcp_hold_server(
    raw: &RawTarget,
    users: &[&User<'_>],
    faults: Faults,
    errors: &mut Errors,
) -> TcpHoldServer {
    let serve = |hold: &TcpHold| {
        let (every, reply_to) = match &hold.heartbeat {
            Some(Heartbeat::Server { every, .. }) => (Some(*every), None),
            Some(Heartbeat::Client { send, .. }) => (None, Some(send.clone())),
            None => (None, None),
        };
        (hold.expect.clone().unwrap_or_else(|| "ok".to_owned()), every, reply_to)
    };
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
                    "scenarios `{this}` and `{that}` ask different things of one built-in server"
                ),
            )
            .also(one.at, format!("scenario `{this}`"))
            .help("give each a target of its own, or the same `expect` and `heartbeat`");
    }
    let greeting = users.iter().find_map(|user| user.greeting);
    let greet = raw.greet.value().copied().unwrap_or(greeting.is_some());
    if let (Some(given), Some(at), false) = (raw.greet.given(), greeting, greet) {
        errors
            .add(
                given.at,
                "with `greet = false` the `greeting` that the scenario waits for never comes",
            )
            .also(at, "the scenario waits for it")
            .help("leave `greet` out, or `greeting`");
    }
    let (message, every, reply_to) =
        asked.into_iter().next().map_or_else(|| ("ok".to_owned(), None, None), |(_, wants)| wants);
    let tls = raw.tls.given().map(|_| Certificate::Own);
    TcpHoldServer { message, greet, every, reply_to, tls, faults }
}
