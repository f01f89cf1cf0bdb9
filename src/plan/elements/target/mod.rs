//! A system under test: addresses, or a server that planrun starts itself.

pub(in crate::plan) mod address;
pub(in crate::plan) mod builtin;
pub(in crate::plan) mod dns;
pub(in crate::plan) mod fault_conflict;
pub(in crate::plan) mod faults;
pub(in crate::plan) mod forward_proxy;
pub(in crate::plan) mod keys;
pub(in crate::plan) mod proxy_protocol;
pub(in crate::plan) mod resolve;
pub(in crate::plan) mod tls;
pub(in crate::plan) mod user;

use crate::plan::Builtin;
use crate::plan::elements::protocol::ProtocolWord;
use crate::plan::elements::target::address::AddressProblem;
use crate::plan::elements::target::address::HostPort;
use crate::plan::elements::target::address::HttpUrl;
use crate::plan::elements::target::address::Site;
use crate::plan::elements::target::dns::Dns;
use crate::plan::elements::target::forward_proxy::ForwardProxy;
use crate::plan::elements::target::keys::RawTarget;
use crate::plan::elements::target::proxy_protocol::ProxyVersion;
use crate::plan::elements::target::resolve::FixedName;
use crate::plan::elements::target::tls::Tls;
use crate::plan::elements::target::user::User;
use crate::plan::error::Errors;
use crate::plan::raw::{At, Named, OneOrMany, RawTable};
use crate::plan::text::Text;
use crate::plan::tree::Key;
use serde::{Deserialize, Serialize};

/// One named target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The name in `[targets.NAME]`.
    pub name: String,
    /// Its address.
    pub endpoint: Endpoint,
    /// Its addresses as the plan has them, for people: nothing from the environment is filled in.
    /// Empty for a built-in server.
    pub shown: Vec<String>,
    /// Connections are secured before they count as open; `None`: they are plain.
    pub tls: Option<Tls>,
    /// Each connection begins with this header; `None`: with none.
    pub proxy_protocol: Option<ProxyVersion>,
    /// The forward proxy through which connections go; `None`: through none.
    pub proxy: Option<ForwardProxy>,
    /// Names whose addresses the plan gives; the others are looked up.
    pub resolve: Vec<FixedName>,
    /// Names are looked up again during a run; `None`: they keep the addresses of its start.
    pub dns: Option<Dns>,
    /// Whether a connection is opened to each address, and closed again, before the run.
    pub probe: bool,
}

/// The address of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a plan has a few of them")]
pub enum Endpoint {
    /// tcp-hold: used in turn; at least one.
    Hosts(Vec<HostPort>),
    /// ws-hold, http: used in turn; at least one.
    Urls(Vec<HttpUrl>),
    /// planrun starts this server on loopback for the run.
    Builtin(Builtin),
}

impl Endpoint {
    /// Whether it is Unix sockets and nothing else.
    pub fn is_unix(&self) -> bool {
        let is_socket = |url: &HttpUrl| matches!(url.site, Site::Socket(_));
        matches!(self, Self::Urls(urls) if urls.iter().all(is_socket))
    }
}

/// The most addresses of a target.
const MOST: usize = 1_000;

pub(in crate::plan) fn targets(
    raw: &Named<RawTarget>,
    users: &[User<'_>],
    errors: &mut Errors,
) -> Vec<Target> {
    let mut targets = Vec::with_capacity(raw.0.len());
    for (index, (key, given)) in raw.0.iter().enumerate() {
        let mine: Vec<&User<'_>> = users.iter().filter(|user| user.target == index).collect();
        let tls = given.as_ref().and_then(|given| {
            let is_http = mine.iter().any(|user| user.protocol == ProtocolWord::Http);
            let raw = &given.value;
            tls::tls(&raw.tls, &raw.address, raw.builtin.value().is_some(), is_http, errors)
        });
        let endpoint = match given {
            Some(given) => endpoint(key, &given.value, &mine, errors),
            None => Endpoint::Hosts(Vec::new()),
        };
        let shown = given.as_ref().map_or_else(Vec::new, |given| shown(&given.value));
        let probe = given.as_ref().and_then(|given| given.value.probe.value());
        let probe = probe.copied().unwrap_or(true);
        let proxy_protocol = given
            .as_ref()
            .and_then(|given| proxy_protocol::proxy_protocol(&given.value, &endpoint, errors));
        let resolve = given.as_ref().map_or_else(Vec::new, |given| {
            let raw = &given.value;
            resolve::resolve(&raw.resolve, &raw.address, &endpoint, errors)
        });
        let dns = given.as_ref().and_then(|given| {
            let raw = &given.value;
            dns::dns(&raw.dns, &raw.address, (&endpoint, &resolve), errors)
        });
        let proxy = given.as_ref().and_then(|given| {
            let raw = &given.value;
            let is_http = mine.iter().all(|user| user.protocol == ProtocolWord::Http);
            let others = [
                ("resolve", raw.resolve.key()),
                ("dns", raw.dns.key()),
                ("proxy_protocol", raw.proxy_protocol.key()),
            ];
            forward_proxy::forward_proxy(&raw.proxy, &endpoint, is_http, &others, errors)
        });
        let name = key.name.clone();
        targets.push(Target {
            name,
            endpoint,
            shown,
            tls,
            proxy_protocol,
            proxy,
            resolve,
            dns,
            probe,
        });
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
        errors.add(address, "a target has an `address` or is `builtin`, not both").help(
            "remove one of them; `--target NAME=ADDRESS` replaces a built-in server for one run",
        );
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
            .add(
                other.at,
                format!(
                    "target `{}` is loaded by {} and by {}",
                    key.name,
                    other.protocol.kind(),
                    users[0].protocol.kind()
                ),
            )
            .label(format!("scenario `{}`", other.name))
            .also(users[0].at, format!("scenario `{}`", users[0].name))
            .help("write a separate target for each protocol");
        return Endpoint::Hosts(Vec::new());
    }
    let protocol = users.first().map(|user| user.protocol);
    if let Some(word) = raw.builtin.given() {
        return Endpoint::Builtin(builtin::builtin(word, raw, users, errors));
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
    match raw.address.given() {
        Some(given) => addresses(given, protocol, errors),
        None => Endpoint::Hosts(Vec::new()),
    }
}

/// Reports what is wrong with addresses that replace a target's own.
pub(in crate::plan) fn check_addresses(
    given: &At<OneOrMany<Text>>,
    protocol: Option<ProtocolWord>,
    errors: &mut Errors,
) {
    addresses(given, protocol, errors);
}

fn addresses(
    given: &At<OneOrMany<Text>>,
    protocol: Option<ProtocolWord>,
    errors: &mut Errors,
) -> Endpoint {
    let list = given.value.0.as_slice();
    if list.is_empty() {
        errors
            .add(given.at, "the list of addresses is empty")
            .help("add one: `\"127.0.0.1:8080\"`");
    }
    if let Some(one) = list.get(MOST) {
        errors.add(one.at, format!("a target has at most {MOST} addresses"));
    }
    if protocol == Some(ProtocolWord::WsHold) {
        return urls(given, address::websocket, ["wss", "ws"], errors);
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
        urls(given, address::url, ["https", "http"], errors)
    } else {
        Endpoint::Hosts(read_all(list, address::host_port, errors))
    }
}

/// Addresses of one scheme: the first of these two, or the second.
fn urls(
    given: &At<OneOrMany<Text>>,
    read: fn(&str) -> Result<HttpUrl, AddressProblem>,
    [secured, plain]: [&str; 2],
    errors: &mut Errors,
) -> Endpoint {
    let OneOrMany(list) = &given.value;
    let urls = read_all(&list[..list.len().min(MOST)], read, errors);
    let secure = urls.iter().filter(|url| url.is_secure).count();
    if secure != 0 && secure != urls.len() {
        errors
            .add(
                given.at,
                format!(
                    "some of these addresses begin with `{secured}://`, others with `{plain}://`"
                ),
            )
            .help("write a separate target for each scheme");
    }
    Endpoint::Urls(urls)
}

fn read_all<T>(
    list: &[At<Text>],
    read: impl Fn(&str) -> Result<T, AddressProblem>,
    errors: &mut Errors,
) -> Vec<T> {
    list.iter()
        .filter_map(|text| match read(&text.value.value) {
            Ok(address) => Some(address),
            Err(AddressProblem { message, help }) => {
                let error = errors.add(text.at, message);
                // The suggested text would contain the address itself.
                error.help = help.filter(|_| !text.value.is_secret());
                None
            }
        })
        .collect()
}
