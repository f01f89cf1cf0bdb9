//! How much of an answer is taken.

use super::count;
use crate::plan::AnswerLimits;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, RawAnswerLimits};
use crate::units::Count;

pub(in crate::plan) fn limits(field: &Field<RawAnswerLimits>, errors: &mut Errors) -> AnswerLimits {
    let (default, most) = (AnswerLimits::default(), AnswerLimits::MOST);
    let Some(raw) = field.value() else { return default };
    let mut one = |field: &Field<Count>, name: &str, default: u64, most: u64| {
        let Some(limit) = count(field, name, errors) else { return default };
        if let Some(given) = field.given().filter(|_| limit > most) {
            errors
                .add(given.at, format!("`{name}` is at most {most}"))
                .help(format!("write `{name} = {most}`, or leave it out for {default}"));
        }
        limit.min(most)
    };
    let small = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
    AnswerLimits {
        head: small(one(&raw.head, "head", default.head.into(), most.head.into())),
        headers: small(one(&raw.headers, "headers", default.headers.into(), most.headers.into())),
        value: one(&raw.value, "value", default.value, most.value),
        body: one(&raw.body, "body", default.body, most.body),
        decoded: one(&raw.decoded, "decoded", default.decoded, most.decoded),
        cookies: small(one(&raw.cookies, "cookies", default.cookies.into(), most.cookies.into())),
        cookie: small(one(&raw.cookie, "cookie", default.cookie.into(), most.cookie.into())),
    }
}
