//! Turns what a plan says of a request's headers into all headers that are sent, framing apart.

use super::encoding;
use crate::plan::{Http, HttpUrl, Piece, Placeholder, Request, Template};

/// A template as the plan has it.
pub(super) fn written(template: &Template) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Separator => "?".to_owned(),
        Piece::Fill { given: Placeholder::Row(name), .. } => format!("${{row.{name}}}"),
        Piece::Fill { given: Placeholder::Var(name), .. } => format!("${{var.{name}}}"),
        Piece::Fill { given: Placeholder::Generated(one), .. } => format!("${{{}}}", one.spelling),
    };
    template.pieces.iter().map(piece).collect()
}

/// Whether these headers let the body of the answer come in gzip. One with a placeholder may.
pub(super) fn asks_for_gzip(headers: &[(String, Template)]) -> bool {
    headers.iter().filter(|(name, _)| name == "accept-encoding").any(|(_, value)| {
        let written = written(value);
        written.contains("${") || written.split(',').any(encoding::takes_gzip)
    })
}

/// All headers but those that follow from the body, and whether they ask the server to close the
/// connection.
pub(super) fn headers(
    request: &Request,
    http: &Http,
    url: &HttpUrl,
) -> (Vec<(String, Template)>, bool) {
    let agent = concat!("planrun/", env!("CARGO_PKG_VERSION"));
    let mut headers: Vec<(String, Template)> = [
        ("host", &*url.host_header),
        ("user-agent", agent),
        ("accept-encoding", if http.compression { "gzip" } else { "" }),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect();
    // Headers of the plan replace the default ones.
    headers.retain(|(name, _)| request.headers.iter().all(|(own, _)| **own != **name));
    if let Some(value) = http.proxy.as_ref().filter(|_| !http.tunnels)
        && let Some(value) = &value.authorization
    {
        headers.push(("proxy-authorization".to_owned(), value.as_str().into()));
    }
    let mut closes = false;
    for (name, value) in &request.headers {
        let mut tokens = value.fixed().unwrap_or_default().split(',').map(str::trim);
        closes |= &**name == "connection" && tokens.any(|one| one.eq_ignore_ascii_case("close"));
        headers.push((name.to_string(), value.template().into_owned()));
    }
    if http.connection.max_requests == Some(1)
        && headers.iter().all(|(name, _)| name != "connection")
    {
        headers.push(("connection".to_owned(), "close".into()));
        closes = true;
    }
    (headers, closes)
}
