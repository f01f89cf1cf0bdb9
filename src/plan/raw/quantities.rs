//! The values of keys that are quantities, with a hint for each usual slip.

use super::{Read, wrong_type};
use crate::plan::error::Errors;
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::units::{Count, Rate, Ratio, Time, UnitError};
use schemars::{Schema, json_schema};

/// Reads a quantity that is written as a string.
fn quantity<T: std::str::FromStr<Err = UnitError>>(
    text: &Text,
    node: &Node,
    noun: &str,
    errors: &mut Errors,
) -> Option<T> {
    match text.value.parse() {
        Ok(quantity) => Some(quantity),
        Err(UnitError { message, help }) => {
            if text.is_secret() {
                errors.add(node.at, format!("`{}` does not hold {noun}", text.shown));
            } else {
                let error = errors.add(node.at, message);
                error.help = help;
            }
            None
        }
    }
}

/// The schema of a quantity: strings like `examples`, and plain numbers where there are such.
fn quantity_schema(description: &str, number: Option<&str>, examples: &[&str]) -> Schema {
    match number {
        Some(number) => json_schema!({
            "description": description,
            "examples": examples,
            "anyOf": [{ "type": "string" }, { "type": number, "minimum": 0 }],
        }),
        None => {
            json_schema!({ "description": description, "examples": examples, "type": "string" })
        }
    }
}

/// Defines the schema of a value that is not a table.
macro_rules! leaf_schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}

pub(in crate::plan) use leaf_schema;

impl Read for Count {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) => quantity(text, node, "a count", errors),
            Value::Integer(Some(number)) if *number < 0 => {
                errors.add(node.at, "a count cannot be negative");
                None
            }
            Value::Integer(number) => {
                let count = number.and_then(|number| u64::try_from(number).ok()).map(Count);
                if count.is_none() {
                    errors.add(node.at, "this number is too large");
                }
                count
            }
            _ => {
                wrong_type(node, "a count", errors)
                    .help("a count is a whole number, or a string such as `\"10k\"` or `\"1M\"`");
                None
            }
        }
    }
}

impl Read for Rate {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) => quantity(text, node, "a rate", errors),
            Value::Integer(Some(number)) if *number >= 0 => {
                errors
                    .add(node.at, "a rate needs its unit of time")
                    .help(format!("write `\"{number}/s\"`"));
                None
            }
            _ => {
                wrong_type(node, "a rate", errors)
                    .help("a rate is a string, a number by a time: `\"2000/s\"`, `\"600/m\"`");
                None
            }
        }
    }
}

impl Read for Time {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) => quantity(text, node, "a time", errors),
            Value::Integer(Some(0)) => Some(Self::default()),
            Value::Integer(Some(number)) if *number > 0 => {
                errors
                    .add(node.at, "a time needs its unit")
                    .help(format!("write `\"{number}s\"` or `\"{number}ms\"`"));
                None
            }
            Value::Float(number) if number.chars().all(|c| c.is_ascii_digit() || c == '.') => {
                errors
                    .add(node.at, "a time needs its unit")
                    .help(format!("write `\"{number}s\"` or `\"{number}ms\"`"));
                None
            }
            _ => {
                wrong_type(node, "a time", errors).help(
                    "a time is a string, a number with its unit: `\"500ms\"`, `\"10s\"`, `\"1m30s\"`",
                );
                None
            }
        }
    }
}

impl Read for Ratio {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let written = match &node.value {
            Value::Text(text) => return quantity(text, node, "a ratio", errors),
            Value::Integer(Some(number)) => number.to_string(),
            Value::Float(number) => number.clone(),
            _ => {
                wrong_type(node, "a ratio", errors)
                    .help("a ratio is a string such as `\"1%\"`, or a number from 0 to 1");
                return None;
            }
        };
        let text = Text { shown: written.clone(), value: written, ..Text::default() };
        quantity(&text, node, "a ratio", errors)
    }
}

leaf_schema!(Count, "Count", quantity_schema("A whole number.", Some("integer"), &["10k", "1M"]));
leaf_schema!(Rate, "Rate", quantity_schema("A number per time.", None, &["2000/s", "600/m"]));
leaf_schema!(Time, "Time", quantity_schema("A length of time.", None, &["500ms", "10s", "1m30s"]));
leaf_schema!(
    Ratio,
    "Ratio",
    quantity_schema("A part of a whole.", Some("number"), &["1%", "99.9%"])
);

/// A time, or two with `..` between them.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct TimeRange {
    pub min: Time,
    pub max: Time,
}

impl Read for TimeRange {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let ends = match &node.value {
            Value::Text(text) => text.value.split_once(".."),
            _ => None,
        };
        let Some((first, last)) = ends else {
            return Time::read(node, errors).map(|time| Self { min: time, max: time });
        };
        let Value::Text(text) = &node.value else { return None };
        let mut end = |end: &str| {
            let shown = if text.is_secret() { &text.shown } else { end };
            let text = Text { shown: shown.to_owned(), value: end.to_owned(), ..Text::default() };
            quantity(&text, node, "a time", errors)
        };
        let (min, max): (Time, Time) = (end(first)?, end(last)?);
        if min > max {
            errors
                .add(node.at, "this range is reversed")
                .help("write the shorter time first: `\"100ms..1s\"`");
            return None;
        }
        Some(Self { min, max })
    }
}

leaf_schema!(
    TimeRange,
    "ThinkTime",
    quantity_schema("One time, or the shortest and the longest.", None, &["100ms..1s", "500ms"])
);

/// The status of an answer: 200 to 599, since informational ones end no request.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct Status(pub u16);

impl Read for Status {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let number = match &node.value {
            Value::Text(text) => text.value.parse().ok(),
            Value::Integer(number) => number.and_then(|number| u16::try_from(number).ok()),
            _ => None,
        };
        let status = number.filter(|status| (200..600).contains(status)).map(Self);
        if status.is_none() {
            errors
                .add(node.at, "expected an HTTP status from 200 to 599")
                .help("write a status such as `200`");
        }
        status
    }
}

leaf_schema!(Status, "Status", json_schema!({ "type": "integer", "minimum": 200, "maximum": 599 }));
