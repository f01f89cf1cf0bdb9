//! Turns a recording of a browser, HAR 1.2, into requests.

use super::error::ImportError;
use super::marks::unmarked;
use super::numbers::count_of;
use super::request::{ImportedBody, ImportedRequest, ImportedUrl, is_method};
use super::secret_fields::encoded;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Kinds of responses that make no load on an application: by what browsers call them.
const ASSETS: [&str; 8] =
    ["stylesheet", "script", "image", "font", "media", "manifest", "texttrack", "ping"];

/// Content types of static assets.
const ASSET_TYPES: [&str; 7] =
    ["image/", "font/", "audio/", "video/", "text/css", "javascript", "wasm"];

/// Endings of paths of static assets, for entries that say no more.
const ASSET_ENDINGS: [&str; 15] = [
    ".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp",
    ".avif", ".woff", ".woff2", ".ttf",
];

/// Pauses between pages: milliseconds.
const SHORTEST_PAUSE: i64 = 100;
const LONGEST_PAUSE: i64 = 60_000;

/// What of a recording is carried over.
#[derive(Debug, Default)]
pub(super) struct HarChoice {
    /// Static assets too.
    pub assets: bool,
    /// Requests to these hosts alone; empty: to the host of the first page.
    pub hosts: Vec<String>,
}

/// What was left out, by reason.
#[derive(Debug, Default)]
struct LeftOut {
    assets: usize,
    unanswered: usize,
    websockets: usize,
    others: BTreeMap<String, usize>,
    schemes: usize,
    bodies: usize,
    methods: usize,
}

/// An entry that is carried over.
struct HarEntry {
    request: ImportedRequest,
    page: String,
    begun_ms: Option<i64>,
    took_ms: i64,
    sets_cookies: Vec<String>,
}

const EXPORT: &str = "export the recording again: \"Save all as HAR\" in the network panel of a browser's developer tools";

/// The requests of a recording, in order, and what was left out.
pub(super) fn read(
    text: &str,
    choice: &HarChoice,
) -> Result<(Vec<ImportedRequest>, Vec<String>), ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let har: Value =
        serde_json::from_str(text).map_err(|error| ImportError::of_json(&error, EXPORT))?;
    let Some(entries) = har.pointer("/log/entries").and_then(Value::as_array) else {
        let what = if har.get("openapi").is_some() { " (this is an OpenAPI document)" } else { "" };
        let message = format!("expected a recording with a list `log.entries`, found none{what}");
        return Err(ImportError::at("/log/entries", message, EXPORT));
    };
    let mut left_out = LeftOut::default();
    let mut kept = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let pointer = format!("/log/entries/{number}");
        kept.extend(one(entry, &pointer, choice, &mut left_out)?);
    }
    // Browsers list them in order of their pages; extensions do not always.
    if kept.iter().all(|entry| entry.begun_ms.is_some()) {
        kept.sort_by_key(|entry| entry.begun_ms);
    }
    of_hosts(&mut kept, choice, &mut left_out);
    pauses(&mut kept);
    cookies(&mut kept);
    Ok((kept.into_iter().map(|entry| entry.request).collect(), notes(&left_out)))
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// An entry, unless it is left out.
fn one(
    entry: &Value,
    pointer: &str,
    choice: &HarChoice,
    left_out: &mut LeftOut,
) -> Result<Option<HarEntry>, ImportError> {
    let wanted = |key: &str, what: &str| {
        let at = format!("{pointer}/request/{key}");
        let found = entry.pointer(&format!("/request/{key}")).and_then(Value::as_str);
        found.map(unmarked).ok_or_else(|| {
            ImportError::at(&at, format!("expected {what} as text, found none"), EXPORT)
        })
    };
    let (url, method) = (wanted("url", "a URL")?, wanted("method", "a method")?);
    let kind = text_at(entry, "/_resourceType").to_ascii_lowercase();
    if kind == "websocket" || url.starts_with("ws:") || url.starts_with("wss:") {
        left_out.websockets += 1;
        return Ok(None);
    }
    if !url.starts_with("http:") && !url.starts_with("https:") {
        left_out.schemes += 1;
        return Ok(None);
    }
    let url = ImportedUrl::parse(&url)
        .map_err(|why| ImportError::at(&format!("{pointer}/request/url"), why, EXPORT))?;
    if !choice.assets && is_asset(entry, &kind, &url.path) {
        left_out.assets += 1;
        return Ok(None);
    }
    let status = entry.pointer("/response/status").and_then(Value::as_u64).unwrap_or_default();
    let status = u16::try_from(status).unwrap_or_default();
    if !(100..=599).contains(&status) {
        left_out.unanswered += 1;
        return Ok(None);
    }
    if !is_method(&method) {
        left_out.methods += 1;
        return Ok(None);
    }
    let mut request = ImportedRequest::get(url);
    request.method = method;
    request.status = Some(status);
    request.headers = headers(entry.pointer("/request/headers"));
    request.body = body(entry, left_out);
    let version = text_at(entry, "/request/httpVersion").to_ascii_lowercase();
    request.wishes.http2 =
        ["h2", "http/2", "h3", "http/3"].iter().any(|one| version.starts_with(one));
    let begun = text_at(entry, "/startedDateTime").parse::<Timestamp>().ok();
    let took = entry.get("time").and_then(Value::as_f64).unwrap_or_default();
    let took_ms: i64 = format!("{:.0}", took.clamp(0.0, 3_600_000.0)).parse().unwrap_or_default();
    let responses = headers(entry.pointer("/response/headers"));
    let sets = responses.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    // Several cookies are one value with line breaks in between.
    let sets_cookies = sets.flat_map(|(_, value)| value.lines().map(name)).collect();
    let page = text_at(entry, "/pageref").to_owned();
    Ok(Some(HarEntry {
        request,
        page,
        begun_ms: begun.map(Timestamp::as_millisecond),
        took_ms,
        sets_cookies,
    }))
}

fn is_asset(entry: &Value, kind: &str, path: &str) -> bool {
    let sent = text_at(entry, "/response/content/mimeType").to_ascii_lowercase();
    let path = path.split('?').next().unwrap_or_default().to_ascii_lowercase();
    match kind {
        "xhr" | "fetch" | "document" => false,
        _ if ASSETS.contains(&kind) => true,
        _ if sent.is_empty() || sent.contains("octet-stream") || sent.contains("x-unknown") => {
            ASSET_ENDINGS.iter().any(|ending| path.ends_with(ending))
        }
        _ => ASSET_TYPES.iter().any(|one| sent.contains(one)),
    }
}

/// The pairs of a list of names and values.
fn headers(list: Option<&Value>) -> Vec<(String, String)> {
    let pairs = list.and_then(Value::as_array).into_iter().flatten().filter_map(|pair| {
        let text = |key: &str| pair.get(key).and_then(Value::as_str).map(unmarked);
        Some((text("name")?, text("value")?))
    });
    pairs.collect()
}

fn body(entry: &Value, left_out: &mut LeftOut) -> ImportedBody {
    let text = text_at(entry, "/request/postData/text");
    if !text.is_empty() {
        return ImportedBody::Text(unmarked(text));
    }
    let kind = text_at(entry, "/request/postData/mimeType").to_ascii_lowercase();
    let pairs = headers(entry.pointer("/request/postData/params"));
    let size = entry.pointer("/request/bodySize").and_then(Value::as_i64).unwrap_or_default();
    if pairs.is_empty() || kind.starts_with("multipart/") {
        left_out.bodies += usize::from(size > 0 || !pairs.is_empty());
        return ImportedBody::None;
    }
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    ImportedBody::Text(pairs.collect::<Vec<_>>().join("&"))
}

/// Keeps the requests of the hosts that were asked for, or of the first page.
fn of_hosts(kept: &mut Vec<HarEntry>, choice: &HarChoice, left_out: &mut LeftOut) {
    let first = kept.first().map(|entry| entry.request.origin.authority.clone());
    let mut hosts = choice.hosts.clone();
    hosts.extend(first.filter(|_| choice.hosts.is_empty()));
    kept.retain(|entry| {
        let is_wanted = entry.request.origin.is_one_of(&hosts);
        if !is_wanted {
            *left_out.others.entry(entry.request.origin.authority.clone()).or_default() += 1;
        }
        is_wanted
    });
}

/// The time between the end of a page's last request and the next page is a user's.
fn pauses(kept: &mut [HarEntry]) {
    for at in 1..kept.len() {
        let (before, next) = (&kept[at - 1], &kept[at]);
        if before.page == next.page {
            continue;
        }
        let (Some(begun), Some(then)) = (before.begun_ms, next.begun_ms) else { continue };
        let pause = then.saturating_sub(begun).saturating_sub(before.took_ms);
        if pause >= SHORTEST_PAUSE {
            let rounded = pause.min(LONGEST_PAUSE) / 100 * 100;
            kept[at - 1].request.pause_ms = u64::try_from(rounded).ok();
        }
    }
}

/// Cookies that a response of the recording set are set again in a run; those that the browser
/// had before are sent as they were with the first request.
fn cookies(kept: &mut [HarEntry]) {
    let mut set: BTreeSet<String> = BTreeSet::new();
    let mut before: BTreeMap<String, String> = BTreeMap::new();
    let keeps = kept.iter().any(|entry| !entry.sets_cookies.is_empty());
    for entry in kept {
        let origin = entry.request.origin.text.clone();
        entry.request.wishes.cookies = keeps;
        entry.request.headers.retain_mut(|(name, value)| {
            if !name.eq_ignore_ascii_case("cookie") {
                return true;
            }
            let is_set = |pair: &&str| {
                let name = pair.split('=').next().unwrap_or_default().trim();
                !set.contains(name)
            };
            let rest: Vec<&str> = value.split(';').filter(is_set).map(str::trim).collect();
            if rest.is_empty() {
                return false;
            }
            let rest = rest.join("; ");
            value.clone_from(before.entry(origin.clone()).or_insert(rest));
            true
        });
        set.extend(entry.sets_cookies.iter().cloned());
    }
}

fn notes(left_out: &LeftOut) -> Vec<String> {
    let rows = [
        (
            left_out.assets,
            "static asset",
            "static assets",
            " (scripts, styles, images, fonts); --assets keeps them",
        ),
        (
            left_out.websockets,
            "WebSocket",
            "WebSockets",
            "; a scenario with `protocol = \"ws-hold\"` holds them",
        ),
        (
            left_out.unanswered,
            "request",
            "requests",
            " without a response: blocked, aborted, or answered by the browser",
        ),
        (
            left_out.schemes,
            "resource",
            "resources",
            " that the browser had itself (data:, blob: and others)",
        ),
        (left_out.methods, "request", "requests", " with a method that a plan does not take"),
        (left_out.bodies, "body", "bodies", " that the recording does not have (uploads)"),
    ];
    let counted = rows.iter().filter(|row| row.0 > 0);
    let mut notes: Vec<String> = counted
        .map(|(count, one, many, more)| format!("{}{more}", count_of(*count, one, many)))
        .collect();
    if !left_out.others.is_empty() {
        let all: usize = left_out.others.values().sum();
        let mut hosts: Vec<(&String, &usize)> = left_out.others.iter().collect();
        hosts.sort_by(|a, b| b.1.cmp(a.1));
        let more = hosts.len().saturating_sub(5);
        let named = hosts.iter().take(5).map(|(host, count)| format!("{host} ({count})"));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if more > 0 {
            let _ = write!(named, " and {more} more");
        }
        let all = count_of(all, "request", "requests");
        notes.push(format!("{all} to other hosts: {named}; --host NAME keeps them"));
    }
    notes
}
