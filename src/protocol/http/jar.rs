//! Turns what a server says by `set-cookie` into what one user sends back (RFC 6265), towards one host.

use cookie::{Cookie, Expiration};

/// A user keeps so many cookies; one more takes the place of the oldest.
const MOST: usize = 50;

/// A larger cookie is not kept: bytes of name and value.
const LARGEST: usize = 4 << 10;

/// The cookies of one user.
#[derive(Debug, Clone, Default)]
pub(super) struct Jar {
    kept: Vec<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    name: Box<str>,
    value: Box<str>,
    path: Box<str>,
    /// On the run's clock.
    until_ns: u64,
}

/// Who a cookie comes from, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub host: &'a str,
    /// Whether the connection is secured.
    pub secured: bool,
    /// The path that was asked for.
    pub path: &'a str,
    /// On the run's clock.
    pub now_ns: u64,
    /// Seconds of Unix time at the same moment.
    pub unix_s: i64,
}

impl Jar {
    /// Takes one `set-cookie`.
    pub(super) fn take(&mut self, said: &str, from: Sender<'_>) {
        let Ok(cookie) = Cookie::parse(said) else { return };
        let (name, value) = cookie.name_value();
        let foreign = cookie.domain().is_some_and(|domain| !matches_domain(from.host, domain));
        let secret = cookie.secure() == Some(true) && !from.secured;
        let printable = name.bytes().chain(value.bytes()).all(|byte| byte >= b' ' && byte != 0x7f);
        if foreign || secret || !printable || name.len() + value.len() > LARGEST {
            return;
        }
        let path = cookie.path().filter(|path| path.starts_with('/'));
        let path: Box<str> = path.unwrap_or(folder(from.path)).into();
        let until_ns = until(&cookie, from);
        self.kept.retain(|one| !(*one.name == *name && one.path == path));
        if until_ns <= from.now_ns {
            return;
        }
        if self.kept.len() >= MOST {
            self.kept.remove(0);
        }
        self.kept.push(Kept { name: name.into(), value: value.into(), path, until_ns });
    }

    /// The value of the header for a path; `None` when there is nothing to send back.
    pub(super) fn header(&self, path: &str, now_ns: u64) -> Option<String> {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let sent = |one: &&Kept| one.until_ns > now_ns && matches_path(path, &one.path);
        let mut sent: Vec<&Kept> = self.kept.iter().filter(sent).collect();
        // Longer paths first; of equal ones the earlier.
        sent.sort_by_key(|one| std::cmp::Reverse(one.path.len()));
        let pairs: Vec<String> =
            sent.iter().map(|one| format!("{}={}", one.name, one.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// When a cookie ends, on the run's clock; `max-age` goes before `expires`.
fn until(cookie: &Cookie<'_>, from: Sender<'_>) -> u64 {
    let seconds = match (cookie.max_age(), cookie.expires()) {
        (Some(age), _) => age.whole_seconds(),
        (None, Some(Expiration::DateTime(at))) => at.unix_timestamp().saturating_sub(from.unix_s),
        (None, Some(Expiration::Session) | None) => return u64::MAX,
    };
    let seconds = u64::try_from(seconds).unwrap_or(0);
    from.now_ns.saturating_add(seconds.saturating_mul(1_000_000_000))
}

/// Whether a host belongs to a domain (RFC 6265, 5.1.3).
fn matches_domain(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches('.');
    if host.eq_ignore_ascii_case(domain) {
        return true;
    }
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let inner = host.len().checked_sub(domain.len() + 1).filter(|_| !is_address);
    inner.is_some_and(|at| {
        host.as_bytes()[at] == b'.'
            && host.get(at + 1..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
            // A cookie for all of a top level is nobody's.
            && domain.contains('.')
    })
}

/// Whether a path lies below another (RFC 6265, 5.1.4).
fn matches_path(path: &str, below: &str) -> bool {
    path.strip_prefix(below)
        .is_some_and(|rest| rest.is_empty() || below.ends_with('/') || rest.starts_with('/'))
}

/// The default path: up to the last `/`.
fn folder(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Sender<'_> = Sender {
        host: "shop.example.org",
        secured: false,
        path: "/a/login?x=/y",
        now_ns: 5_000_000_000,
        unix_s: 1_000_000_000,
    };

    fn sent(said: &[&str], path: &str, now_s: u64) -> Option<String> {
        let mut jar = Jar::default();
        for one in said {
            jar.take(one, HERE);
        }
        jar.header(path, now_s * 1_000_000_000)
    }

    #[test]
    fn cookies_come_back_where_they_belong() {
        assert_eq!(sent(&["id=1; Path=/", "t=2"], "/a/b", 6).unwrap(), "t=2; id=1");
        assert_eq!(sent(&["id=1; Path=/", "t=2"], "/b", 6).unwrap(), "id=1");
        assert_eq!(sent(&["t=2"], "/ab", 6), None);
        assert_eq!(sent(&["id=1; Path=/", "id=2; Path=/"], "/", 6).unwrap(), "id=2");
        assert_eq!(sent(&["id=1; Path=/", "id=; Path=/; Max-Age=0"], "/", 6), None);
    }

    #[test]
    fn cookies_of_others_and_secret_ones_are_not_kept() {
        for domain in ["example.com", "org", "hop.example.org", "x.shop.example.org"] {
            assert_eq!(
                sent(&[&format!("id=1; Path=/; Domain={domain}")], "/", 6),
                None,
                "{domain}"
            );
        }
        for domain in ["example.org", ".Example.org", "shop.example.org"] {
            let said = format!("id=1; Path=/; Domain={domain}");
            assert_eq!(sent(&[&said], "/", 6).as_deref(), Some("id=1"), "{domain}");
        }
        assert_eq!(sent(&["id=1; Path=/; Secure"], "/", 6), None);
    }

    #[test]
    fn cookies_end() {
        let age = ["id=1; Path=/; Max-Age=10"];
        assert_eq!(sent(&age, "/", 14).as_deref(), Some("id=1"));
        assert_eq!(sent(&age, "/", 15), None);
        // Unix time 1,000,000,000 is 01:46:40 on that day.
        let date = ["id=1; Path=/; Expires=Sun, 09 Sep 2001 01:46:50 GMT"];
        assert_eq!(sent(&date, "/", 14).as_deref(), Some("id=1"));
        assert_eq!(sent(&date, "/", 15), None);
    }

    #[test]
    fn a_user_keeps_no_more_than_so_many() {
        let all: Vec<String> = (0..60).map(|i| format!("c{i}=1; Path=/")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let sent = sent(&all, "/", 6).unwrap();
        assert_eq!(sent.split("; ").count(), MOST);
        assert!(!sent.contains("c9=") && sent.contains("c59="));
        let long = format!("id={}", "x".repeat(LARGEST));
        assert_eq!(super::tests::sent(&[&long], "/a/", 6), None);
    }
}
