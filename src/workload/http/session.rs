//! Turns what answers give to a user into what its next requests are made of: its row, values,
//! cookies, and where a redirect leads.

use super::base_url::{BaseUrl, shown};
use super::cookie_jar::{CookieJar, CookieOrigin};
use super::error::RequestError;
use super::generated_values::PassIdentity;
use super::inspector::Extracted;
use crate::record::{CookieLoss, Failure, FailureStage};

/// The state of one user, or of one arrival.
#[derive(Debug, Default)]
pub(crate) struct UserSession {
    row: Option<u64>,
    /// All rows have been used.
    exhausted: bool,
    values: Vec<Option<Box<str>>>,
    cookie_jar: Option<CookieJar>,
    /// Boxed, as each user has a session and few follow a redirect.
    redirect: Option<Box<Redirect>>,
    /// The last request target, and its `Host`.
    path: String,
    host: String,
    /// Passes so far.
    passes: u64,
    /// The pass, as far as values are generated for it.
    pass: PassIdentity,
    /// When the request is sent, where it says so: nanoseconds since 1970.
    unix_ns: i64,
}

/// The changes that a response makes in a session.
#[derive(Debug)]
pub(crate) struct SessionUpdate {
    /// Whether a redirect follows, or why it is refused.
    pub follows: Result<bool, RequestError>,
    /// Cookies that are not kept: why, and in words.
    pub lost: Vec<(CookieLoss, String)>,
}

/// A request that follows a redirect.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    pub(super) path: String,
    /// By GET and without a body.
    pub(super) as_get: bool,
    count: u32,
}

impl UserSession {
    /// A session at its start.
    pub(crate) fn new(cookies: bool) -> Self {
        Self { cookie_jar: cookies.then(CookieJar::default), ..Self::default() }
    }

    /// How many passes have begun.
    pub(crate) fn passes(&self) -> u64 {
        self.passes
    }

    /// Begins a pass: its values are gone, cookies stay. `row`: `None` when there is none left,
    /// where rows are used.
    pub(crate) fn begin_pass(&mut self, pass: PassIdentity, row: Option<u64>, uses_rows: bool) {
        self.passes += 1;
        self.pass = pass;
        self.row = row;
        self.exhausted = uses_rows && row.is_none();
        self.values.clear();
        self.redirect = None;
    }

    /// The pass, as far as values are generated for it.
    pub(super) fn pass(&self) -> PassIdentity {
        self.pass
    }

    /// Notes when the next request is sent: nanoseconds since 1970.
    pub(crate) fn sends_at(&mut self, unix_ns: i64) {
        self.unix_ns = unix_ns;
    }

    /// When the request is sent: nanoseconds since 1970.
    pub(super) fn unix_ns(&self) -> i64 {
        self.unix_ns
    }

    /// Begins a request.
    pub(crate) fn begin_request(&mut self) {
        self.redirect = None;
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

    /// The values that answers gave, each with its name.
    pub(super) fn extracted<'a>(
        &'a self,
        names: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = names.iter().zip(&self.values);
        named.filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    /// The cookies that are kept, by name.
    pub(super) fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cookie_jar.iter().flat_map(CookieJar::pairs)
    }

    pub(super) fn redirect(&self) -> Option<&Redirect> {
        self.redirect.as_deref()
    }

    pub(super) fn has_cookies(&self) -> bool {
        self.cookie_jar.as_ref().is_some_and(|cookie_jar| !cookie_jar.is_empty())
    }

    /// Adds the cookies for a host and a path to those that stand in `out` from `from` on; what the
    /// plan says goes before what is kept.
    pub(super) fn add_cookies(
        &self,
        out: &mut Vec<u8>,
        from: usize,
        host: &str,
        (path, now_ns): (&str, u64),
    ) {
        if let Some(cookie_jar) = &self.cookie_jar {
            cookie_jar.write(out, from, host, (path, now_ns));
        }
    }

    /// Whether what is sent differs from what all users send.
    pub(super) fn changes_requests(&self) -> bool {
        self.exhausted || self.redirect.is_some() || self.cookie_jar.is_some()
    }

    /// The last request target.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it asks by GET whatever the plan says, because a redirect said so.
    pub(super) fn sends_get(&self) -> bool {
        self.redirect.as_ref().is_some_and(|redirect| redirect.as_get)
    }

    /// The last value of `Host`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Notes what is asked for, and as which `Host`, as it was prepared.
    pub(super) fn asks_for(&mut self, path: &str, host: &str) {
        path.clone_into(&mut self.path);
        host.clone_into(&mut self.host);
    }

    /// Notes what is asked for, and as which `Host`.
    pub(super) fn asked_for(&mut self, path: String, host: String) {
        (self.path, self.host) = (path, host);
    }

    /// The buffer of the last request target, emptied for the next one.
    pub(super) fn forget(&mut self) -> (String, String) {
        self.path.clear();
        self.host.clear();
        (std::mem::take(&mut self.path), std::mem::take(&mut self.host))
    }

    /// Takes what an answer gives.
    pub(super) fn take(
        &mut self,
        extracted: Extracted,
        base_url: &BaseUrl,
        now_ns: u64,
        unix_s: i64,
    ) -> SessionUpdate {
        let mut lost = Vec::new();
        if let Some(cookie_jar) = &mut self.cookie_jar {
            let secured = base_url.url.is_secure;
            let host = base_url.host(&self.host);
            let from = CookieOrigin { host: &host, secured, path: &self.path, now_ns, unix_s };
            for said in &extracted.cookies {
                lost.extend(cookie_jar.take(said, from, base_url.limits));
            }
        }
        for (at, value) in extracted.values {
            if self.values.len() <= at {
                // Exactly: each user keeps this.
                self.values.reserve_exact(at + 1 - self.values.len());
                self.values.resize(at + 1, None);
            }
            self.values[at] = Some(value);
        }
        let follows = extracted.location.map_or(Ok(false), |location| {
            self.follow(&location, extracted.status, base_url)
                .map(|()| true)
                .map_err(|why| RequestError::new(Failure::Redirect, FailureStage::Request, why))
        });
        SessionUpdate { follows, lost }
    }

    fn follow(&mut self, to: &str, status: u16, base_url: &BaseUrl) -> Result<(), String> {
        let path = base_url.resolve(to, &self.host, &self.path)?;
        let (count, was_get) =
            self.redirect.as_ref().map_or((0, false), |redirect| (redirect.count, redirect.as_get));
        if count >= base_url.redirects {
            let limit = base_url.redirects;
            let path = shown(path.split('?').next().unwrap_or_default());
            return Err(format!("more than {limit} redirects, the last one to {path}"));
        }
        let as_get = was_get || matches!(status, 301..=303);
        self.redirect = Some(Box::new(Redirect { path, as_get, count: count + 1 }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AnswerLimits, HostPort, HttpUrl, RequestPath, Site};

    fn base_url() -> BaseUrl {
        let site = Site::Host(HostPort { host: "shop.test".into(), port: 8080 });
        let host_header = "shop.test:8080".parse().unwrap();
        let url = HttpUrl { is_secure: false, site, host_header, path: RequestPath::root() };
        BaseUrl::new(&url, &[], 2, AnswerLimits::default())
    }

    #[test]
    fn methods_follow_the_rules_and_chains_end() {
        let mut session = UserSession::new(false);
        session.asked_for("/start".into(), "shop.test:8080".into());
        let mut go = |status, location: &str| {
            let location = Some(location.to_owned());
            let extracted = Extracted { location, status, ..Extracted::default() };
            let went = session.take(extracted, &base_url(), 0, 0).follows;
            (
                went.map_err(|error| error.sample),
                session.redirect.as_ref().is_some_and(|redirect| redirect.as_get),
            )
        };
        assert_eq!(go(307, "/x"), (Ok(true), false));
        assert_eq!(go(303, "/y"), (Ok(true), true));
        let words = "more than 2 redirects, the last one to /z".to_owned();
        assert_eq!(go(307, "/z"), (Err(words), true));
    }
}
