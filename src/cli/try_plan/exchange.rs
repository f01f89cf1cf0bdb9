//! Shows a request and its response: what was sent, what came, what was extracted, which checks
//! held, and how long each part took.

use super::body;
use super::transcript::{BAD, BOLD, FAINT, GOOD, RECEIVED, SENT, Transcript};
use crate::engine::{HttpExchange, OpenedConnection, TrialEnd};
use crate::plan::{Assertion, HttpVersion, Protocol};
use crate::units::figure;
use std::fmt::Write as _;

/// Shows an exchange; whether its attempt succeeded, `None` where another exchange follows.
pub(super) fn write(
    page: &mut Transcript<'_>,
    protocol: &Protocol,
    exchange: &HttpExchange,
) -> Option<bool> {
    page.gap();
    let (at, of) = (exchange.request + 1, protocol.requests().len());
    let request = &protocol.requests()[exchange.request];
    page.line("", &format!("{at}/{of} {}", request.name), BOLD);
    if let Some(opened) = &exchange.connection {
        page.line("* ", &connected(opened), FAINT);
    }
    sent(page, exchange);
    received(page, protocol, exchange);
    for (name, value) in &exchange.extracted {
        page.line("* ", &format!("extracted {name} = {value}"), GOOD);
    }
    for note in &exchange.notes {
        page.line("* ", note, FAINT);
    }
    if let (None, Some(error)) = (&exchange.end, &exchange.error) {
        page.line("* ", &format!("{error}: the request is sent again"), FAINT);
    }
    let holds = exchange.end.as_ref().map(|end| judged(page, protocol, exchange.request, end));
    let times = times(exchange);
    if !times.is_empty() {
        page.line("* ", &times, FAINT);
    }
    holds
}

fn connected(opened: &OpenedConnection) -> String {
    let OpenedConnection { to, connect_ns, proxy_ns, tls_ns, is_resumed } = opened;
    let mut words = format!("connected to {to}");
    // A String takes all that is written to it.
    if let Some(ns) = connect_ns {
        let _ = write!(words, " in {}", figure::time(*ns as f64));
    }
    if let Some(ns) = proxy_ns {
        let _ = write!(words, ", tunnel through the proxy opened in {}", figure::time(*ns as f64));
    }
    if let Some(ns) = tls_ns {
        let how = if *is_resumed { "resumed" } else { "full handshake" };
        let _ = write!(words, ", TLS in {} ({how})", figure::time(*ns as f64));
    }
    words
}

fn sent(page: &mut Transcript<'_>, exchange: &HttpExchange) {
    let Some(sent) = &exchange.sent else { return };
    page.line("> ", &sent.line, SENT);
    for (name, value) in &sent.headers {
        page.bytes("> ", name, value, SENT);
    }
    page.line("> ", "", SENT);
    let encoding = sent.headers.iter().find(|(name, _)| name == "content-encoding");
    let encoding = encoding.map(|(_, value)| value.as_slice());
    body::write(page, ("> ", SENT), &sent.body, sent.body.len() as u64, encoding);
}

fn received(page: &mut Transcript<'_>, protocol: &Protocol, exchange: &HttpExchange) {
    let Some(response) = &exchange.response else { return };
    let version = match protocol.version() {
        HttpVersion::Http1 => "HTTP/1.1",
        HttpVersion::Http2 { .. } => "HTTP/2",
    };
    let status = ::http::StatusCode::from_u16(response.status).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    page.line("< ", &format!("{version} {} {reason}", response.status), RECEIVED);
    for (name, value) in &response.headers {
        page.bytes("< ", name, value, RECEIVED);
    }
    page.line("< ", "", RECEIVED);
    let encoding = response.header("content-encoding");
    body::write(page, ("< ", RECEIVED), &response.body, response.body_bytes, encoding);
}

/// Shows which checks held; true if nothing is wrong with the attempt.
fn judged(page: &mut Transcript<'_>, protocol: &Protocol, request: usize, end: &TrialEnd) -> bool {
    let checks = &protocol.requests()[request].checks;
    if let Some(failed) = end.failed_checks {
        let has_status = checks.iter().any(|one| matches!(one.what, Assertion::Status(_)));
        for (at, check) in checks.iter().enumerate() {
            let name = &protocol.checks()[usize::from(check.name)];
            let holds = failed & (1 << at) == 0;
            let (mark, style) = if holds { ("✓ ", GOOD) } else { ("✗ ", BAD) };
            page.line(mark, name, style);
        }
        if !has_status && end.error.is_none() {
            let follows = protocol.redirects() > 0;
            page.line("✓ ", if follows { "status 2xx" } else { "status 2xx or 3xx" }, GOOD);
        }
    }
    if let Some(error) = &end.error {
        page.line("✗ ", error, BAD);
    }
    end.error.is_none() && end.failed_checks.unwrap_or(0) == 0
}

/// How long each part took.
fn times(exchange: &HttpExchange) -> String {
    let mut parts: Vec<(&str, u64)> = Vec::new();
    let (mut opening, mut whole) = (0, 0);
    if let Some(OpenedConnection { connect_ns, proxy_ns, tls_ns, .. }) = &exchange.connection {
        parts.extend(connect_ns.map(|ns| ("connect", ns)));
        parts.extend(proxy_ns.map(|ns| ("proxy", ns)));
        parts.extend(tls_ns.map(|ns| ("TLS", ns)));
        opening = connect_ns.unwrap_or(0) + proxy_ns.unwrap_or(0) + tls_ns.unwrap_or(0);
    }
    if let (Some(_), Some(ended)) = (&exchange.sent, exchange.ended_ns) {
        if let Some(first) = exchange.first_byte_ns {
            parts.push(("first byte", first.saturating_sub(exchange.sent_ns)));
            parts.push(("transfer", ended.saturating_sub(first)));
        }
        whole = ended.saturating_sub(exchange.sent_ns);
    }
    if opening + whole > 0 {
        parts.push(("total", opening + whole));
    }
    let words = |(name, ns): &(&str, u64)| format!("{name} {}", figure::time(*ns as f64));
    parts.iter().map(words).collect::<Vec<_>>().join(" · ")
}
