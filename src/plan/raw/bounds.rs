//! Times and counts within their bounds.

use crate::plan::error::Errors;
use crate::plan::names;
use crate::plan::raw::At;
use crate::plan::raw::Field;
use crate::plan::text::Text;
use crate::units::{Count, Time};
use std::path::PathBuf;

/// A time that cannot be zero.
pub(in crate::plan) fn time(
    field: &Field<Time>,
    name: &str,
    default: Time,
    errors: &mut Errors,
) -> Time {
    let Some(given) = field.given() else { return default };
    if given.value == Time::default() {
        errors.add(given.at, format!("`{name}` cannot be zero"));
        return default;
    }
    given.value
}

/// A time that cannot be zero, and cannot be longer than another one.
pub(in crate::plan) fn time_within(
    field: &Field<Time>,
    name: &str,
    default: Time,
    (limit, limit_name): (Time, &str),
    errors: &mut Errors,
) -> Time {
    let value = time(field, name, default, errors);
    if let Some(given) = field.given()
        && value > limit
    {
        errors
            .add(given.at, format!("`{name}` is longer than `{limit_name}` ({limit})"))
            .help(format!("write at most `\"{limit}\"`, or a longer `{limit_name}`"));
    }
    value
}

/// A count that cannot be zero.
pub(in crate::plan) fn count(field: &Field<Count>, name: &str, errors: &mut Errors) -> Option<u64> {
    let given = field.given()?;
    if given.value.0 == 0 {
        errors.add(given.at, format!("`{name}` cannot be zero"));
        return None;
    }
    Some(given.value.0)
}

/// A path of a file, relative to the folder of the plan.
pub(in crate::plan) fn file_path(given: &At<Text>, example: &str, errors: &mut Errors) -> PathBuf {
    let path = names::public(given, errors).unwrap_or("-");
    if path.is_empty() || path.contains('\0') {
        errors
            .add(given.at, "this is not a file path")
            .help(format!("write for example `\"{example}\"`"));
    }
    PathBuf::from(path)
}
