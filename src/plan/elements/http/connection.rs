//! How long a connection is used.

use crate::plan::error::Errors;
use crate::plan::raw::{Field, table};
use crate::units::{Count, Time};
use serde::{Deserialize, Serialize};

/// How long a connection is used for requests. A request in progress is never cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionUse {
    /// How many requests it carries, at least 1; `None`: no limit. With 1 each request says
    /// `connection: close`.
    pub max_requests: Option<u64>,
    /// Requests begin on it as long as it is younger; `None`: without end.
    pub max_age: Option<Time>,
}

table! {
    /// How long a connection is used.
    #[schemars(rename = "Connection")]
    RawConnection, "`connection`", write "a table: `{ max_requests = 1 }`", in "`connection = { … }` of a scenario",
    must {}
    may {
        /// Close a connection after this many requests; 1 opens a new connection for each request.
        max_requests: Count,
        /// Start no request on a connection older than this.
        max_age: Time,
        /// With `version = "2"`: how many users, or arrivals, share a connection, each with one
        /// request at a time. Default: 1.
        streams: Count,
    }
}

pub(in crate::plan) fn connection(
    field: &Field<RawConnection>,
    errors: &mut Errors,
) -> ConnectionUse {
    let Some(raw) = field.value() else { return ConnectionUse::default() };
    if let Some(given) = raw.max_requests.given().filter(|given| given.value == Count(0)) {
        errors
            .add(given.at, "`max_requests` cannot be zero")
            .help("`max_requests = 1` makes a connection for each request");
    }
    if let Some(given) = raw.max_age.given().filter(|given| given.value == Time::default()) {
        errors
            .add(given.at, "`max_age` cannot be zero")
            .help("`max_requests = 1` makes a connection for each request");
    }
    ConnectionUse {
        max_requests: raw.max_requests.value().map(|count| count.0),
        max_age: raw.max_age.value().copied(),
    }
}
