//! What an HTTP user does.

use super::auth::authorize;
use super::connection::connection;
use super::request::requests;
use super::{count, time, time_within};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, FullWord, RawScenario};
use crate::plan::tree::Text;
use crate::plan::{Http, Level, OnFull, Stage, ThinkTime, most_in_flight};
use crate::units::Time;
use std::time::Duration;

const TIMEOUT: Time = Time(Duration::from_secs(30));
const CONNECT_TIMEOUT: Time = Time(Duration::from_secs(10));

/// Without a word of the plan, so many requests may be under way at most: about what one process can have files open.
const MOST_IN_FLIGHT: u64 = 20_000;

pub(super) fn http(raw: &RawScenario, stages: &[Stage], errors: &mut Errors) -> Http {
    let timeout = time(&raw.timeout, "timeout", TIMEOUT, errors);
    let limit = (timeout, "timeout");
    let connect = CONNECT_TIMEOUT.min(timeout);
    version(&raw.version, errors);
    let open = stages.iter().any(|stage| matches!(stage.level, Level::Rate { .. }));
    let closed = stages.iter().any(|stage| matches!(stage.level, Level::Users { .. }));
    if let Some(at) = raw.think_time.key().filter(|_| open && !closed) {
        errors.add(at, "`think_time` has no meaning where every stage has a `rate`").help(
            "the rate sets the pace: leave `think_time` out, or write `users` in place of `rate`",
        );
    }
    if let Some(at) = raw.max_in_flight.key().filter(|_| closed && !open) {
        errors
            .add(at, "`max_in_flight` has no meaning where no stage has a `rate`")
            .help("each user has one request under way: leave `max_in_flight` out");
    }
    if let Some(at) = raw.on_full.key().filter(|_| closed && !open) {
        errors
            .add(at, "`on_full` has no meaning where no stage has a `rate`")
            .help("users wait for their answers, and nothing is dropped: leave `on_full` out");
    }
    let think_time = raw.think_time.value();
    let mut requests = requests(&raw.requests, errors);
    authorize(&raw.auth, &mut requests, errors);
    Http {
        requests,
        think_time: think_time
            .map_or_else(ThinkTime::default, |span| ThinkTime { min: span.min, max: span.max }),
        timeout,
        connect_timeout: time_within(
            &raw.connect_timeout,
            "connect_timeout",
            connect,
            limit,
            errors,
        ),
        first_byte_timeout: time_within(
            &raw.first_byte_timeout,
            "first_byte_timeout",
            timeout,
            limit,
            errors,
        ),
        max_in_flight: count(&raw.max_in_flight, "max_in_flight", errors)
            .unwrap_or_else(|| in_flight(stages, timeout)),
        on_full: match raw.on_full.value() {
            Some(FullWord::Fail) => OnFull::Fail,
            Some(FullWord::Invalid) | None => OnFull::Invalid,
        },
        connection: connection(&raw.connection, errors),
    }
}

fn version(field: &Field<Text>, errors: &mut Errors) {
    let Some(given) = field.given() else { return };
    match given.value.value.as_str() {
        "1.1" => {}
        "2" | "2.0" => {
            errors
                .add(given.at, "HTTP/2 is not supported by this version of planrun")
                .help("leave `version` out: HTTP/1.1 is spoken");
        }
        _ => {
            errors
                .add(
                    given.at,
                    format!("`{}` is no version of HTTP that planrun speaks", given.value.shown),
                )
                .help("write `\"1.1\"`");
        }
    }
}

/// As many as can be under way, at least 1, at most 20,000.
fn in_flight(stages: &[Stage], timeout: Time) -> u64 {
    most_in_flight(stages, timeout).clamp(1, MOST_IN_FLIGHT)
}
