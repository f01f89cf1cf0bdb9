//! Turns requests for a few paths into answers that depend on them; every other path gets the
//! server's body.
//!
//! ```text
//!  /echo        the request's body            /status/N     status N
//!  /login       a cookie, and a JSON token    /redirect/N   N redirects, the last one to /
//!  /me          what the login said, or 401   /bytes/N      N bytes
//!  /items/N     JSON: {"id":N,…}              in gzip where the client accepts it
//! ```

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use std::io::Write as _;

/// The longest echoed body, in bytes.
pub(super) const MOST: usize = 16 << 20;

/// The most redirects of a chain.
const MOST_REDIRECTS: u32 = 100;

/// The cookie of a login.
const SESSION: &str = "session";

/// A path with a built-in response.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl Routed {
    fn new(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(kind))];
        Self { status, headers, body: body.into() }
    }

    fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    fn text(status: StatusCode, words: impl Into<Bytes>) -> Self {
        Self::new(status, "text/plain", words)
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// In gzip, where the client takes it and there is something to gain.
    fn encoded(mut self, asked: &HeaderMap) -> Self {
        let accepts = asked
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|one| one.split(';').next().is_some_and(|name| name.trim() == "gzip"));
        if !accepts || self.body.is_empty() {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // A Vec takes all that is written to it.
        if let Ok(body) = encoder.write_all(&self.body).and_then(|()| encoder.finish()) {
            self.body = body.into();
            self.headers.push((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        self
    }
}

/// Whether a path has a built-in response.
pub(super) fn is_route(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    ["echo", "login", "me", "items", "status", "redirect", "bytes"].contains(&first)
}

/// The answer to such a path; `body` is the request's.
pub(super) fn route(path: &str, asked: &HeaderMap, body: Bytes) -> Routed {
    let mut segments = path.split('/').skip(1);
    let (first, number, more) = (segments.next(), segments.next(), segments.next());
    let count = number.and_then(|number| number.parse::<u32>().ok());
    let found = match (first, number, count) {
        _ if more.is_some() => None,
        (Some("echo"), None, _) => Some(Routed::new(StatusCode::OK, kind(asked), body)),
        (Some("login"), None, _) => Some(login(&body)),
        (Some("me"), None, _) => Some(me(asked)),
        (Some("items"), Some(_), Some(id)) => {
            let item = json!({ "id": id, "name": format!("item {id}"), "price": f64::from(id) / 2.0, "tags": ["built-in"] });
            Some(Routed::json(StatusCode::OK, &item))
        }
        (Some("status"), Some(_), Some(code)) => {
            let status = u16::try_from(code).ok().filter(|code| (200..600).contains(code));
            let status = status.and_then(|code| StatusCode::from_u16(code).ok());
            status.map(|status| Routed::text(status, status.as_str().to_owned()))
        }
        (Some("redirect"), Some(_), Some(left)) if left <= MOST_REDIRECTS => {
            let to = if left > 1 { format!("/redirect/{}", left - 1) } else { "/".to_owned() };
            Some(match left {
                0 => Routed::text(StatusCode::OK, "here"),
                _ => Routed::text(StatusCode::FOUND, "there").with(LOCATION, &to),
            })
        }
        (Some("bytes"), Some(_), Some(bytes)) if bytes as usize <= MOST => {
            Some(Routed::text(StatusCode::OK, vec![b'x'; bytes as usize]))
        }
        _ => None,
    };
    found
        .unwrap_or_else(|| Routed::text(StatusCode::NOT_FOUND, "there is nothing here"))
        .encoded(asked)
}

/// Text, unless the request has a content type.
fn kind(asked: &HeaderMap) -> &'static str {
    match asked.get(CONTENT_TYPE).map(HeaderValue::as_bytes) {
        Some(kind) if kind.starts_with(b"application/json") => "application/json",
        _ => "text/plain",
    }
}

/// Takes `{"user": NAME}`: a cookie for the user, and a token.
fn login(body: &[u8]) -> Routed {
    let asked: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let user = asked.as_ref().and_then(|asked| asked.get("user")?.as_str());
    let plain = |user: &&str| user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let Some(user) = user.filter(|user| !user.is_empty()).filter(plain) else {
        let words = json!({ "error": "send {\"user\": NAME}, of letters, digits and -" });
        return Routed::json(StatusCode::BAD_REQUEST, &words);
    };
    Routed::json(StatusCode::OK, &json!({ "token": format!("token-{user}"), "user": user }))
        .with(SET_COOKIE, &format!("{SESSION}={user}; Path=/; HttpOnly; Max-Age=3600"))
}

/// The owner of the session; with a bearer token it must be that user.
fn me(asked: &HeaderMap) -> Routed {
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut pairs = text(COOKIE).unwrap_or_default().split(';').map(str::trim);
    let user = pairs.find_map(|pair| pair.strip_prefix(SESSION)?.strip_prefix('='));
    let token = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    match user {
        Some(user) if token.is_none_or(|token| token == format!("token-{user}")) => {
            Routed::json(StatusCode::OK, &json!({ "user": user, "token": token.is_some() }))
        }
        _ => Routed::json(StatusCode::UNAUTHORIZED, &json!({ "error": "log in first" })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str, headers: &[(&str, &str)], body: &'static str) -> Routed {
        assert!(is_route(path));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        route(path, &map, Bytes::from_static(body.as_bytes()))
    }

    fn header<'a>(routed: &'a Routed, name: &str) -> Option<&'a str> {
        routed.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.to_str().unwrap())
    }

    #[test]
    fn a_login_is_remembered_by_its_cookie_and_its_token() {
        let login = ask("/login", &[], "{\"user\":\"ada\"}");
        assert_eq!(
            (login.status, &login.body[..]),
            (StatusCode::OK, &br#"{"token":"token-ada","user":"ada"}"#[..])
        );
        assert!(header(&login, "set-cookie").unwrap().starts_with("session=ada; "));
        assert_eq!(ask("/login", &[], "user=ada").status, StatusCode::BAD_REQUEST);
        assert_eq!(ask("/login", &[], "{\"user\":\"a;b\"}").status, StatusCode::BAD_REQUEST);
        let cookie = ("cookie", "x=1; session=ada");
        assert_eq!(ask("/me", &[cookie], "").status, StatusCode::OK);
        assert_eq!(
            ask("/me", &[cookie, ("authorization", "Bearer token-ada")], "").status,
            StatusCode::OK
        );
        let other = ("authorization", "Bearer token-eve");
        assert_eq!(ask("/me", &[cookie, other], "").status, StatusCode::UNAUTHORIZED);
        assert_eq!(ask("/me", &[], "").status, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn paths_say_what_comes_back() {
        assert_eq!(&ask("/echo", &[], "hello").body[..], b"hello");
        assert_eq!(ask("/status/503", &[], "").status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask("/bytes/1000", &[], "").body.len(), 1_000);
        let first = ask("/redirect/2", &[], "");
        assert_eq!(
            (first.status, header(&first, "location")),
            (StatusCode::FOUND, Some("/redirect/1"))
        );
        assert_eq!(header(&ask("/redirect/1", &[], ""), "location"), Some("/"));
        assert_eq!(ask("/redirect/0", &[], "").status, StatusCode::OK);
        for nothing in ["/status/99", "/items/x", "/bytes/999999999", "/items/1/2", "/echo/1"] {
            assert_eq!(ask(nothing, &[], "").status, StatusCode::NOT_FOUND, "{nothing}");
        }
        assert!(!is_route("/") && !is_route("/index.html"));
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let plain = ask("/items/7", &[], "");
        assert_eq!(header(&plain, "content-encoding"), None);
        let item: serde_json::Value = serde_json::from_slice(&plain.body).unwrap();
        assert_eq!((&item["id"], &item["price"]), (&json!(7), &json!(3.5)));
        let packed = ask("/items/7", &[("accept-encoding", "br, gzip;q=0.5")], "");
        assert_eq!(header(&packed, "content-encoding"), Some("gzip"));
        let mut unpacked = Vec::new();
        let mut decoder = flate2::write::GzDecoder::new(&mut unpacked);
        decoder.write_all(&packed.body).unwrap();
        decoder.finish().unwrap();
        assert_eq!(unpacked, plain.body);
    }
}
