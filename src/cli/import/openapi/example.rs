//! Makes a value that a schema takes: its example, or one of its type.

use super::document::OpenApiDocument;
use crate::cli::import::marks::{mark, unmarked};
use serde_json::{Map, Value};

/// Schemas deeper than this end in nothing.
const DEEPEST: usize = 12;

/// Texts of formats that a server may check.
const FORMATS: &[(&str, &str)] = &[
    ("byte", "aGVsbG8="),
    ("date", "2026-01-31"),
    ("date-time", "2026-01-31T12:00:00Z"),
    ("duration", "PT1M"),
    ("email", "user@example.com"),
    ("hostname", "host.example"),
    ("ipv4", "192.0.2.1"),
    ("ipv6", "2001:db8::1"),
    ("password", "password"),
    ("time", "12:00:00Z"),
    ("uri", "https://host.example/"),
    ("uri-reference", "/"),
    ("url", "https://host.example/"),
];

/// A UUID for rows, which have no placeholders.
const UUID: &str = "7d9e4b4e-6c1f-4d5e-9c41-2f1f2d7f3a10";

/// A value that a schema takes; with placeholders, a UUID is a new one for each request.
pub(super) fn value(document: &OpenApiDocument, schema: &Value, placeholders: bool) -> Value {
    of(document, schema, placeholders, &[])
}

/// The example beside a schema, of a parameter or a media type.
pub(super) fn beside(document: &OpenApiDocument, holder: &Value) -> Option<Value> {
    let first = || holder.get("examples")?.as_object()?.values().next();
    let named = first().and_then(|one| document.resolved(one, "").ok()?.get("value"));
    holder.get("example").or(named).cloned()
}

/// The schemas that a value is within are known: one that contains itself ends there.
fn of(document: &OpenApiDocument, schema: &Value, placeholders: bool, within: &[&Value]) -> Value {
    let Ok(schema) = document.resolved(schema, "") else { return Value::Null };
    if within.len() > DEEPEST || within.iter().any(|one| std::ptr::eq(*one, schema)) {
        return Value::Null;
    }
    let within = [within, &[schema]].concat();
    let listed = || schema.get("examples")?.as_array()?.first();
    let given = ["example", "default", "const"].iter().find_map(|key| schema.get(*key));
    if let Some(given) = given.or_else(listed).or_else(|| schema.get("enum")?.as_array()?.first()) {
        return given.clone();
    }
    let inner = |schema: &Value| of(document, schema, placeholders, &within);
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        let values: Vec<Value> = parts.iter().map(inner).collect();
        // The usual way to describe a property of another type: `allOf` with that type alone.
        let other = values.iter().find(|value| !value.is_null() && !value.is_object());
        if let Some(other) = other.filter(|_| !values.iter().any(Value::is_object)) {
            return other.clone();
        }
        let mut all = Map::new();
        for part in values.into_iter().chain([object(schema, &inner)]) {
            if let Value::Object(part) = part {
                all.extend(part);
            }
        }
        return Value::Object(all);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(first) = schema.get(choice).and_then(|all| all.as_array()?.first()) {
            return inner(first);
        }
    }
    match kind(schema) {
        "object" => object(schema, &inner),
        "array" => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 100);
            let item = schema.get("items").map_or(Value::Null, inner);
            let many = if item.is_null() { 0 } else { least };
            Value::Array((0..many).map(|_| item.clone()).collect())
        }
        "integer" | "number" => number(schema),
        "boolean" => Value::Bool(true),
        "null" => Value::Null,
        _ => text(schema, placeholders),
    }
}

/// The type; of several the first that is not null.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|one| *one != "null");
            kinds.next().unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

/// Every property that a client may send.
fn object(schema: &Value, inner: &dyn Fn(&Value) -> Value) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let sent = properties
        .into_iter()
        .flatten()
        .filter(|(_, property)| property.get("readOnly") != Some(&Value::Bool(true)));
    let pairs = sent.map(|(name, property)| (name.clone(), inner(property)));
    Value::Object(pairs.filter(|(_, value)| !value.is_null()).collect())
}

fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least + 1.0));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most - 1.0));
    let most = most.unwrap_or(1.0).min(1.0);
    let wanted = least.map_or(most, |least| least.max(most));
    let text = format!("{wanted}");
    text.parse::<i64>().map_or_else(|_| Value::from(wanted), Value::from)
}

fn text(schema: &Value, placeholders: bool) -> Value {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    if format == "uuid" {
        return Value::String(if placeholders { mark("uuid") } else { UUID.to_owned() });
    }
    let known = FORMATS.iter().find(|(name, _)| *name == format);
    let mut text = known.map_or("text", |(_, text)| text).to_owned();
    let length = |key: &str| schema.get(key).and_then(Value::as_u64);
    if known.is_none() {
        let least = usize::try_from(length("minLength").unwrap_or(0)).unwrap_or(0).min(10_000);
        while text.len() < least {
            text.push('x');
        }
        if let Some(most) = length("maxLength") {
            text.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
    }
    Value::String(text)
}

/// A value as a parameter of a path or a query has it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => unmarked(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => unmarked(&other.to_string()),
    }
}
