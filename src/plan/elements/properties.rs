//! Properties of a scenario that every protocol has.

use crate::catalogue::Need;
use crate::plan::elements::protocol::Protocol;
use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::{
    Churn, Close, Data, Heartbeat, HoldSettings, Http, HttpVersion, Lifetime, OnFull,
    OpeningMessages, Request, SendEvery, Target,
};
use crate::units::{Count, Time};

impl Protocol {
    /// The settings of HTTP requests; `None` if it sends none.
    pub(crate) fn http(&self) -> Option<&Http> {
        match self {
            Self::Http(http) => Some(http),
            Self::Hold(_) => None,
        }
    }

    /// The settings of held connections; `None` if it holds none.
    pub(in crate::plan) fn hold(&self) -> Option<&HoldSettings> {
        match self {
            Self::Hold(hold) => Some(hold),
            Self::Http(_) => None,
        }
    }

    /// The requests that it sends, in the order of the plan; facts know them by their index.
    pub fn requests(&self) -> &[Request] {
        self.http().map_or(&[], |http| &http.requests)
    }

    /// Whether facts are kept by request: a scenario with one request needs none besides the
    /// scenario's.
    pub fn tells_requests_apart(&self) -> bool {
        self.requests().len() > 1
    }

    /// The host that all requests say by their header `host`.
    pub fn host(&self) -> Option<String> {
        self.http().and_then(Http::host)
    }

    /// Whether the requests are steps of a pass, sent one after the other.
    pub fn in_steps(&self) -> bool {
        self.http().is_some_and(|http| http.in_steps)
    }

    /// The names of its checks; facts know them by their index.
    pub fn checks(&self) -> &[String] {
        self.http().map_or(&[], |http| &http.checks)
    }

    /// The times of all `within.TIME.ratio` that thresholds name, the shortest first.
    pub fn within(&self) -> &[Time] {
        self.http().map_or(&[], |http| &http.within)
    }

    /// Has attempts counted that go well within each of these times.
    pub(super) fn count_within(&mut self, times: Vec<Time>) {
        if let Self::Http(http) = self {
            http.within = times;
        }
    }

    /// The same load, without what thresholds name of it.
    #[must_use]
    pub fn without_thresholds(&self) -> Self {
        match self {
            Self::Http(http) => Self::Http(Http { within: Vec::new(), ..http.clone() }),
            Self::Hold(_) => self.clone(),
        }
    }

    /// The source of rows.
    pub fn data(&self) -> Option<&Data> {
        self.http().and_then(|http| http.data.as_ref())
    }

    /// Whether users keep cookies.
    pub fn keeps_cookies(&self) -> bool {
        self.http().is_some_and(|http| http.cookies)
    }

    /// The shortest think time between two attempts.
    pub fn shortest_think_time(&self) -> Time {
        self.http().map_or_else(Time::default, |http| {
            let own = http.requests.iter().filter_map(|one| Some(one.think_time?.min));
            own.fold(http.think_time.min, Time::min)
        })
    }

    /// How many redirects are followed.
    pub fn redirects(&self) -> u32 {
        self.http().map_or(0, |http| http.redirects)
    }

    /// Whether answers may come in gzip.
    pub fn takes_gzip(&self) -> bool {
        self.http().is_some_and(|http| http.compression)
    }

    /// The mean think time between two attempts.
    pub fn mean_think_time(&self) -> Time {
        self.http().map_or_else(Time::default, Http::mean_think_time)
    }

    /// How long a connection may take to open.
    pub fn connect_timeout(&self) -> Time {
        match self {
            Self::Http(http) => http.connect_timeout,
            Self::Hold(hold) => hold.connect_timeout,
        }
    }

    /// Within which time a response must have come whole; `None` where nothing is asked for.
    pub fn response_timeout(&self) -> Option<Time> {
        self.http().map(|http| http.timeout)
    }

    /// How long the end of a scenario waits for attempts in progress.
    pub fn drain_timeout(&self) -> Time {
        self.response_timeout().unwrap_or_else(|| self.connect_timeout())
    }

    /// The longest time that an arrival's iteration can take.
    pub fn longest_arrival(&self) -> Time {
        self.http().map_or_else(|| self.connect_timeout(), Http::longest_pass)
    }

    /// How many arrivals may be in flight at once, of the whole scenario; zero without arrivals.
    pub fn max_in_flight(&self) -> u64 {
        self.http().map_or(0, |http| http.max_in_flight)
    }

    /// Whether a stage ends when its work is done.
    pub fn has_fixed_work(&self) -> bool {
        self.http().is_some_and(|http| http.fixed_work)
    }

    /// How drops at `max_in_flight` are judged.
    pub fn on_full(&self) -> OnFull {
        self.http().map_or_else(OnFull::default, |http| http.on_full)
    }

    /// The HTTP version of its connections; without HTTP, one user per connection.
    pub fn version(&self) -> HttpVersion {
        self.http().map_or_else(HttpVersion::default, |http| http.version)
    }

    /// Whether it has what a metric needs; needs of other protocols are ignored.
    pub(in crate::plan) fn meets(&self, need: Need) -> bool {
        let has = |is: fn(&HoldSettings) -> bool| self.hold().is_none_or(is);
        let sends = |is: fn(&Http) -> bool| self.http().is_none_or(is);
        match need {
            Need::Checks => sends(|http| !http.checks.is_empty()),
            Need::Cookies => sends(|http| http.cookies),
            Need::SendEvery => has(|hold| hold.send_every.is_some()),
            Need::Opening => has(|hold| hold.opening.is_some()),
            Need::Heartbeat => has(|hold| hold.heartbeat.is_some()),
            Need::ServerHeartbeat => {
                has(|hold| matches!(hold.heartbeat, Some(Heartbeat::Server { .. })))
            }
            Need::ClientHeartbeat => {
                has(|hold| matches!(hold.heartbeat, Some(Heartbeat::Client { .. })))
            }
            Need::Events => has(|hold| !hold.churn.events.is_empty()),
            Need::Reconnects => has(|hold| hold.churn.reopens()),
            Need::Messages => has(|hold| {
                hold.expect.is_some() || hold.greeting.is_some() || hold.heartbeat.is_some()
            }),
            Need::FixedWork => sends(|http| http.fixed_work),
            Need::Tls | Need::Rate | Need::Proxy => true,
        }
    }

    /// Sends requests by the forward proxy of their target; `at`: where the plan says so.
    pub(in crate::plan) fn use_proxy(&mut self, target: &Target, at: Span, errors: &mut Errors) {
        if let Self::Http(http) = self {
            http.use_proxy(target, at, errors);
        }
    }

    /// Whether connections go through tunnels of a forward proxy.
    pub fn has_tunnels(&self) -> bool {
        self.http().is_some_and(|http| http.tunnels)
    }

    /// The heartbeat settings of a connection.
    pub fn heartbeat(&self) -> Option<&Heartbeat> {
        self.hold().and_then(|hold| hold.heartbeat.as_ref())
    }

    /// The time between two heartbeats.
    pub fn heartbeat_every(&self) -> Option<Time> {
        self.heartbeat().map(|heartbeat| match heartbeat {
            Heartbeat::Server { every, .. } | Heartbeat::Client { every, .. } => *every,
        })
    }

    /// The messages that are sent every so often and not replied to.
    pub fn send_every(&self) -> Option<&SendEvery> {
        self.hold().and_then(|hold| hold.send_every.as_ref())
    }

    /// Messages that are sent and awaited before a connection counts as open.
    pub fn opening(&self) -> Option<&OpeningMessages> {
        self.hold().and_then(|hold| hold.opening.as_ref())
    }

    /// Within which time the server must send its first message.
    pub fn greeting(&self) -> Option<Time> {
        self.hold().and_then(|hold| hold.greeting)
    }

    /// Ends of connections before the end of their stage, and reconnects; `None` where connections
    /// come and go with requests.
    pub fn churn(&self) -> Option<&Churn> {
        self.hold().map(|hold| &hold.churn)
    }

    /// How this side ends a connection.
    pub fn close(&self) -> Close {
        self.hold().map_or(Close::Fin, |hold| hold.close)
    }

    /// How old connections get, on average, before this side ends them.
    pub fn lifetime(&self) -> Option<Time> {
        match self {
            Self::Http(http) => http.connection.max_age,
            Self::Hold(hold) => hold.churn.lifetime.map(Lifetime::mean),
        }
    }

    /// How many requests a connection carries before this side ends it.
    pub fn requests_each(&self) -> Option<Count> {
        self.http().and_then(|http| http.connection.max_requests).map(Count)
    }
}
