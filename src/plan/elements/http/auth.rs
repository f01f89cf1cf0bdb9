//! Who asks, as a header of every request.

use crate::plan::elements::http::template::{Known, template};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Fillable, table};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::{Encoding, Placeholder, Request, Template};
use ::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

table! {
    /// Who asks: one of the two.
    #[schemars(rename = "Auth")]
    RawAuth, "`auth`",
    must {}
    may {
        /// A name and a password: `name:password`.
        basic: Text,
        /// A token.
        bearer: Fillable,
    }
}

const HEADER: &str = "authorization";
const BASIC: &str = "name or the password";

/// Adds the header to the requests that have none.
pub(in crate::plan) fn authorize(
    field: &Field<RawAuth>,
    requests: &mut [Request],
    (rows, steps): (bool, bool),
    errors: &mut Errors,
) {
    let Some(given) = field.given() else { return };
    let raw = &given.value;
    let value = match (raw.basic.given(), raw.bearer.given()) {
        (Some(basic), None) => {
            if !basic.value.value.is_empty() && !basic.value.value.contains(':') {
                errors
                    .add(basic.at, "a name and a password have a `:` between them")
                    .help("write `basic = \"name:password\"`, or `\"${env.CREDENTIALS}\"`");
            }
            check_secret(&basic.value, BASIC, basic.at, errors);
            Template::from(format!("Basic {}", BASE64_STANDARD.encode(&basic.value.value)).as_str())
        }
        (None, Some(bearer)) => {
            let Fillable(text) = &bearer.value;
            check_secret(text, "token", bearer.at, errors);
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
            Placeholder::Row(_) => true,
            Placeholder::Var(name) => extracted.contains(name),
        });
        extracted.extend(request.extract.iter().map(|one| one.name.clone()));
        if there && request.headers.iter().all(|(name, _)| name != HEADER) {
            request.headers.push((HEADER.to_owned(), value.clone()));
        }
    }
}

/// Says what a header cannot carry, or what is missing: the variables of the environment are named, and no value is shown.
pub(in crate::plan) fn check_secret(text: &Text, what: &str, at: Span, errors: &mut Errors) {
    // What is wrong with the environment itself has been said.
    if text.broken {
        return;
    }
    let half_empty = || what == BASIC && has_empty_half(text);
    let empty = text.value.is_empty() || takes_nothing(text) || half_empty();
    let broken = text.value.chars().any(|c| matches!(c, '\r' | '\n'));
    let wrong = if empty {
        "is empty"
    } else if broken {
        "has a line break"
    } else if HeaderValue::from_str(&text.value).is_err() {
        "has a character that no header carries"
    } else {
        return;
    };
    let from = text.shown.split("${env.").skip(1).filter_map(|rest| rest.split('}').next());
    let from: Vec<String> = from.map(|name| format!("`{name}`")).collect();
    let (from, help) = if from.is_empty() {
        (
            String::new(),
            "write one line of text: `\"${env.NAME}\"` takes it from the environment".to_owned(),
        )
    } else {
        (
            format!(" (from the environment: {})", from.join(", ")),
            format!("set {} to one line of text, without a line break at its end", from.join(", ")),
        )
    };
    errors.add(at, format!("the {what} {wrong}{from}")).help(help);
}

/// Whether the environment gives nothing for what is to come from it.
fn takes_nothing(text: &Text) -> bool {
    let mut pieces = text.shown.split("${env.");
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    let filled = pieces.filter_map(|piece| piece.split_once('}'));
    let count = filled.map(|(_, behind)| rest.push_str(behind)).count();
    count > 0 && rest == text.value
}

/// Whether a name or a password that is to come from the environment is empty; one that the plan leaves out is meant so.
fn has_empty_half(text: &Text) -> bool {
    let halves = |text: &str| {
        let (name, password) = text.split_once(':').unwrap_or((text, "-"));
        [name.is_empty(), password.is_empty()]
    };
    text.is_secret()
        && halves(&text.value).into_iter().zip(halves(&text.shown)).any(|(is, was)| is && !was)
}
