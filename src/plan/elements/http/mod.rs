//! What an HTTP user does.

mod connection;

use super::protocol::Element;
use crate::plan::error::Errors;
use crate::plan::lower::auth::authorize;
use crate::plan::lower::expect::Names;
use crate::plan::lower::limits::limits;
use crate::plan::lower::request::{file_path, requests};
use crate::plan::lower::template::spot;
use crate::plan::lower::{count, time, time_within};
use crate::plan::raw::{
    Field, FullWord, OrderWord, ProtocolWord, RawAnswerLimits, RawAuth, RawData, RawRequest,
    RawScenario, TimeRange, table,
};
use crate::plan::text::Text;
use crate::plan::{
    Data, Http, Level, OnFull, Protocol, RowOrder, Secrets, Stage, ThinkTime, most_in_flight,
};
use crate::units::{Count, Time};
pub(in crate::plan) use connection::RawConnection;
use connection::{connection, version};
use std::time::Duration;

const TIMEOUT: Time = Time(Duration::from_secs(30));
const CONNECT_TIMEOUT: Time = Time(Duration::from_secs(10));

/// Without a word of the plan, so many requests may be under way at most: about what one process can have files open.
const MOST_IN_FLIGHT: u64 = 20_000;

const MOST_REDIRECTS: u64 = 50;

table! {
    /// What a scenario says of requests.
    RawHttp, "a scenario",
    must {}
    may {
        /// http: chosen by weight. Default: one GET of the target's own path.
        requests: Vec<RawRequest>,
        /// http: sent one after the other by each user, in place of `requests`. One that fails ends the pass, unless only checks with a `name` do not
        /// hold; the next pass begins at the first.
        steps: Vec<RawRequest>,
        /// http: a file of rows; each pass takes one, each request where there are no steps.
        data: RawData,
        /// http: each user keeps the cookies that it is sent, and sends them back, behind those of a `cookie` header; of one name, the
        /// header's. Default: `false`.
        cookies: bool,
        /// http: so many redirects are followed, only to the same scheme, host and port; the host is that of the
        /// `host` header, where there is one. Default: 0, a redirect is an answer.
        redirects: Count,
        /// http: answers may come in gzip. Default: `false`.
        compression: bool,
        /// http: who asks; sent with every request that has no `authorization` of its own.
        auth: RawAuth,
        /// http: the pause between an answer and the next request of the same user: `100ms..1s`, or one time. Default: none.
        think_time: TimeRange,
        /// http: from a request's start to the last byte of its answer. Default: `30s`.
        timeout: Time,
        /// http: from sending to the first byte of the answer. Default: `timeout`.
        first_byte_timeout: Time,
        /// http, stages with `rate`: requests that may be under way at once; what is due beyond is dropped. Default: the highest
        /// rate times `timeout`, and six times the root of that; at most 20,000.
        max_in_flight: Count,
        /// http, stages with `rate`: what it means when `max_in_flight` is reached: the run is `invalid`, or what is dropped counts as
        /// failed by the target (`fail`). Default: `invalid`.
        on_full: FullWord,
        /// http: how long a connection is used. Default: as long as the target lets it.
        connection: RawConnection,
        /// http: `1.1`, or `2`: by ALPN with https, by prior knowledge without it. Default: `1.1`.
        version: Text,
        /// http: how much of an answer is taken. What is larger is a failure of this side's own.
        limits: RawAnswerLimits,
    }
}

impl RawHttp {
    /// Whether all could be read that decides what is measured.
    pub(in crate::plan) fn is_known(&self) -> bool {
        !self.think_time.is_wrong() && !self.requests.is_wrong() && !self.steps.is_wrong()
    }
}

/// Its place among the protocols.
pub(super) const ELEMENT: Element = Element {
    word: ProtocolWord::Http,
    name: "http",
    keys: &[&RawHttp::KEYS],
    instead: &[(
        "expect",
        "say it of a request: `requests = [{ path = \"/\", expect = { status = 200 } }]`",
    )],
    lower: |raw, stages, errors| Protocol::Http(http(raw, &stages.list, errors)),
};

/// What each user does.
pub(super) fn http(scenario: &RawScenario, stages: &[Stage], errors: &mut Errors) -> Http {
    let raw = &scenario.http;
    let timeout = time(&raw.timeout, "timeout", TIMEOUT, errors);
    let limit = (timeout, "timeout");
    let connect = CONNECT_TIMEOUT.min(timeout);
    let version = version(raw, errors);
    let open = stages.iter().any(|stage| matches!(stage.level, Level::Rate { .. }));
    let closed = stages.iter().any(|stage| matches!(stage.level, Level::Users { .. }));
    if let Some(at) = raw.think_time.key().filter(|_| open && !closed && raw.steps.is_absent()) {
        errors.add(at, "`think_time` has no meaning where every stage has a `rate`").help(
            "the rate sets the pace: leave `think_time` out, or write `users` in place of `rate`",
        );
    }
    if let Some(at) = raw.max_in_flight.key().filter(|_| closed && !open) {
        errors
            .add(at, "`max_in_flight` has no meaning where no stage has a `rate`")
            .help("each user has one request under way: leave `max_in_flight` out");
    }
    if let Some(at) = raw.on_full.key().filter(|_| closed && !open) {
        errors
            .add(at, "`on_full` has no meaning where no stage has a `rate`")
            .help("users wait for their answers, and nothing is dropped: leave `on_full` out");
    }
    let think_time = raw.think_time.value();
    let mut names = Names::default();
    let mut requests = requests(raw, &mut names, errors);
    let (rows, steps) = (!raw.data.is_absent(), !raw.steps.is_absent());
    authorize(&raw.auth, &mut requests, (rows, steps), errors);
    let mut http = Http {
        in_steps: !raw.steps.is_absent(),
        requests,
        checks: names.0,
        within: Vec::new(),
        data: raw.data.value().and_then(|raw| data(raw, errors)),
        cookies: raw.cookies.value().copied().unwrap_or(false),
        redirects: redirects(&raw.redirects, errors),
        compression: raw.compression.value().copied().unwrap_or(false),
        think_time: think_time
            .map_or_else(ThinkTime::default, |span| ThinkTime { min: span.min, max: span.max }),
        timeout,
        connect_timeout: time_within(
            &scenario.connect_timeout,
            "connect_timeout",
            connect,
            limit,
            errors,
        ),
        first_byte_timeout: time_within(
            &raw.first_byte_timeout,
            "first_byte_timeout",
            timeout,
            limit,
            errors,
        ),
        max_in_flight: 1,
        on_full: match raw.on_full.value() {
            Some(FullWord::Fail) => OnFull::Fail,
            Some(FullWord::Invalid) | None => OnFull::Invalid,
        },
        connection: connection(&raw.connection, errors),
        limits: limits(&raw.limits, errors),
        secrets: Secrets::default(),
        version,
    };
    let most = in_flight(stages, http.longest_pass());
    http.max_in_flight = count(&raw.max_in_flight, "max_in_flight", errors).unwrap_or(most);
    http
}

fn data(raw: &RawData, errors: &mut Errors) -> Option<Data> {
    let given = raw.file.given()?;
    let file = file_path(given, "rows.csv", errors);
    let kind = file.extension().and_then(|one| one.to_str()).unwrap_or_default().to_owned();
    let kind = kind.as_str();
    if !given.value.is_secret() && !["csv", "tsv", "jsonl", "ndjson"].contains(&kind) {
        errors
            .add(given.at, "the name of a data file ends in `.csv`, `.tsv` or `.jsonl`")
            .help("CSV has a line with the names of its columns, JSON lines have an object each");
    }
    let order = match raw.order.value() {
        None | Some(OrderWord::Sequential) => RowOrder::Sequential,
        Some(OrderWord::Random) => RowOrder::Random,
        Some(OrderWord::Unique) => RowOrder::Unique,
    };
    let usual = if kind == "tsv" { b'\t' } else { b',' };
    let is_table = ["csv", "tsv"].contains(&kind);
    let separator = separator(&raw.separator, is_table, errors).unwrap_or(usual);
    Some(Data { file, order, separator, spot: spot(given.at) })
}

/// What stands between two values, where the plan says it.
fn separator(field: &Field<Text>, is_table: bool, errors: &mut Errors) -> Option<u8> {
    let given = field.given()?;
    if !is_table {
        errors
            .add(given.at, "only CSV files have a separator")
            .help("leave `separator` out: each line of the file is a JSON object");
        return None;
    }
    match given.value.value.as_bytes() {
        [byte] if !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\r' | b'\n' | b' ') => {
            Some(*byte)
        }
        _ => {
            errors
                .add(given.at, "a separator is one character of punctuation, or a tab")
                .help("write `separator = \";\"`, or `separator = \"\\t\"` for a tab");
            None
        }
    }
}

fn redirects(field: &Field<Count>, errors: &mut Errors) -> u32 {
    let Some(given) = field.given() else { return 0 };
    if given.value.0 > MOST_REDIRECTS {
        errors
            .add(given.at, format!("at most {MOST_REDIRECTS} redirects are followed"))
            .help("a longer chain is a loop: write for example `redirects = 5`");
    }
    u32::try_from(given.value.0.min(MOST_REDIRECTS)).unwrap_or(0)
}

/// As many as can be under way, at least 1, at most 20,000.
fn in_flight(stages: &[Stage], pass: Time) -> u64 {
    most_in_flight(stages, pass).clamp(1, MOST_IN_FLIGHT)
}
