//! Turns a URL (a value of a path, a redirect) into a request target, if it belongs to the server
//! that is asked.

use crate::plan::{AnswerLimits, HttpUrl};
use crate::units::uri::sendable;
use crate::units::visible_bytes;
use std::borrow::Cow;
use url::{Position, Url};

/// Where requests go, how many redirects are followed, and how much of answers is taken.
#[derive(Debug, Clone)]
pub(super) struct BaseUrl {
    pub(super) url: HttpUrl,
    /// What precedes the path in the first line: `http://host` where a forward proxy takes
    /// requests, and else nothing.
    pub(super) before_path: String,
    /// The host of the URL, without its port.
    own: String,
    /// The value of `Host` for each address of the target.
    addresses: Vec<String>,
    pub(super) redirects: u32,
    pub(super) limits: AnswerLimits,
}

impl BaseUrl {
    /// Of a URL of a target, whose URLs are `all`.
    pub(super) fn new(
        url: &HttpUrl,
        all: &[HttpUrl],
        redirects: u32,
        limits: AnswerLimits,
    ) -> Self {
        let addresses = all.iter().map(|url| url.host_header.to_string()).collect();
        let (url, own) = (url.clone(), String::new());
        let before_path = String::new();
        let mut base_url = Self { url, before_path, own, addresses, redirects, limits };
        base_url.own = base_url.parsed(&base_url.url.host_header);
        base_url
    }

    /// The same where a forward proxy takes the requests.
    pub(super) fn by_proxy(mut self) -> Self {
        self.before_path = format!("http://{}", self.url.host_header);
        self
    }

    fn scheme(&self) -> &'static str {
        if self.url.is_secure { "https" } else { "http" }
    }

    /// The URL of a request. `host`: the `Host` that was sent; one that no URL can have is taken
    /// for the address's own.
    fn asked(&self, host: &str, path: &str) -> Option<Url> {
        let path = if path.starts_with('/') { path } else { "/" };
        let base = |host: &str| Url::parse(&format!("{}://{host}{path}", self.scheme())).ok();
        base(host).or_else(|| base(&self.url.host_header))
    }

    fn parsed(&self, host: &str) -> String {
        let asked = self.asked(host, "/");
        asked.and_then(|asked| asked.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The host that a server was asked as: without its port, in lower case and ASCII.
    pub(super) fn host(&self, host: &str) -> Cow<'_, str> {
        if *host == *self.url.host_header {
            self.own.as_str().into()
        } else {
            self.parsed(host).into()
        }
    }

    /// Whether a URL is of the server that was asked as `host`. By a name that only the plan gives
    /// it, it may have any of three ports: the given one, the scheme's default, and that of the
    /// address, since a proxy in front of it may use another one.
    fn is_here(&self, to: &Url, host: &str) -> bool {
        let same = |one: &Url| to.scheme() == one.scheme() && to.host() == one.host();
        let Some(asked) = self.asked(host, "/") else { return false };
        let Some(own) = self.asked(&self.url.host_header, "/") else { return false };
        let ports = [&asked, &own].map(Url::port_or_known_default);
        let port = to.port_or_known_default();
        (same(&own) && port == ports[1])
            || (same(&asked) && asked.host() != own.host())
                && (ports.contains(&port) || to.port().is_none())
    }

    /// The request target of a URL that a value of a path is, byte for byte where it can be sent.
    fn target_of(&self, value: &str, host: &str) -> Result<String, String> {
        let wrong = || "is no path and no URL: a path begins with `/`".to_owned();
        let to = Url::parse(value).map_err(|_| wrong())?;
        if !["http", "https"].contains(&to.scheme()) {
            return Err(wrong());
        }
        if !to.username().is_empty() || to.password().is_some() {
            return Err("is a URL with a user name, which is not sent".to_owned());
        }
        let is_address = |own: &String| {
            let own = self.asked(own, "/");
            own.is_some_and(|own| own.origin() == to.origin())
        };
        if !self.is_here(&to, host) && !self.addresses.iter().any(is_address) {
            let origin = shown(&to[..Position::BeforePath]);
            return Err(format!(
                "is a URL of another scheme, host or port than the target's: {origin}"
            ));
        }
        let rest = value.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find(['/', '?', '\\']).map_or("", |at| &rest[at..]);
        Ok(path.to_owned())
    }

    /// What a value asks for that is the whole path of a request, or begins it; empty where it is
    /// the URL of a target without a path.
    ///
    /// # Errors
    /// Why it is not a request target, in words that continue "the value".
    pub(super) fn target(&self, value: &str, host: &str) -> Result<String, String> {
        // A fragment is never sent.
        let value = value.split('#').next().unwrap_or_default();
        match value.as_bytes().first() {
            None => Err("is empty: a path begins with `/`".to_owned()),
            Some(b'/') => Ok(sendable(value).collect()),
            _ if value == "*" => Ok(value.to_owned()),
            _ => Ok(sendable(&self.target_of(value, host)?).collect()),
        }
    }

    /// The path that a redirect leads to, as browsers read it; another host is never followed.
    /// `host` and `from`: the `Host` that was sent, and the path that was asked for.
    pub(super) fn resolve(&self, to: &str, host: &str, from: &str) -> Result<String, String> {
        let wrong = || format!("the redirect's `location` is not a URL: {}", shown(to));
        let base = self.asked(host, from).ok_or_else(wrong)?;
        let to = base.join(to).map_err(|_| wrong())?;
        if !self.is_here(&to, host) {
            let words = "the redirect leads to another scheme, host or port, and is not followed";
            return Err(format!("{words}: {}", shown(&without_credentials(&to))));
        }
        Ok(to[Position::BeforePath..Position::AfterQuery].to_owned())
    }
}

/// A URL without a user name, a password and a query: what carries credentials.
fn without_credentials(to: &Url) -> String {
    let port = to.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = to.host_str().unwrap_or_default();
    let query = if to.query().is_some() { "?..." } else { "" };
    format!("{}://{host}{port}{}{query}", to.scheme(), to.path())
}

/// At most 100 bytes, none of which does anything to a terminal.
pub(super) fn shown(text: &str) -> String {
    visible_bytes(text.as_bytes(), 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HostPort, RequestPath, Site};

    fn base_url(host: &str, port: u16, is_secure: bool) -> BaseUrl {
        let site = Site::Host(HostPort { host: host.into(), port });
        let host_header = crate::units::uri::authority(host, port, is_secure).parse().unwrap();
        let url = HttpUrl { is_secure, site, host_header, path: RequestPath::root() };
        let other = HttpUrl { host_header: "10.0.0.2:8080".parse().unwrap(), ..url.clone() };
        BaseUrl::new(&url, &[url.clone(), other], 2, AnswerLimits::default())
    }

    #[test]
    fn redirects_lead_to_the_same_host_or_nowhere() {
        let to =
            |to: &str| base_url("shop.test", 8080, false).resolve(to, "shop.test:8080", "/a/b?x=1");
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
            ("/a b?c d", "/a%20b?c%20d"),
            (" /caf\u{e9}?q=\u{fc} ", "/caf%C3%A9?q=%C3%BC"),
            ("/caf%C3%A9%zz", "/caf%C3%A9%zz"),
            ("/login?next=https://shop.test/a", "/login?next=https://shop.test/a"),
            // As in browsers, no line ends by it.
            ("/a\r\nx: y", "/ax:%20y"),
        ] {
            assert_eq!(to(location).as_deref(), Ok(path), "{location}");
        }
        let secure = base_url("shop.test", 443, true);
        for location in ["https://shop.test/c", "https://shop.test:443/c", "//shop.test/c", "/c"] {
            let path = secure.resolve(location, "shop.test", "/");
            assert_eq!(path.as_deref(), Ok("/c"), "{location}");
        }
        assert!(secure.resolve("http://shop.test:443/c", "shop.test", "/").is_err());
        for location in [
            "http://shop.test/c",
            "https://shop.test:8080/c",
            "http://evil.test:8080/",
            "//evil.test:8080/",
            "http://shop.test:8080@evil.test/",
            "javascript:alert(1)",
            "http://[::1/",
        ] {
            assert!(to(location).is_err(), "{location}: {:?}", to(location));
        }
    }

    #[test]
    fn a_server_is_known_by_the_host_that_was_said() {
        let base_url = base_url("127.0.0.1", 9000, false);
        let to = |to: &str, host: &str| base_url.resolve(to, host, "/login").is_ok();
        for host in ["shop.example", "Shop.EXAMPLE", "shop.example:80", "shop.example:8080"] {
            assert!(to("http://shop.example/home", host), "{host}");
            assert!(to("//SHOP.example/home", host), "{host}");
            assert!(to("http://shop.example:9000/home", host), "{host}");
            assert!(to("http://127.0.0.1:9000/home", host), "{host}");
            assert!(!to("https://shop.example/home", host), "{host}");
            assert!(!to("http://shop.example:81/home", host), "{host}");
            assert!(!to("http://127.0.0.1/home", host), "{host}");
            assert!(!to("http://hop.example/home", host), "{host}");
        }
        assert!(to("http://b\u{fc}cher.example/", "xn--bcher-kva.example"));
        // A part that no URL can have counts as the address's own.
        assert!(to("http://127.0.0.1:9000/", "a b"));
        let names =
            ["127.0.0.1:9000", "Shop.example:1", "[::1]:9000", ""].map(|one| base_url.host(one));
        assert_eq!(names, ["127.0.0.1", "shop.example", "[::1]", "127.0.0.1"]);
    }

    #[test]
    fn values_are_request_targets_of_the_target() {
        let base_url = base_url("127.0.0.1", 9000, false);
        let target = |value: &str| base_url.target(value, "shop.example");
        for (value, path) in [
            ("/a?x=1&y=2", "/a?x=1&y=2"),
            ("/caf%C3%A9", "/caf%C3%A9"),
            ("/a/../b//c", "/a/../b//c"),
            ("/a b\r\nhost: c", "/a%20b%0D%0Ahost:%20c"),
            ("/a#b", "/a"),
            ("//evil.test/a", "//evil.test/a"),
            ("*", "*"),
            ("http://127.0.0.1:9000/a/../b?%zz#d", "/a/../b?%zz"),
            ("HTTP://127.0.0.1:9000?x", "?x"),
            ("http://127.0.0.1:9000", ""),
            ("http://10.0.0.2:8080/a", "/a"),
            ("http://shop.example/\u{fc}", "/%C3%BC"),
        ] {
            assert_eq!(target(value).as_deref(), Ok(path), "{value}");
        }
        let of_another = "is a URL of another scheme, host or port than the target's";
        for (value, why) in [
            ("", "is empty: a path begins with `/`".to_owned()),
            ("#a", "is empty: a path begins with `/`".to_owned()),
            ("a/b", "is no path and no URL: a path begins with `/`".to_owned()),
            ("?a", "is no path and no URL: a path begins with `/`".to_owned()),
            ("ftp://127.0.0.1:9000/", "is no path and no URL: a path begins with `/`".to_owned()),
            ("http://evil.test/a?b", format!("{of_another}: http://evil.test")),
            ("https://127.0.0.1:9000/", format!("{of_another}: https://127.0.0.1:9000")),
            (
                "http://a:b@127.0.0.1:9000/",
                "is a URL with a user name, which is not sent".to_owned(),
            ),
        ] {
            assert_eq!(target(value), Err(why), "{value}");
        }
    }
}
