//! Who asks, as a header of every request.

use crate::plan::Request;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, RawAuth};
use ::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const HEADER: &str = "authorization";

/// Adds the header to the requests that have none.
pub(super) fn authorize(field: &Field<RawAuth>, requests: &mut [Request], errors: &mut Errors) {
    let Some(given) = field.given() else { return };
    let raw = &given.value;
    let value = match (raw.basic.given(), raw.bearer.given()) {
        (Some(basic), None) => {
            if !basic.value.value.contains(':') {
                errors
                    .add(basic.at, "a name and a password have a `:` between them")
                    .help("write `basic = \"name:password\"`, or `\"${env.CREDENTIALS}\"`");
            }
            format!("Basic {}", BASE64_STANDARD.encode(&basic.value.value))
        }
        (None, Some(bearer)) => {
            let value = format!("Bearer {}", bearer.value.value);
            if bearer.value.value.is_empty() || HeaderValue::from_str(&value).is_err() {
                errors
                    .add(bearer.at, "this is no token")
                    .help("a token is one word without line breaks: `bearer = \"${env.TOKEN}\"`");
            }
            value
        }
        (Some(_), Some(bearer)) => {
            errors
                .add(bearer.at, "who asks is either `basic` or `bearer`")
                .help("leave one of them out");
            return;
        }
        (None, None) => {
            if raw.basic.is_absent() && raw.bearer.is_absent() {
                errors.add(given.at, "nobody is named").help(
                    "write `auth = { basic = \"name:password\" }` or `{ bearer = \"token\" }`",
                );
            }
            return;
        }
    };
    for request in requests {
        if request.headers.iter().all(|(name, _)| name != HEADER) {
            request.headers.push((HEADER.to_owned(), value.clone()));
        }
    }
}
