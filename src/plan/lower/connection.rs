//! How long a connection is used.

use crate::plan::ConnectionUse;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, RawConnection};
use crate::units::{Count, Time};

pub(super) fn connection(field: &Field<RawConnection>, errors: &mut Errors) -> ConnectionUse {
    let Some(raw) = field.value() else { return ConnectionUse::default() };
    if let Some(given) = raw.max_requests.given().filter(|given| given.value == Count(0)) {
        errors
            .add(given.at, "a connection is used for at least one request")
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
