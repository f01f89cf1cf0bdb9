//! Decides who may see and stop a run: anyone with the token, through a page that this server sent.
//!
//! A page of another site can make a browser send requests here, even under a host name that
//! resolves to this machine (DNS rebinding). Such a request has that name in `Host`, or another
//! site's `Origin`; and without the token it learns nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{Method, request};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq;

/// Bytes of chance in a token.
const TOKEN_BYTES: usize = 18;

/// The token and hosts that every request is checked against.
#[derive(Debug)]
pub(super) struct Access {
    token: String,
    /// Whether it listens beyond this machine.
    beyond: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("this name is not served here: use the URL that planrun printed, or an IP address")]
    Host,
    #[error("a page of another site may not ask this")]
    Origin,
    #[error("the token is missing or wrong: use the URL that planrun printed")]
    Token,
}

impl Access {
    /// With a random token. Fails if the system has no random numbers.
    pub(super) fn random(bound: SocketAddr) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self::new(URL_SAFE_NO_PAD.encode(bytes), bound))
    }

    fn new(token: String, bound: SocketAddr) -> Self {
        Self { token, beyond: !bound.ip().is_loopback() }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether a request may be answered. One that changes something needs its token in a header,
    /// which no form and no link can send.
    pub(super) fn check(&self, request: &request::Parts) -> Result<(), Denied> {
        let host = self.host(request).ok_or(Denied::Host)?;
        let mut origins = request.headers.get_all(ORIGIN).iter();
        let same = format!("http://{host}");
        if !origins.all(|origin| origin.as_bytes().eq_ignore_ascii_case(same.as_bytes())) {
            return Err(Denied::Origin);
        }
        let given = match (bearer(request), &request.method) {
            (Some(token), _) => Some(token.to_owned()),
            (None, &Method::GET) => in_query(request),
            (None, _) => None,
        };
        let is_right =
            given.is_some_and(|given| given.as_bytes().ct_eq(self.token.as_bytes()).into());
        if is_right { Ok(()) } else { Err(Denied::Token) }
    }

    /// The only `Host` of a request, if it names this machine.
    fn host(&self, request: &request::Parts) -> Option<Authority> {
        let mut given = request.headers.get_all(HOST).iter();
        let (Some(host), None) = (given.next(), given.next()) else { return None };
        let host: Authority = host.to_str().ok()?.parse().ok()?;
        // A whole URL in the request line must not say otherwise.
        if request.uri.authority().is_some_and(|other| *other != host)
            || host.as_str().contains('@')
        {
            return None;
        }
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        let is_ours = match name.parse::<IpAddr>() {
            Ok(ip) => self.beyond || ip.is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        };
        is_ours.then_some(host)
    }
}

/// The token of `Authorization: Bearer TOKEN`.
fn bearer(request: &request::Parts) -> Option<&str> {
    let (scheme, token) = request.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The token of `?token=TOKEN`.
fn in_query(request: &request::Parts) -> Option<String> {
    let pairs = url::form_urlencoded::parse(request.uri.query()?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Option<Denied> = None;

    /// A request of these headers.
    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> request::Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn denied(bound: &str, method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<Denied> {
        let access = Access::new("secret".into(), bound.parse().unwrap());
        access.check(&parts(method, uri, headers)).err()
    }

    #[test]
    fn names_that_are_not_this_machine_are_refused() {
        for (bound, host, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", ALL),
            ("127.0.0.1:80", "127.0.0.1", ALL),
            ("127.0.0.1:80", "localhost:80", ALL),
            ("127.0.0.1:80", "LOCALHOST:9000", ALL),
            ("127.0.0.1:80", "127.0.0.2:80", ALL),
            ("[::1]:80", "[::1]:80", ALL),
            ("127.0.0.1:80", "evil.example:80", Some(Denied::Host)),
            ("127.0.0.1:80", "localhost.evil.example", Some(Denied::Host)),
            ("127.0.0.1:80", "127.0.0.1.evil.example", Some(Denied::Host)),
            ("127.0.0.1:80", "10.0.0.5:80", Some(Denied::Host)),
            ("127.0.0.1:80", "user@localhost", Some(Denied::Host)),
            ("127.0.0.1:80", "", Some(Denied::Host)),
            ("127.0.0.1:80", "localhost:80:80", Some(Denied::Host)),
            ("0.0.0.0:80", "10.0.0.5:80", ALL),
            ("0.0.0.0:80", "[fe80::1]:80", ALL),
            ("0.0.0.0:80", "localhost:80", ALL),
            ("0.0.0.0:80", "evil.example:80", Some(Denied::Host)),
            ("10.0.0.5:80", "10.0.0.5:80", ALL),
        ] {
            let found = denied(bound, "GET", "/?token=secret", &[("host", host)]);
            assert_eq!(found, expected, "{bound} {host}");
        }
        assert_eq!(denied("127.0.0.1:80", "GET", "/?token=secret", &[]), Some(Denied::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(denied("127.0.0.1:80", "GET", "/?token=secret", &twice), Some(Denied::Host));
        let whole = "http://evil.example/?token=secret";
        let found = denied("127.0.0.1:80", "GET", whole, &[("host", "localhost")]);
        assert_eq!(found, Some(Denied::Host));
    }

    #[test]
    fn other_sites_are_refused() {
        for (origin, expected) in [
            ("http://localhost:80", ALL),
            ("http://LOCALHOST:80", ALL),
            ("https://localhost:80", Some(Denied::Origin)),
            ("http://localhost", Some(Denied::Origin)),
            ("http://localhost:3000", Some(Denied::Origin)),
            ("http://127.0.0.1:80", Some(Denied::Origin)),
            ("http://evil.example", Some(Denied::Origin)),
            ("null", Some(Denied::Origin)),
            ("", Some(Denied::Origin)),
        ] {
            let headers = [("host", "localhost:80"), ("origin", origin)];
            let found = denied("127.0.0.1:80", "GET", "/?token=secret", &headers);
            assert_eq!(found, expected, "{origin}");
        }
    }

    #[test]
    fn the_token_decides_and_changes_need_it_in_a_header() {
        let token = Some(Denied::Token);
        let right = Some("Bearer secret");
        for (method, uri, header, expected) in [
            ("GET", "/?token=secret", None, ALL),
            ("GET", "/?x=1&token=secret", None, ALL),
            ("GET", "/?token=%73ecret", None, ALL),
            ("GET", "/", right, ALL),
            ("GET", "/", Some("bearer secret"), ALL),
            ("POST", "/stop", right, ALL),
            ("GET", "/", None, token),
            ("GET", "/?token=", None, token),
            ("GET", "/?token=secre", None, token),
            ("GET", "/?token=secrets", None, token),
            ("GET", "/?Token=secret", None, token),
            ("GET", "/?token=wrong&token=secret", None, token),
            ("GET", "/?token=secret", Some("Bearer wrong"), token),
            ("GET", "/", Some("Basic secret"), token),
            ("POST", "/stop?token=secret", None, token),
        ] {
            let mut headers = vec![("host", "localhost")];
            headers.extend(header.map(|value| ("authorization", value)));
            assert_eq!(denied("127.0.0.1:80", method, uri, &headers), expected, "{method} {uri}");
        }
    }

    #[test]
    fn tokens_differ_and_need_no_escapes() {
        let token = || Access::random("127.0.0.1:80".parse().unwrap()).unwrap().token;
        let (one, other) = (token(), token());
        assert_ne!(one, other);
        assert_eq!(one.len(), 24);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{one}");
    }
}
