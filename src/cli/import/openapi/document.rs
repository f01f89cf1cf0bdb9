//! An OpenAPI document, and its references.

use crate::cli::import::error::{ImportError, ImportPlace};
use crate::cli::import::marks::unmarked;
use serde_json::Value;

/// A document.
pub(super) struct OpenApiDocument {
    pub root: Value,
}

/// References lead on no further than this.
const LONGEST_CHAIN: usize = 32;

const BUNDLE: &str = "put all files of the document into one: `npx @redocly/cli bundle openapi.yaml -o bundled.yaml`";
const VERSION: &str = "write `openapi: 3.1.0` into the first line; `npx swagger2openapi swagger.json -o openapi.json` converts a document of Swagger 2.0";

impl OpenApiDocument {
    /// Reads JSON, or YAML.
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        let text = text.trim_start_matches('\u{feff}');
        let root: Value = if text.trim_start().starts_with('{') {
            let help = "correct the JSON, or save the document as YAML";
            serde_json::from_str(text).map_err(|error| ImportError::of_json(&error, help))?
        } else {
            yaml(text)?
        };
        let root = without_marks(root);
        match root.get("openapi") {
            Some(Value::String(version)) if version.starts_with("3.") => Ok(Self { root }),
            Some(version) => {
                let message = format!("expected OpenAPI 3.0 or 3.1, found {version}");
                Err(ImportError::at("/openapi", message, VERSION))
            }
            None if root.get("swagger").is_some() => {
                let message = "expected OpenAPI 3.0 or 3.1, found Swagger 2.0";
                Err(ImportError::at("/swagger", message, VERSION))
            }
            None => {
                let message = "expected an OpenAPI document with the key `openapi`, found none";
                Err(ImportError::at("/openapi", message, VERSION))
            }
        }
    }

    /// The value itself, or what it refers to.
    pub(super) fn resolved<'a>(
        &'a self,
        value: &'a Value,
        pointer: &str,
    ) -> Result<&'a Value, ImportError> {
        let mut value = value;
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            let at = format!("{pointer}/$ref");
            let Some(inside) = reference.strip_prefix('#') else {
                let message = format!("the reference `{reference}` leads out of this file");
                return Err(ImportError::at(&at, message, BUNDLE));
            };
            let inside = percent_encoding::percent_decode_str(inside).decode_utf8_lossy();
            value = self.root.pointer(&inside).ok_or_else(|| {
                let message = format!("the reference `{reference}` leads nowhere");
                let help = "correct the reference, or add what it refers to";
                ImportError::at(&at, message, help)
            })?;
        }
        let help = "let it refer to an object that is no reference";
        let message = "this reference leads to references without an end";
        Err(ImportError::at(&format!("{pointer}/$ref"), message, help))
    }
}

/// The document without marks of its own; its depth is limited by whoever read it.
fn without_marks(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(unmarked(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(without_marks).collect()),
        Value::Object(pairs) => Value::Object(
            pairs.into_iter().map(|(key, value)| (unmarked(&key), without_marks(value))).collect(),
        ),
        other => other,
    }
}

/// A key as a part of a JSON Pointer (RFC 6901).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn yaml(text: &str) -> Result<Value, ImportError> {
    serde_yaml_ng::from_str(text).map_err(|error| {
        let place = error.location().map_or(ImportPlace::Whole, |location| {
            ImportPlace::LineColumn(location.line(), location.column())
        });
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let help = "correct the YAML: indent by spaces, put texts with `: ` or `#` between quotes";
        ImportError::new(place, format!("expected YAML: {message}"), help)
    })
}
