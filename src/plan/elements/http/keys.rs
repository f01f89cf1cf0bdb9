//! The keys of scenarios that send requests.

use crate::plan::elements::http::auth::RawAuth;
use crate::plan::elements::http::connection::RawConnection;
use crate::plan::elements::http::data::RawData;
use crate::plan::elements::http::limits::RawAnswerLimits;
use crate::plan::elements::http::request::RawRequest;
use crate::plan::raw::{TimeRange, table, words};
use crate::plan::text::Text;
use crate::units::{Count, Time};

table! {
    /// The keys of a scenario about requests.
    RawHttp, "a scenario",
    must {}
    may {
        /// http: chosen by weight. Default: one GET of the target's own path.
        requests: Vec<RawRequest>,
        /// http: sent one after the other by each user, in place of `requests`. One that fails ends
        /// the pass, unless only checks with a `name` do not hold; the next pass begins at the
        /// first.
        steps: Vec<RawRequest>,
        /// http: a file of rows; each iteration takes one, without steps each request.
        data: RawData,
        /// http: each user keeps the cookies that it is sent, and sends them back, behind those of
        /// a `cookie` header; if both have the same name, the header's is sent. Default: `false`.
        cookies: bool,
        /// http: how many redirects are followed, only to the same scheme, host and port; the host
        /// is that of the `host` header, where there is one. Default: 0, a redirect is a response
        /// like any other.
        redirects: Count,
        /// http: whether responses may be compressed with gzip. Default: `false`.
        compression: bool,
        /// http: authentication; sent with every request that has no `authorization` of its own.
        auth: RawAuth,
        /// http: the pause between a response and the next request of the same user: `100ms..1s`,
        /// or one time. Default: none.
        think_time: TimeRange,
        /// http: from a request's start to the last byte of its response. Default: `30s`.
        timeout: Time,
        /// http: from sending to the first byte of the response. Default: `timeout`.
        first_byte_timeout: Time,
        /// http, stages with `rate`: how many requests may be in flight; a request due beyond is
        /// dropped. Default: the highest rate times `timeout`, plus six times its square root; at
        /// most 20,000.
        max_in_flight: Count,
        /// http, stages with `rate`: what happens when `max_in_flight` is reached: the run is
        /// `invalid`, or dropped requests count as failed by the target (`fail`). Default:
        /// `invalid`.
        on_full: FullWord,
        /// http: how long a connection is used. Default: as long as the target lets it.
        connection: RawConnection,
        /// http: `1.1`, or `2`: by ALPN with https, by prior knowledge without it. Default: `1.1`.
        version: Text,
        /// http: limits on the size of a response. A larger response is a local failure.
        limits: RawAnswerLimits,
    }
}

impl RawHttp {
    /// Whether every key could be read that decides which metrics exist.
    pub(in crate::plan) fn is_known(&self) -> bool {
        !self.think_time.is_wrong() && !self.requests.is_wrong() && !self.steps.is_wrong()
    }
}

words! {
    /// What happens when `max_in_flight` is reached.
    FullWord {
        /// The run is INVALID: the cap may be too small.
        Invalid = "invalid",
        /// Dropped requests count as failed.
        Fail = "fail",
    }
}
