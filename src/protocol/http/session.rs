//! Turns what answers give to a user into what its next requests are made of: its row, values, cookies, and where a redirect leads.

use super::fault::Fault;
use super::jar::{Jar, Sender};
use super::look::Gains;
use crate::plan::HttpUrl;
use crate::record::{Failure, Phase};

/// What one user, or one arrival, carries along.
#[derive(Debug, Default)]
pub struct Session {
    row: Option<u64>,
    /// All rows have been used.
    exhausted: bool,
    values: Vec<Option<Box<str>>>,
    jar: Option<Jar>,
    hop: Option<Hop>,
    /// What was asked for last.
    path: String,
    /// Passes so far.
    passes: u64,
}

/// A request that follows a redirect.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) path: String,
    /// By GET and without a body.
    pub(super) as_get: bool,
    count: u32,
}

/// Where requests go, and how many redirects are followed.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) url: HttpUrl,
    pub(super) redirects: u32,
}

impl Session {
    /// A session at its start.
    pub fn new(cookies: bool) -> Self {
        Self { jar: cookies.then(Jar::default), ..Self::default() }
    }

    /// How many passes have begun.
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// Begins a pass: its values are gone, cookies stay. `row`: `None` when there is none left, where rows are used.
    pub fn begin_pass(&mut self, row: Option<u64>, uses_rows: bool) {
        self.passes += 1;
        self.row = row;
        self.exhausted = uses_rows && row.is_none();
        self.values.clear();
        self.hop = None;
    }

    /// Begins a request.
    pub fn begin_request(&mut self) {
        self.hop = None;
    }

    pub(super) fn is_out_of_rows(&self) -> bool {
        self.exhausted
    }

    pub(super) fn row(&self) -> Option<u64> {
        self.row
    }

    pub(super) fn value(&self, at: usize) -> Option<&str> {
        self.values.get(at)?.as_deref()
    }

    pub(super) fn hop(&self) -> Option<&Hop> {
        self.hop.as_ref()
    }

    pub(super) fn cookies(&self, path: &str, now_ns: u64) -> Option<String> {
        self.jar.as_ref()?.header(path, now_ns)
    }

    /// Whether what is sent differs from what all users send.
    pub(super) fn changes_requests(&self) -> bool {
        self.exhausted || self.hop.is_some() || self.jar.is_some()
    }

    pub(super) fn asked_for(&mut self, path: &str) {
        path.clone_into(&mut self.path);
    }

    /// Takes what an answer gives; true when a redirect is to be followed, `Err` when it cannot be.
    pub(super) fn take(
        &mut self,
        gains: Gains,
        home: &Home,
        now_ns: u64,
        unix_s: i64,
    ) -> Result<bool, Fault> {
        if let Some(jar) = &mut self.jar {
            let (host, path) = (home.url.site.authority().0, self.path.as_str());
            let secured = home.url.is_secure;
            let from = Sender { host, secured, path, now_ns, unix_s };
            for said in &gains.cookies {
                jar.take(said, from);
            }
        }
        for (at, value) in gains.values {
            if self.values.len() <= at {
                self.values.resize(at + 1, None);
            }
            self.values[at] = Some(value);
        }
        let Some(location) = gains.location else { return Ok(false) };
        self.follow(location, gains.status, home)
            .map(|()| true)
            .map_err(|why| Fault::new(Failure::Redirect, Phase::Request, why))
    }

    fn follow(&mut self, to: Result<String, ()>, status: u16, home: &Home) -> Result<(), String> {
        let to = to.map_err(|()| "the redirect leads to what is no URL".to_owned())?;
        let path = resolve(&to, &self.path, home)?;
        let (count, was_get) = self.hop.as_ref().map_or((0, false), |hop| (hop.count, hop.as_get));
        if count >= home.redirects {
            let limit = home.redirects;
            return Err(format!("more than {limit} redirects, the last one to {}", shown(&path)));
        }
        let as_get = was_get || matches!(status, 301..=303);
        self.hop = Some(Hop { path, as_get, count: count + 1 });
        Ok(())
    }
}

/// The path that a redirect leads to; another host is never followed.
fn resolve(to: &str, from: &str, home: &Home) -> Result<String, String> {
    let to = to.trim().split('#').next().unwrap_or_default();
    let wrong = || format!("the redirect leads to what is no URL: {}", shown(to));
    if !to.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    let has_scheme = to
        .split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', '?']));
    if has_scheme || to.starts_with("//") {
        let (scheme, port) = if home.url.is_secure { ("https", 443) } else { ("http", 80) };
        let whole = if has_scheme { to.to_owned() } else { format!("{scheme}:{to}") };
        let uri: http::Uri = whole.parse().map_err(|_| wrong())?;
        let (here, own_port) = home.url.site.authority();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let same = uri.scheme_str() == Some(scheme)
            && host.eq_ignore_ascii_case(here.trim_matches(['[', ']']))
            && uri.port_u16().unwrap_or(port) == own_port;
        if !same {
            let words = "the redirect leads to another scheme, host or port, and is not followed";
            return Err(format!("{words}: {}", shown(to)));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        return Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") });
    }
    let base = from.split('?').next().unwrap_or("/");
    Ok(match to.chars().next() {
        None => from.to_owned(),
        Some('/') => without_dots(to),
        Some('?') => format!("{base}{to}"),
        Some(_) => {
            let folder = &base[..base.rfind('/').map_or(0, |end| end + 1)];
            without_dots(&format!("{folder}{to}"))
        }
    })
}

/// A path without `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, q)| (path, Some(q)));
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        match *segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

/// At most 100 bytes, none of which does anything to a terminal.
fn shown(text: &str) -> String {
    text.as_bytes()[..text.len().min(100)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HostPort, Site};

    fn home() -> Home {
        let site = Site::Host(HostPort { host: "shop.test".into(), port: 8080 });
        let host_header = "shop.test:8080".into();
        Home {
            url: HttpUrl { is_secure: false, site, host_header, path: "/".into() },
            redirects: 2,
        }
    }

    #[test]
    fn redirects_lead_to_the_same_host_or_nowhere() {
        let to = |to: &str| resolve(to, "/a/b?x=1", &home());
        for (location, path) in [
            ("/c", "/c"),
            ("c", "/a/c"),
            ("../c?y=2#z", "/c?y=2"),
            ("../../../c/./", "/c/"),
            ("?y=2", "/a/b?y=2"),
            ("", "/a/b?x=1"),
            ("http://shop.test:8080/c?d", "/c?d"),
            ("HTTP://SHOP.test:8080", "/"),
            ("//shop.test:8080/c", "/c"),
        ] {
            assert_eq!(to(location).as_deref(), Ok(path), "{location}");
        }
        let mut secure = home();
        secure.url.is_secure = true;
        secure.url.site = Site::Host(HostPort { host: "shop.test".into(), port: 443 });
        for location in ["https://shop.test/c", "//shop.test/c", "/c"] {
            assert_eq!(resolve(location, "/", &secure).as_deref(), Ok("/c"), "{location}");
        }
        assert!(resolve("http://shop.test:443/c", "/", &secure).is_err());
        for location in [
            "http://shop.test/c",
            "https://shop.test:8080/c",
            "http://evil.test:8080/",
            "//evil.test:8080/",
            "http://shop.test:8080@evil.test/",
            "javascript:alert(1)",
            "/a b",
            "/a\r\nx: y",
        ] {
            assert!(to(location).is_err(), "{location}: {:?}", to(location));
        }
    }

    #[test]
    fn methods_follow_the_rules_and_chains_end() {
        let mut session = Session::new(false);
        session.asked_for("/start");
        let mut go = |status, location: &str| {
            let location = Some(Ok(location.to_owned()));
            let gains = Gains { location, status, ..Gains::default() };
            let went = session.take(gains, &home(), 0, 0);
            (went.map_err(|fault| fault.sample), session.hop.as_ref().is_some_and(|hop| hop.as_get))
        };
        assert_eq!(go(307, "/x"), (Ok(true), false));
        assert_eq!(go(303, "/y"), (Ok(true), true));
        let words = "more than 2 redirects, the last one to /z".to_owned();
        assert_eq!(go(307, "/z"), (Err(words), true));
    }
}
