//! Headers that a plan does not carry over, because planrun or the connection makes them.

use super::numbers::count_of;
use super::request::ImportedRequest;

/// Why a header is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// planrun sends it, or the connection has it.
    Ours,
    /// It would turn responses into `304 Not Modified`.
    Conditional,
    /// A browser says by it how it came to send the request.
    OfBrowsers,
}

/// Names in lower case, `*` at the end for all that begin so.
const LEFT_OUT: &[(&str, Reason)] = &[
    ("accept-encoding", Reason::Ours),
    ("connection", Reason::Ours),
    ("content-length", Reason::Ours),
    ("expect", Reason::Ours),
    ("host", Reason::Ours),
    ("http2-settings", Reason::Ours),
    ("keep-alive", Reason::Ours),
    ("proxy-*", Reason::Ours),
    ("te", Reason::Ours),
    ("trailer", Reason::Ours),
    ("transfer-encoding", Reason::Ours),
    ("upgrade", Reason::Ours),
    ("if-match", Reason::Conditional),
    ("if-modified-since", Reason::Conditional),
    ("if-none-match", Reason::Conditional),
    ("if-range", Reason::Conditional),
    ("if-unmodified-since", Reason::Conditional),
    ("dnt", Reason::OfBrowsers),
    ("priority", Reason::OfBrowsers),
    ("sec-ch-*", Reason::OfBrowsers),
    ("sec-fetch-*", Reason::OfBrowsers),
    ("sec-gpc", Reason::OfBrowsers),
    ("upgrade-insecure-requests", Reason::OfBrowsers),
];

fn reason(name: &str) -> Option<Reason> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    // `:authority` and the other pseudo-headers of HTTP/2.
    let pseudo = name.starts_with(':').then_some(Reason::Ours);
    pseudo.or_else(|| LEFT_OUT.iter().find(|(one, _)| fits(one)).map(|(_, reason)| *reason))
}

/// Takes those headers out that a plan does not carry over; says which that a reader may miss.
pub(super) fn clean(requests: &mut [ImportedRequest]) -> Vec<String> {
    let (mut conditional, mut of_browsers, mut unsendable) = (0, 0, 0);
    for request in requests {
        let own = request.origin.authority.clone();
        let gzip = request.header("accept-encoding").is_some_and(|value| value.contains("gzip"));
        request.wishes.compression |= gzip;
        let mut kept: Vec<(String, String)> = Vec::new();
        for (name, value) in std::mem::take(&mut request.headers) {
            let lower = name.to_ascii_lowercase();
            // Another name than the URL's: a virtual host.
            if lower == "host" && !value.is_empty() && !value.eq_ignore_ascii_case(&own) {
                if value.parse::<crate::plan::HostHeader>().is_ok() {
                    kept.push((lower, value));
                }
                continue;
            }
            match reason(&lower) {
                Some(Reason::Ours) => {}
                Some(Reason::Conditional) => conditional += 1,
                Some(Reason::OfBrowsers) => of_browsers += 1,
                None if !is_sendable(&lower, &value) => unsendable += 1,
                None => match kept.iter_mut().find(|(one, _)| *one == lower) {
                    // Lists may be sent as one line (RFC 9110, 5.3).
                    Some((_, before)) if lower == "cookie" => {
                        *before = format!("{before}; {value}");
                    }
                    Some((_, before)) => *before = format!("{before}, {value}"),
                    None => kept.push((lower, value)),
                },
            }
        }
        kept.truncate(MOST);
        request.headers = kept;
    }
    let rows = [
        (
            conditional,
            "conditional header",
            "conditional headers",
            " (if-none-match and others): responses would be 304",
        ),
        (
            of_browsers,
            "header",
            "headers",
            " that browsers add (sec-fetch-*, sec-ch-*, priority and others)",
        ),
        (unsendable, "header", "headers", " that cannot be sent"),
    ];
    let counted = rows.iter().filter(|row| row.0 > 0);
    counted
        .map(|(count, one, many, more)| format!("{}{more}", count_of(*count, one, many)))
        .collect()
}

/// The most headers of a request; a plan takes no more than 200.
const MOST: usize = 150;

fn is_sendable(name: &str, value: &str) -> bool {
    name.parse::<crate::plan::HeaderName>().is_ok()
        && value.parse::<crate::plan::HeaderValue>().is_ok()
}
