//! The values that a response is compared with: statuses and their classes, texts, values of JSON,
//! headers, sizes.

use crate::plan::Comparison;
use crate::plan::error::Errors;
use crate::plan::raw::{Read, Status, leaf_schema, wrong_type};
use crate::plan::text::{PlaceholderAt, Text};
use crate::plan::tree::{Node, Value};
use crate::units::Count;
use schemars::json_schema;
use std::ops::RangeInclusive;

/// A status, or a class of them: `2xx`.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Statuses {
    pub range: RangeInclusive<u16>,
    /// As a check is named: `200`, `2xx`.
    pub words: String,
}

impl Read for Statuses {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        if let Value::Text(text) = &node.value
            && let Some(class) = text.value.to_ascii_lowercase().strip_suffix("xx")
        {
            let Some(class) = class.parse::<u16>().ok().filter(|class| (2..=5).contains(class))
            else {
                errors
                    .add(node.at, format!("`{}` is not a class of statuses", text.shown))
                    .help("write `\"2xx\"`, `\"3xx\"`, `\"4xx\"` or `\"5xx\"`");
                return None;
            };
            let range = class * 100..=class * 100 + 99;
            return Some(Self { range, words: format!("{class}xx") });
        }
        let Status(status) = Status::read(node, errors)?;
        Some(Self { range: status..=status, words: status.to_string() })
    }
}

leaf_schema!(
    Statuses,
    "Statuses",
    json_schema!({
        "description": "A status, or a class of them.",
        "anyOf": [
            { "type": "integer", "minimum": 200, "maximum": 599 },
            { "type": "string", "pattern": "^[2-5]([xX]{2}|[0-9]{2})$" },
        ],
    })
);

/// A text that a response is compared with, which may have parts that are filled in for each
/// request.
#[derive(Debug, Clone)]
pub(in crate::plan) struct ExpectedText(pub Text);

impl Read for ExpectedText {
    const FILLED: bool = true;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        Text::read(node, errors).map(Self)
    }
}

leaf_schema!(ExpectedText, "ExpectedText", json_schema!({ "type": "string" }));

/// The comparisons as they are written; of two that begin alike, the longer one first.
const SIGNS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// The comparison that a text begins with, and where its bound begins.
fn comparison(text: &str) -> Option<(Comparison, usize)> {
    let (sign, comparison) = SIGNS.iter().find(|(sign, _)| text.starts_with(sign))?;
    let rest = &text[sign.len()..];
    Some((*comparison, text.len() - rest.trim_start().len()))
}

/// The expectation of a place in JSON.
#[derive(Debug, Clone)]
pub(in crate::plan) enum ExpectedJson {
    /// This value, in JSON, with every digit that the plan has.
    Equals(Text),
    /// A number that compares like this with the bound; with the text that the plan has.
    Compares(Comparison, Text, String),
    /// That there is a value, or none.
    Exists(bool),
}

impl Read for ExpectedJson {
    const FILLED: bool = true;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) => match comparison(&text.value) {
                Some((comparison, from)) => bound(node, text, (comparison, from), errors),
                None => Some(Self::Equals(quoted(text))),
            },
            Value::Table(table) => match table.entries.as_slice() {
                [(key, one)] if key.name == "equals" => json(one, errors).map(Self::Equals),
                [(key, one)] if key.name == "exists" => exists(one, errors).map(Self::Exists),
                _ => json(node, errors).map(Self::Equals),
            },
            _ => json(node, errors).map(Self::Equals),
        }
    }
}

leaf_schema!(
    ExpectedJson,
    "ExpectedJson",
    json_schema!({
        "description": "A value, a comparison with a number, or whether there is a value.",
        "examples": [7, "open", ">= 3", { "exists": true }, { "equals": ">= 3" }],
    })
);

/// A comparison with a number, or with a value that is filled in.
fn bound(
    node: &Node,
    text: &Text,
    (comparison, from): (Comparison, usize),
    errors: &mut Errors,
) -> Option<ExpectedJson> {
    let value = text.value[from..].trim_end().to_owned();
    let fills = |blank: &PlaceholderAt| blank.range == (from..from + value.len());
    let is_filled = text.blanks.first().is_some_and(fills);
    if !is_filled && !is_number(&value) {
        errors.add(node.at, format!("expected a number behind `{comparison}`")).help(format!(
            "write a number: `\"{comparison} 3\"`; to compare with this text itself: `{{ equals = \"{}\" }}`",
            text.shown
        ));
        return None;
    }
    let blanks = text.blanks.iter().map(|one| PlaceholderAt {
        range: one.range.start - from..one.range.end - from,
        ..one.clone()
    });
    let bound = Text { blanks: blanks.collect(), shown: value.clone(), value, ..Text::default() };
    Some(ExpectedJson::Compares(comparison, bound, text.shown.trim().to_owned()))
}

/// Whether a text is a number as JSON writes it.
pub(in crate::plan) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn exists(node: &Node, errors: &mut Errors) -> Option<bool> {
    if let Value::Boolean(exists) = node.value {
        return Some(exists);
    }
    wrong_type(node, "a boolean", errors).help("write `{ exists = true }` or `{ exists = false }`");
    None
}

/// The JSON of a value that TOML can write, with placeholders in its strings.
fn json(node: &Node, errors: &mut Errors) -> Option<Text> {
    let plain = |value: String| Text { value, ..Text::default() };
    Some(match &node.value {
        Value::Text(text) if text.broken => return None,
        Value::Text(text) => quoted(text),
        Value::Boolean(boolean) => plain(boolean.to_string()),
        Value::Integer(Some(number)) => plain(number.to_string()),
        Value::Float(number) if number.parse::<f64>().is_ok_and(f64::is_finite) => {
            plain(number.trim_start_matches('+').to_owned())
        }
        Value::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| json(item, errors)).collect();
            joined("[", items?, "]")
        }
        Value::Table(table) => {
            let entries: Option<Vec<_>> = table
                .entries
                .iter()
                .map(|(key, node)| {
                    let mut entry = plain(format!("{}:", in_json(&key.name)));
                    append(&mut entry, json(node, errors)?);
                    Some(entry)
                })
                .collect();
            joined("{", entries?, "}")
        }
        Value::Integer(_) | Value::Float(_) | Value::Datetime => {
            wrong_type(node, "a value of JSON", errors)
                .help("write a string, a number, a boolean, a list or a table");
            return None;
        }
    })
}

/// A string of JSON.
fn in_json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as a string of JSON, its placeholders where they are.
fn quoted(text: &Text) -> Text {
    let inside = |fixed: &str| {
        let quoted = in_json(fixed);
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut json = Text { value: "\"".to_owned(), ..Text::default() };
    let mut from = 0;
    for blank in &text.blanks {
        json.value.push_str(&inside(&text.value[from..blank.range.start]));
        let start = json.value.len();
        json.value.push_str(&text.value[blank.range.clone()]);
        json.blanks.push(PlaceholderAt { range: start..json.value.len(), ..blank.clone() });
        from = blank.range.end;
    }
    json.value.push_str(&inside(&text.value[from..]));
    json.value.push('"');
    json
}

fn append(text: &mut Text, other: Text) {
    let offset = text.value.len();
    text.value.push_str(&other.value);
    text.blanks.extend(other.blanks.into_iter().map(|blank| PlaceholderAt {
        range: blank.range.start + offset..blank.range.end + offset,
        ..blank
    }));
}

fn joined(open: &str, items: Vec<Text>, close: &str) -> Text {
    let mut all = Text { value: open.to_owned(), ..Text::default() };
    for (at, item) in items.into_iter().enumerate() {
        all.value.push_str(if at > 0 { "," } else { "" });
        append(&mut all, item);
    }
    all.value.push_str(close);
    all
}

/// The expectation of a header.
#[derive(Debug, Clone)]
pub(in crate::plan) enum ExpectedHeader {
    /// This value.
    Equals(Text),
    /// That it is there, or not.
    Exists(bool),
}

impl Read for ExpectedHeader {
    const FILLED: bool = true;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        if let Value::Table(table) = &node.value
            && let [(key, one)] = table.entries.as_slice()
            && key.name == "exists"
        {
            return exists(one, errors).map(Self::Exists);
        }
        if let Value::Table(_) = &node.value {
            wrong_type(node, "a string", errors)
                .help("write the value, or `{ exists = true }` for any value");
            return None;
        }
        Text::read(node, errors).map(Self::Equals)
    }
}

leaf_schema!(
    ExpectedHeader,
    "ExpectedHeader",
    json_schema!({
        "description": "The value of a header, or whether there is one.",
        "examples": ["application/json", { "exists": true }],
        "anyOf": [
            { "type": "string" },
            { "type": "object", "required": ["exists"], "maxProperties": 1 },
        ],
    })
);

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct SizeBound {
    pub comparison: Comparison,
    pub bytes: u64,
}

impl Read for SizeBound {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            let Count(bytes) = Count::read(node, errors)?;
            return Some(Self { comparison: Comparison::Equal, bytes });
        };
        let written = text.value.trim();
        let (comparison, from) = comparison(written).unwrap_or((Comparison::Equal, 0));
        let Ok(Count(bytes)) = written[from..].parse() else {
            errors
                .add(node.at, "expected a body size")
                .help("write a number of bytes, or a bound: `512`, `\"<= 10k\"`");
            return None;
        };
        Some(Self { comparison, bytes })
    }
}

leaf_schema!(
    SizeBound,
    "SizeBound",
    json_schema!({
        "description": "A number of bytes, or a bound.",
        "examples": ["<= 10k", "> 0"],
        "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }],
    })
);
