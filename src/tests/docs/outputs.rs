//! `docs/outputs.md`: columns and keys of the files that runs write, from the schemas that
//! `planrun schema` prints.

use super::document::{NOTE, heading, holds, line, row};
use crate::cli::SchemaFormat;
use clap::ValueEnum;
use serde_json::Value;
use std::fmt::Write as _;

/// What a file is called in a result folder.
fn file(format: SchemaFormat, name: &str) -> String {
    match format {
        SchemaFormat::Search => "TIME-search.json".to_owned(),
        SchemaFormat::Progress => "--progress json".to_owned(),
        SchemaFormat::Verify | SchemaFormat::Compare | SchemaFormat::Doctor => {
            format!("{name} --json")
        }
        _ if format.file_name().contains(".table-schema.") => format!("{name}.csv"),
        _ => format!("{name}.json"),
    }
}

fn text(value: &Value, key: &str) -> String {
    line(value[key].as_str().unwrap_or_default()).replace('|', "\\|")
}

/// What a key means: its own words, or those of what it holds.
fn meaning(whole: &Value, schema: &Value) -> String {
    let own = text(schema, "description");
    let holds = ["/$ref", "/items/$ref", "/anyOf/0/$ref", "/additionalProperties/$ref"];
    let mut named = holds.iter().filter_map(|place| schema.pointer(place)?.as_str());
    let mut of_type = || whole.pointer(named.next()?.strip_prefix('#')?);
    if own.is_empty() { of_type().map_or(own, |it| text(it, "description")) } else { own }
}

/// What a key holds, in a word.
fn kind(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" or ")
        }
        _ if schema.get("const").is_some() => "string".to_owned(),
        _ => "object".to_owned(),
    }
}

fn document() -> String {
    let mut out = format!(
        "# Output files\n\n{NOTE}\n\
         Columns and keys of what a run writes; [Results](results.md) says what each file is for. \
         `planrun schema report` and so on print whole schemas; keys below the first level are in them. Times \
         in JSON end in `_ns` and are nanoseconds, times in CSV end in `_ms` and are milliseconds.\n"
    );
    for format in SchemaFormat::value_variants().iter().copied() {
        if format == SchemaFormat::Plan {
            continue;
        }
        let name = format.to_possible_value().expect("no format is hidden");
        let schema: Value = serde_json::from_str(&format.text()).unwrap();
        let about = line(schema["description"].as_str().unwrap_or_default());
        writeln!(out, "\n## `{}`\n\n{about}\n", file(format, name.get_name())).unwrap();
        if let Some(fields) = schema["fields"].as_array() {
            heading(&mut out, &["column", "type", "meaning"]);
            for field in fields {
                let name = format!("`{}`", text(field, "name"));
                row(&mut out, &[name, text(field, "type"), text(field, "description")]);
            }
            continue;
        }
        heading(&mut out, &["key", "type", "meaning"]);
        for (key, about) in schema["properties"].as_object().into_iter().flatten() {
            row(&mut out, &[format!("`{key}`"), kind(about), meaning(&schema, about)]);
        }
        let events = schema["oneOf"].as_array().into_iter().flatten();
        for event in events {
            let name = event["properties"]["event"]["const"].as_str().unwrap_or_default();
            let name = format!("`event`: `{name}`");
            row(&mut out, &[name, "object".to_owned(), text(event, "description")]);
        }
    }
    out
}

#[test]
fn the_document_of_outputs_is_that_of_their_schemas() {
    let document = document();
    assert!(document.matches("\n| `").count() > 150);
    holds("docs/outputs.md", |_| document);
}
