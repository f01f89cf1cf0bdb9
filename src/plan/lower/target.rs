//! Whom a plan loads, by what its scenarios ask of it.

use super::address::{self, Problem};
use super::{count, time};
use crate::plan::error::Errors;
use crate::plan::raw::{
    At, BuiltinWord, Field, Named, OneOrMany, ProtocolWord, RawFaults, RawScenario, RawTable,
    RawTarget,
};
use crate::plan::suggest::listed;
use crate::plan::tree::{Key, Place, Text};
use crate::plan::{
    Builtin, Endpoint, Faults, Heartbeat, HttpServer, Protocol, Scenario, Target, TcpHold,
    TcpHoldServer,
};
use crate::units::{Ratio, Time};

/// A target has at most so many addresses.
const MOST: usize = 1_000;

/// A scenario as its target sees it.
pub(super) struct User<'a> {
    name: &'a str,
    target: usize,
    protocol: ProtocolWord,
    /// The place of the protocol's word.
    at: Place,
    hold: Option<TcpHold>,
    greeting: Option<Place>,
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
        greeting: raw.greeting.key(),
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
        let endpoint = match given {
            Some(given) => endpoint(key, &given.value, &mine, errors),
            None => Endpoint::Hosts(Vec::new()),
        };
        let shown = given.as_ref().map_or_else(Vec::new, |given| shown(&given.value));
        targets.push(Target { name: key.name.clone(), endpoint, shown });
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
    match raw.builtin.given() {
        Some(word) => Endpoint::Builtin(builtin(word, raw, users, errors)),
        None => {
            let only_builtin = [
                ("body", raw.body.key()),
                ("greet", raw.greet.key()),
                ("faults", raw.faults.key()),
            ];
            for (name, key) in only_builtin {
                if let Some(at) = key.filter(|_| !raw.builtin.is_wrong()) {
                    errors
                        .add(at, format!("`{name}` is for built-in servers"))
                        .help("leave it out, or write `builtin` in place of `address`");
                }
            }
            addresses(&raw.address, protocol, errors)
        }
    }
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
        || list.iter().any(|text| text.value.value.contains("://")),
        |protocol| protocol == ProtocolWord::Http,
    );
    let list = &list[..list.len().min(MOST)];
    if is_http {
        Endpoint::Urls(read_all(list, address::url, errors))
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
    let faults = faults(&raw.faults, word.value, errors);
    match word.value {
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
            Builtin::Http(HttpServer { body, faults })
        }
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
    let mut asked = users.iter().filter_map(|user| Some((user, serve(user.hold.as_ref()?))));
    let first = asked.next();
    if let (Some((one, wants)), Some((other, _))) =
        (&first, asked.find(|(_, wants)| first.as_ref().is_some_and(|(_, first)| wants != first)))
    {
        let _ = wants;
        errors
            .add(
                other.at,
                format!(
                    "scenarios `{}` and `{}` ask different things of one built-in server",
                    one.name, other.name
                ),
            )
            .also(one.at, format!("scenario `{}`", one.name))
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
        first.map_or_else(|| ("ok".to_owned(), None, None), |(_, wants)| wants);
    TcpHoldServer { message, greet, every, reply_to, faults }
}

fn faults(field: &Field<RawFaults>, server: BuiltinWord, errors: &mut Errors) -> Faults {
    let Some(raw) = field.value() else { return Faults::default() };
    let of_http = [
        ("status", raw.status.key()),
        ("slow_body", raw.slow_body.key()),
        ("truncate_body", raw.truncate_body.key()),
    ];
    for (name, key) in of_http {
        if let Some(at) = key.filter(|_| server == BuiltinWord::TcpHold) {
            errors
                .add(at, format!("`{name}` is a fault of the built-in http server"))
                .help("leave it out; tcp-hold has `silence`, `wrong_data`, `reset_after`, `close_after` and others");
        }
    }
    let some = |field: &Field<Time>, name: &str, errors: &mut Errors| {
        field.given().map(|_| time(field, name, Time::default(), errors))
    };
    let flag = |field: &Field<bool>| field.value().copied().unwrap_or(false);
    let faults = Faults {
        share: raw.share.value().copied().unwrap_or(Ratio(1.0)),
        seed: raw.seed.value().map_or(42, |seed| seed.0),
        refuse: flag(&raw.refuse),
        never_accept: flag(&raw.never_accept),
        reset_after: some(&raw.reset_after, "reset_after", errors),
        reset_after_bytes: count(&raw.reset_after_bytes, "reset_after_bytes", errors),
        silence: flag(&raw.silence),
        wrong_data: flag(&raw.wrong_data),
        delay: some(&raw.delay, "delay", errors),
        close_after: some(&raw.close_after, "close_after", errors),
        status: raw.status.given().and_then(|given| {
            let status = super::request::status(given.value.0);
            if status.is_none() {
                errors
                    .add(given.at, format!("`{}` is no status of an answer", given.value.0))
                    .help("a status is a number from 200 to 599: `status = 503`");
            }
            status
        }),
        slow_body: some(&raw.slow_body, "slow_body", errors),
        truncate_body: flag(&raw.truncate_body),
    };
    check_share(raw, &faults, errors);
    faults
}

/// A share of nothing, or of a fault that hits everybody, is no share.
fn check_share(raw: &RawFaults, faults: &Faults, errors: &mut Errors) {
    let faults_given: Vec<&str> = raw
        .optional_keys()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !["share", "seed"].contains(name))
        .collect();
    if faults_given.is_empty() && [&raw.refuse, &raw.silence].iter().all(|flag| flag.is_absent()) {
        errors
            .add(raw.place(), "these faults have no fault")
            .help("add one, such as `reset_after = \"5s\"`, or leave `faults` out");
    }
    let Some(share) = raw.share.given() else { return };
    if share.value.0 == 0.0 {
        errors
            .add(share.at, "a share of nothing hits nobody")
            .help("write for example `share = \"1%\"`, or leave `faults` out");
    } else if faults.refuse || faults.never_accept {
        let whole = listed(
            faults_given.into_iter().filter(|name| ["refuse", "never_accept"].contains(name)),
        );
        errors
            .add(share.at, format!("{whole} hits every connection: there is no share of it"))
            .help("leave `share` out");
    }
}
