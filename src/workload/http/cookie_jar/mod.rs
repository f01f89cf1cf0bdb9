//! Turns `set-cookie` headers of servers into the cookies that one user sends back (RFC 6265), to
//! the hosts that it asks.

mod date;

use super::base_url::shown;
use crate::plan::AnswerLimits;
use crate::record::CookieLoss;
use crate::units::uri;
use cookie::Cookie;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The cookies of one user.
#[derive(Debug, Clone, Default)]
pub(super) struct CookieJar {
    kept: Vec<StoredCookie>,
}

#[derive(Debug, Clone)]
struct StoredCookie {
    name: Box<str>,
    value: Box<str>,
    domain: Box<str>,
    /// Whether it belongs to the domain itself, and to none below it.
    host_only: bool,
    path: Box<str>,
    /// On the run's clock.
    until_ns: u64,
}

impl StoredCookie {
    /// Whether it is sent to a host and a path.
    fn is_for(&self, host: &str, path: &str) -> bool {
        let host_matches =
            *self.domain == *host || (!self.host_only && matches_domain(host, &self.domain));
        host_matches && matches_path(path, &self.path)
    }

    /// Whether it takes the other's place (RFC 6265, 5.3).
    fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.domain == other.domain && self.path == other.path
    }
}

/// The origin of a cookie, and the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct CookieOrigin<'a> {
    /// As it was asked: without a port, in lower case and ASCII.
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

/// A cookie that is not kept: why, and in words.
pub(super) type RejectedCookie = (CookieLoss, String);

impl CookieJar {
    /// Names and values of what is kept.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kept.iter().map(|cookie| (&*cookie.name, &*cookie.value))
    }

    /// Stores one `set-cookie`; returns cookies that were rejected or discarded.
    pub(super) fn take(
        &mut self,
        said: &str,
        from: CookieOrigin<'_>,
        limits: AnswerLimits,
    ) -> Option<RejectedCookie> {
        let one = match read(said, from, limits.cookie) {
            Ok(one) => one,
            Err(lost) => return Some(lost),
        };
        if one.until_ns <= from.now_ns {
            self.kept.retain(|kept| !kept.is(&one));
            return None;
        }
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.is(&one)) {
            *kept = one;
            return None;
        }
        let is_full = |kept: &[StoredCookie]| kept.len() as u64 >= u64::from(limits.cookies);
        if is_full(&self.kept) {
            self.kept.retain(|kept| kept.until_ns > from.now_ns);
        }
        let oldest = is_full(&self.kept).then(|| self.kept.remove(0));
        if self.kept.len() == self.kept.capacity() {
            // By halves, from one on: each user keeps a jar, and most sites set one cookie or two.
            self.kept.reserve_exact(self.kept.len() / 2 + 1);
        }
        self.kept.push(one);
        oldest.map(|oldest| {
            let why = format!("is the oldest of more than {}", limits.cookies);
            (CookieLoss::TooMany, lost_by_limit(&oldest.name, &why, "cookies", limits.cookies))
        })
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds the cookies for a host and a path to those in `out` from `from` on, one of the same
    /// name apart.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        from: usize,
        host: &str,
        (path, now_ns): (&str, u64),
    ) {
        // `*` lies below all.
        let path = if path.starts_with('/') { path } else { "/" };
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let said = String::from_utf8_lossy(&out[from..]).into_owned();
        let said = |name: &str| {
            let pairs = said.split(';').filter(|pair| !pair.trim().is_empty());
            let mut names = pairs.map(|pair| pair.split_once('=').map_or("", |(name, _)| name));
            names.any(|one| one.trim() == name)
        };
        let sent = |one: &&StoredCookie| {
            one.is_for(host, path) && one.until_ns > now_ns && !said(&one.name)
        };
        let mut sent: Vec<&StoredCookie> = self.kept.iter().filter(sent).collect();
        // Longer paths first; of equal ones the earlier.
        sent.sort_by_key(|one| std::cmp::Reverse(one.path.len()));
        for one in sent {
            while out.len() > from && out.last().is_some_and(|byte| b"; ".contains(byte)) {
                out.pop();
            }
            if out.len() > from {
                out.extend_from_slice(b"; ");
            }
            // A cookie without a name is its value alone, as in browsers.
            let equals = if one.name.is_empty() { "" } else { "=" };
            for piece in [&*one.name, equals, &*one.value] {
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
}

/// Parses a `set-cookie`, or returns why it is rejected; `largest`: bytes of name and value.
fn read(said: &str, from: CookieOrigin<'_>, largest: u32) -> Result<StoredCookie, RejectedCookie> {
    let malformed = |why: &str| {
        let name = said.split(['=', ';']).next().unwrap_or_default();
        Err((CookieLoss::Malformed, lost(name, why)))
    };
    let (written, nameless) = named(said);
    let Ok(cookie) = Cookie::parse(&*written) else { return malformed("is empty") };
    let (name, value) = cookie.name_value();
    let name = if nameless { "" } else { name };
    if name.is_empty() && value.is_empty() {
        return malformed("is empty");
    }
    let sendable = |byte: u8| (byte >= b' ' && byte != 0x7f) || byte == b'\t';
    if !name.bytes().chain(value.bytes()).all(sendable) {
        return malformed("has a control character");
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return malformed("is not UTF-8");
    }
    if (name.len() + value.len()) as u64 > u64::from(largest) {
        let why = format!("is larger than {largest} bytes");
        return Err((CookieLoss::TooLarge, lost_by_limit(name, &why, "cookie", largest)));
    }
    let domain = cookie.domain().map(|domain| domain.trim_start_matches('.'));
    let domain = domain.filter(|domain| !domain.is_empty());
    let host_only = domain.is_none_or(|domain| domain.eq_ignore_ascii_case(from.host));
    let domain = match domain {
        None => from.host.to_owned(),
        Some(domain) => {
            let own = uri::host(domain).filter(|own| matches_domain(from.host, own));
            let foreign = || {
                let why = format!("is for {}, and was set by {}", shown(domain), from.host);
                (CookieLoss::Domain, lost(name, &why))
            };
            own.ok_or_else(foreign)?
        }
    };
    let is_secure = cookie.secure() == Some(true);
    if is_secure && !from.secured && !is_loopback(from.host) {
        let why = "is Secure and the connection is not";
        return Err((CookieLoss::Secure, lost(name, why)));
    }
    let path = cookie.path().filter(|path| path.starts_with('/'));
    let begins = |prefix: &str| {
        // A value alone must not pass for a name with a prefix.
        let begin = if name.is_empty() { value } else { name };
        begin.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    let of_host = is_secure && cookie.domain().is_none() && path == Some("/");
    if (begins("__Host-") && !of_host) || (begins("__Secure-") && !is_secure) {
        let why = "has not the attributes that its prefix asks for";
        return Err((CookieLoss::Prefix, lost(name, why)));
    }
    Ok(StoredCookie {
        name: name.into(),
        value: value.into(),
        domain: domain.into(),
        host_only,
        path: path.unwrap_or(folder(from.path)).into(),
        until_ns: until(&cookie, said, from),
    })
}

/// A cookie with a name that a parser takes, and whether that stands for none: browsers keep a
/// value alone, and `=value`.
fn named(said: &str) -> (Cow<'_, str>, bool) {
    let pair = said.split(';').next().unwrap_or_default();
    match pair.split_once('=') {
        None => (format!("_={said}").into(), true),
        Some((name, _)) if name.trim().is_empty() => {
            (format!("_{}", said.trim_start()).into(), true)
        }
        Some(_) => (said.into(), false),
    }
}

fn lost(name: &str, why: &str) -> String {
    format!("cookie {} {why}: not kept", shown(name))
}

/// The words for a cookie that a limit of planrun's own costs, with the key that keeps more.
fn lost_by_limit(name: &str, why: &str, key: &str, limit: u32) -> String {
    let (lost, more) = (lost(name, why), u64::from(limit) * 2);
    format!("{lost}; that is planrun's own limit, `limits = {{ {key} = {more} }}` keeps more")
}

/// Whether a host is this machine, to which browsers trust plain connections.
fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name
            .trim_matches(['[', ']'])
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// When a cookie ends, on the run's clock; `max-age` goes before `expires`.
fn until(cookie: &Cookie<'_>, said: &str, from: CookieOrigin<'_>) -> u64 {
    let seconds = match (cookie.max_age(), expires(said)) {
        (Some(age), _) => age.whole_seconds(),
        (None, Some(at)) => at.saturating_sub(from.unix_s),
        (None, None) => return u64::MAX,
    };
    let seconds = u64::try_from(seconds).unwrap_or(0);
    from.now_ns.saturating_add(seconds.saturating_mul(1_000_000_000))
}

/// The last date of it, in Unix time; the parser of cookies takes fewer forms than servers write.
fn expires(said: &str) -> Option<i64> {
    let attributes = said.split(';').skip(1).filter_map(|one| one.split_once('='));
    let dates = attributes.filter(|(name, _)| name.trim().eq_ignore_ascii_case("expires"));
    dates.filter_map(|(_, date)| date::unix_s(date)).last()
}

/// Whether a host belongs to a domain (RFC 6265, 5.1.3).
fn matches_domain(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches('.');
    if host.eq_ignore_ascii_case(domain) {
        return true;
    }
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let inner = host.len().checked_sub(domain.len() + 1).filter(|_| !is_address);
    inner.is_some_and(|at| {
        host.as_bytes()[at] == b'.'
            && host.get(at + 1..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
            // No site may set a cookie for a whole top-level domain.
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
mod tests;
