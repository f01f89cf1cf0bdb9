//! Turns what answers give to a user into what its next requests are made of: its row, values,
//! cookies, and where a redirect leads.

use super::fault::Fault;
use super::jar::{Jar, Sender};
use super::look::Gains;
use super::origin::{Home, shown};
use crate::record::{CookieLoss, Failure, FailureStage};

/// What one user, or one arrival, carries along.
#[derive(Debug, Default)]
pub struct Session {
    row: Option<u64>,
    /// All rows have been used.
    exhausted: bool,
    values: Vec<Option<Box<str>>>,
    jar: Option<Jar>,
    hop: Option<Hop>,
    /// What was asked for last, and as which `Host`.
    path: String,
    host: String,
    /// Passes so far.
    passes: u64,
}

/// What came of giving an answer to a session.
#[derive(Debug)]
pub struct Taken {
    /// Whether a redirect is to be followed, or why it is not.
    pub follows: Result<bool, Fault>,
    /// Cookies that are not kept: why, and in words.
    pub lost: Vec<(CookieLoss, String)>,
}

/// A request that follows a redirect.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) path: String,
    /// By GET and without a body.
    pub(super) as_get: bool,
    count: u32,
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

    /// Begins a pass: its values are gone, cookies stay. `row`: `None` when there is none left,
    /// where rows are used.
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

    pub(super) fn has_cookies(&self) -> bool {
        self.jar.as_ref().is_some_and(|jar| !jar.is_empty())
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
        if let Some(jar) = &self.jar {
            jar.write(out, from, host, (path, now_ns));
        }
    }

    /// Whether what is sent differs from what all users send.
    pub(super) fn changes_requests(&self) -> bool {
        self.exhausted || self.hop.is_some() || self.jar.is_some()
    }

    /// What was asked for last.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it asks by GET whatever the plan says, because a redirect said so.
    pub(super) fn sends_get(&self) -> bool {
        self.hop.as_ref().is_some_and(|hop| hop.as_get)
    }

    /// What `Host` said last.
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

    /// What was asked for last, emptied: the room for what is asked for next.
    pub(super) fn forget(&mut self) -> (String, String) {
        self.path.clear();
        self.host.clear();
        (std::mem::take(&mut self.path), std::mem::take(&mut self.host))
    }

    /// Takes what an answer gives.
    pub(super) fn take(&mut self, gains: Gains, home: &Home, now_ns: u64, unix_s: i64) -> Taken {
        let mut lost = Vec::new();
        if let Some(jar) = &mut self.jar {
            let secured = home.url.is_secure;
            let host = home.host(&self.host);
            let from = Sender { host: &host, secured, path: &self.path, now_ns, unix_s };
            for said in &gains.cookies {
                lost.extend(jar.take(said, from, home.limits));
            }
        }
        for (at, value) in gains.values {
            if self.values.len() <= at {
                self.values.resize(at + 1, None);
            }
            self.values[at] = Some(value);
        }
        let follows = gains.location.map_or(Ok(false), |location| {
            self.follow(&location, gains.status, home)
                .map(|()| true)
                .map_err(|why| Fault::new(Failure::Redirect, FailureStage::Request, why))
        });
        Taken { follows, lost }
    }

    fn follow(&mut self, to: &str, status: u16, home: &Home) -> Result<(), String> {
        let path = home.resolve(to, &self.host, &self.path)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AnswerLimits, HostPort, HttpUrl, Site};

    fn home() -> Home {
        let site = Site::Host(HostPort { host: "shop.test".into(), port: 8080 });
        let host_header = "shop.test:8080".into();
        let url = HttpUrl { is_secure: false, site, host_header, path: "/".into() };
        Home::new(&url, &[], 2, AnswerLimits::default())
    }

    #[test]
    fn methods_follow_the_rules_and_chains_end() {
        let mut session = Session::new(false);
        session.asked_for("/start".into(), "shop.test:8080".into());
        let mut go = |status, location: &str| {
            let location = Some(location.to_owned());
            let gains = Gains { location, status, ..Gains::default() };
            let went = session.take(gains, &home(), 0, 0).follows;
            (went.map_err(|fault| fault.sample), session.hop.as_ref().is_some_and(|hop| hop.as_get))
        };
        assert_eq!(go(307, "/x"), (Ok(true), false));
        assert_eq!(go(303, "/y"), (Ok(true), true));
        let words = "more than 2 redirects, the last one to /z".to_owned();
        assert_eq!(go(307, "/z"), (Err(words), true));
    }
}
