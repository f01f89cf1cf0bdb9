//! Who asks, as a header of every request.

use super::template::{Known, template};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Fillable, RawAuth};
use crate::plan::{Encoding, Given, Request, Template};
use ::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const HEADER: &str = "authorization";

/// Adds the header to the requests that have none.
pub(super) fn authorize(
    field: &Field<RawAuth>,
    requests: &mut [Request],
    (rows, steps): (bool, bool),
    errors: &mut Errors,
) {
    let Some(given) = field.given() else { return };
    let raw = &given.value;
    let value = match (raw.basic.given(), raw.bearer.given()) {
        (Some(basic), None) => {
            if !basic.value.value.contains(':') {
                errors
                    .add(basic.at, "a name and a password have a `:` between them")
                    .help("write `basic = \"name:password\"`, or `\"${env.CREDENTIALS}\"`");
            }
            Template::from(format!("Basic {}", BASE64_STANDARD.encode(&basic.value.value)).as_str())
        }
        (None, Some(bearer)) => {
            let Fillable(text) = &bearer.value;
            if text.value.is_empty() || HeaderValue::from_str(&text.value).is_err() {
                errors
                    .add(bearer.at, "this is no token")
                    .help("a token is one word without line breaks: `bearer = \"${env.TOKEN}\"`");
            }
            // What no step extracts is nowhere; a request before the step that does goes without.
            let variables: Vec<String> = requests
                .iter()
                .flat_map(|one| one.extract.iter().map(|extract| extract.name.clone()))
                .collect();
            let known = Known { rows, steps, variables };
            let mut value = Template::from("Bearer ");
            value.append(template(text, Encoding::Plain, &known, errors));
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
    let mut extracted: Vec<String> = Vec::new();
    for request in requests {
        let there = value.givens().all(|(given, _)| match given {
            Given::Row(_) => true,
            Given::Var(name) => extracted.contains(name),
        });
        extracted.extend(request.extract.iter().map(|one| one.name.clone()));
        if there && request.headers.iter().all(|(name, _)| name != HEADER) {
            request.headers.push((HEADER.to_owned(), value.clone()));
        }
    }
}
