//! The protocol `http`: each user sends requests.

pub(in crate::plan) mod auth;
pub(in crate::plan) mod connection;
pub(in crate::plan) mod data;
pub(in crate::plan) mod expect;
pub(in crate::plan) mod expected;
pub(in crate::plan) mod extract;
pub(in crate::plan) mod header_secret;
pub(in crate::plan) mod headers;
pub(in crate::plan) mod keys;
pub(in crate::plan) mod limits;
pub(in crate::plan) mod method;
pub(in crate::plan) mod parsed;
pub(in crate::plan) mod path;
pub(in crate::plan) mod pattern;
pub(in crate::plan) mod request;
pub(in crate::plan) mod template;
pub(in crate::plan) mod think_time;
pub(in crate::plan) mod version;

use crate::plan::elements::http::auth::authorize;
use crate::plan::elements::http::connection::ConnectionUse;
use crate::plan::elements::http::expect::Names;
use crate::plan::elements::http::keys::FullWord;
use crate::plan::elements::http::keys::RawHttp;
use crate::plan::elements::http::request::requests;
use crate::plan::elements::http::think_time::ThinkTime;
use crate::plan::elements::http::version::HttpVersion;
use crate::plan::elements::target::forward_proxy::ForwardProxy;
use crate::plan::elements::target::{Endpoint, Target};
use crate::plan::error::Errors;
use crate::plan::generated::GeneratedKind;
use crate::plan::raw::Field;
use crate::plan::raw::{count, time, time_within};
use crate::plan::span::Span;
use crate::plan::text::Placeholder;
use crate::plan::{AnswerLimits, Data, Level, Request, Secrets, Stage};
use crate::units::{Count, Time, narrow32, uri};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The behaviour of an HTTP user.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own, or follows from one")]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Http {
    /// At least one.
    pub requests: Vec<Request>,
    /// Whether they are sent one after the other, as steps of a pass; otherwise each is chosen by
    /// weight.
    pub in_steps: bool,
    /// The names of all checks; those of `Check::name`.
    pub checks: Vec<String>,
    /// The times of all `within.TIME.ratio` that thresholds name, the shortest first.
    pub within: Vec<Time>,
    /// The source of `${row.…}`.
    pub data: Option<Data>,
    /// Whether users keep cookies.
    pub cookies: bool,
    /// How many redirects are followed.
    pub redirects: u32,
    /// Whether answers may come in gzip.
    pub compression: bool,
    /// The forward proxy of the target.
    pub proxy: Option<ForwardProxy>,
    /// Whether it leads connections through tunnels, and does not take requests itself.
    pub tunnels: bool,
    /// The pause between an answer and the next request of the same user; zero by default.
    pub think_time: ThinkTime,
    /// From the request's start to the last byte of the answer.
    pub timeout: Time,
    /// For opening a connection; not longer than `timeout`.
    pub connect_timeout: Time,
    /// From sending the request to the first byte of the answer's head; not longer than `timeout`.
    pub first_byte_timeout: Time,
    /// Whether a stage has fixed work.
    pub fixed_work: bool,
    /// Rate stages: requests that may be in flight at once, of the whole scenario; what is due
    /// beyond is dropped.
    pub max_in_flight: u64,
    /// How such drops are judged.
    pub on_full: OnFull,
    /// How long a connection is used.
    pub connection: ConnectionUse,
    /// The HTTP version.
    pub version: HttpVersion,
    /// Limits on the size of a response.
    pub limits: AnswerLimits,
    /// The secrets to hide in requests and responses.
    pub secrets: Secrets,
}

/// How a request that was dropped because `max_in_flight` was reached is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFull {
    /// The cap may be too small for a target that is as good as any: the run is INVALID.
    #[default]
    Invalid,
    /// The cap is meant: the target was too slow, and the request counts as failed.
    Fail,
}

impl Http {
    /// Sends requests by the forward proxy of their target, if it has one; `at`: where the plan
    /// says so.
    pub(in crate::plan) fn use_proxy(&mut self, target: &Target, at: Span, errors: &mut Errors) {
        let Endpoint::Urls(urls) = &target.endpoint else { return };
        self.tunnels = target.proxy.is_some() && urls.iter().any(|url| url.is_secure);
        self.proxy.clone_from(&target.proxy);
        if self.proxy.is_some() && !self.tunnels && self.version != HttpVersion::Http1 {
            errors
                .add(at, "a proxy takes requests to `http://` addresses over HTTP/1.1 alone")
                .help("leave `version = \"2\"` out, or write `https://` in the target's address");
        }
    }

    /// The host that all requests say by their header `host`, in lower case, without a port; `None`
    /// where one says another, or none.
    pub fn host(&self) -> Option<String> {
        fn said(request: &Request) -> Option<&str> {
            let host = request.headers.iter().find(|(name, _)| &**name == "host");
            host.and_then(|(_, value)| value.fixed())
        }
        let first = uri::host_of(said(self.requests.first()?)?);
        let same = |request: &Request| said(request).map(uri::host_of) == Some(first.clone());
        self.requests.iter().all(same).then(|| first.clone())
    }

    /// How long a pass can take: each of its requests to its time-out, and the pauses between them.
    pub fn longest_pass(&self) -> Time {
        if !self.in_steps {
            return self.timeout;
        }
        let pause = |one: &Request| one.think_time.unwrap_or(self.think_time).max.0;
        let Some((_, first)) = self.requests.split_last() else { return self.timeout };
        let pauses: std::time::Duration = first.iter().map(pause).sum();
        let steps = narrow32(self.requests.len());
        Time(self.timeout.0.saturating_mul(steps).saturating_add(pauses))
    }
}

impl Http {
    /// Whether requests or their checks have a generated value of such a kind.
    pub fn generates(&self, is_such: impl Fn(&GeneratedKind) -> bool) -> bool {
        let mut givens = self.requests.iter().flat_map(Request::givens);
        givens.any(|(given, _)| match given {
            Placeholder::Generated(generated) => is_such(&generated.kind),
            Placeholder::Row(_) | Placeholder::Var(_) => false,
        })
    }

    /// Whether facts are kept by request: a scenario with one request needs none besides the
    /// scenario's.
    pub fn tells_requests_apart(&self) -> bool {
        self.requests.len() > 1
    }

    /// The mean think time, averaged over the requests.
    pub fn mean_think_time(&self) -> Time {
        let pause = |one: &Request| {
            let ThinkTime { min, max } = one.think_time.unwrap_or(self.think_time);
            (min.0 + max.0) / 2
        };
        let count = narrow32(self.requests.len());
        Time(self.requests.iter().map(pause).sum::<std::time::Duration>() / count.max(1))
    }
}

/// How many requests of stages with a rate can be in flight if each is answered or times out: by
/// Little's law rate × timeout (for steps: × the longest pass), and six times its root for the
/// bunching of arrivals. A cap below it drops requests when the target is slow, where a time-out
/// would have told; zero without a rate.
pub fn most_in_flight(stages: &[Stage], timeout: Time) -> u64 {
    let rate = |stage: &Stage| match stage.level {
        Level::Rate { rate, .. } => rate.value(),
        Level::Users { .. } => 0.0,
    };
    let mean = stages.iter().map(rate).fold(0.0, f64::max) * timeout.0.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and this is not below zero"
    )]
    let most = (mean + 6.0 * mean.sqrt()).ceil() as u64;
    most
}

const TIMEOUT: Time = Time(Duration::from_secs(30));
const CONNECT_TIMEOUT: Time = Time(Duration::from_secs(10));

/// The default limit of requests in flight: about what one process
/// can have files open.
const MOST_IN_FLIGHT: u64 = 20_000;

const MOST_REDIRECTS: u64 = 50;

/// Keys of other protocols, and the keys to use instead.
pub(super) const INSTEAD: [(&str, &str); 3] = [
    ("expect", "write it in a request: `requests = [{ path = \"/\", expect = { status = 200 } }]`"),
    (
        "headers",
        "write it in a request: `requests = [{ path = \"/\", headers = { accept = \"text/html\" } }]`",
    ),
    ("path", "write it in a request: `requests = [{ path = \"/\" }]`"),
];

/// The behaviour of each user.
pub(super) fn http(
    raw: &RawHttp,
    connect_timeout: &Field<Time>,
    stages: &[Stage],
    errors: &mut Errors,
) -> Http {
    let timeout = time(&raw.timeout, "timeout", TIMEOUT, errors);
    let limit = (timeout, "timeout");
    let connect = CONNECT_TIMEOUT.min(timeout);
    let version = version::version(raw, errors);
    let open = stages.iter().any(|stage| matches!(stage.level, Level::Rate { .. }));
    let closed = stages.iter().any(|stage| matches!(stage.level, Level::Users { .. }));
    if let Some(at) = raw.think_time.key().filter(|_| open && !closed && raw.steps.is_absent()) {
        errors.add(at, "`think_time` has no meaning where every stage has a `rate`").help(
            "leave `think_time` out, or write `users` in place of `rate`: the rate sets the pace",
        );
    }
    if let Some(at) = raw.max_in_flight.key().filter(|_| closed && !open) {
        errors
            .add(at, "`max_in_flight` has no meaning where no stage has a `rate`")
            .help("leave `max_in_flight` out: each user has one request in flight");
    }
    if let Some(at) = raw.on_full.key().filter(|_| closed && !open) {
        errors
            .add(at, "`on_full` has no meaning where no stage has a `rate`")
            .help("leave `on_full` out: users wait for their responses, and nothing is dropped");
    }
    let think_time = raw.think_time.value();
    let mut names = Names::default();
    if let (Some(steps), Some(requests)) = (raw.steps.key(), raw.requests.key()) {
        errors
            .add(steps, "a scenario has either `requests` or `steps`")
            .also(requests, "chosen by weight")
            .help("remove one of them: `requests` are chosen by weight, `steps` sent one after the other");
    }
    let (rows, steps) = (!raw.data.is_absent(), !raw.steps.is_absent());
    let field = if steps { &raw.steps } else { &raw.requests };
    let mut requests = requests(field, steps, rows, &mut names, errors);
    authorize(&raw.auth, &mut requests, (rows, steps), errors);
    let mut http = Http {
        proxy: None,
        tunnels: false,
        in_steps: !raw.steps.is_absent(),
        requests,
        checks: names.0,
        within: Vec::new(),
        data: raw.data.value().and_then(|raw| data::data(raw, errors)),
        cookies: raw.cookies.value().copied().unwrap_or(false),
        redirects: redirects(&raw.redirects, errors),
        compression: raw.compression.value().copied().unwrap_or(false),
        think_time: think_time
            .map_or_else(ThinkTime::default, |span| ThinkTime { min: span.min, max: span.max }),
        timeout,
        connect_timeout: time_within(connect_timeout, "connect_timeout", connect, limit, errors),
        first_byte_timeout: time_within(
            &raw.first_byte_timeout,
            "first_byte_timeout",
            timeout,
            limit,
            errors,
        ),
        fixed_work: stages.iter().any(|stage| stage.work.is_some()),
        max_in_flight: 1,
        on_full: match raw.on_full.value() {
            Some(FullWord::Fail) => OnFull::Fail,
            Some(FullWord::Invalid) | None => OnFull::Invalid,
        },
        connection: connection::connection(&raw.connection, errors),
        limits: limits::limits(&raw.limits, errors),
        secrets: Secrets::default(),
        version,
    };
    let most = in_flight(stages, http.longest_pass());
    http.max_in_flight = count(&raw.max_in_flight, "max_in_flight", errors).unwrap_or(most);
    http
}

fn redirects(field: &Field<Count>, errors: &mut Errors) -> u32 {
    let Some(given) = field.given() else { return 0 };
    if given.value.0 > MOST_REDIRECTS {
        errors
            .add(given.at, format!("at most {MOST_REDIRECTS} redirects are followed"))
            .help("write fewer, for example `redirects = 5`");
    }
    u32::try_from(given.value.0.min(MOST_REDIRECTS)).unwrap_or(0)
}

/// As many as can be in flight, at least 1, at most 20,000.
fn in_flight(stages: &[Stage], pass: Time) -> u64 {
    most_in_flight(stages, pass).clamp(1, MOST_IN_FLIGHT)
}
