//! `docs/plan-keys.md`: every key of a plan, from the JSON Schema that `planrun schema` prints.
//! `UPDATE=1 cargo test --lib tests::docs` writes it again: read the difference.

use super::document::{NOTE, heading, holds, line, row};
use crate::plan::Plan;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A table of the plan: where it is in a plan, and its definition.
struct Section {
    place: String,
    definition: Value,
}

struct Keys {
    schema: Value,
    /// Names of definitions that have a section.
    seen: BTreeSet<String>,
    sections: Vec<Section>,
}

impl Keys {
    /// The name of the definition that a schema refers to.
    fn name(schema: &Value) -> Option<String> {
        let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref"))?;
        Some(reference.as_str()?.trim_start_matches("#/definitions/").to_owned())
    }

    fn definition(&self, schema: &Value) -> Value {
        Self::name(schema)
            .map_or_else(|| schema.clone(), |name| self.schema["definitions"][&name].clone())
    }

    /// Adds the section of a table and then those of the tables below it.
    fn section(&mut self, place: &str, definition: &Value) {
        self.sections.push(Section { place: place.to_owned(), definition: definition.clone() });
        let keys = definition["properties"].as_object().expect("a table").clone();
        for (key, schema) in keys {
            let below = if place.is_empty() { key } else { format!("{place}.{key}") };
            self.descend(&below, &schema);
        }
    }

    fn descend(&mut self, place: &str, schema: &Value) {
        let definition = self.definition(schema);
        if definition["properties"].is_object() {
            let name = Self::name(schema).unwrap_or_else(|| place.to_owned());
            if self.seen.insert(name) {
                self.section(place, &definition);
            }
        }
        if definition["additionalProperties"].is_object() {
            self.descend(&format!("{place}.NAME"), &definition["additionalProperties"]);
        }
        if definition["items"].is_object() {
            self.descend(place, &definition["items"]);
        }
        for one in definition["anyOf"].as_array().into_iter().flatten() {
            self.descend(place, one);
        }
    }

    /// The permitted values of a key, in a few words.
    fn value(&self, schema: &Value) -> String {
        let definition = self.definition(schema);
        if let Some(words) = definition["oneOf"].as_array() {
            let words = words.iter().map(|word| format!("`{}`", word["const"]));
            return words.collect::<Vec<_>>().join(", ");
        }
        if let Some(examples) = definition["examples"].as_array() {
            let about = definition["description"].as_str().unwrap_or_default();
            let kind = line(about).trim_end_matches('.').to_lowercase();
            let examples = examples.iter().map(|example| format!("`{example}`"));
            return format!("{kind}: {}", examples.collect::<Vec<_>>().join(", "));
        }
        if let Some(forms) = definition["anyOf"].as_array() {
            let forms: Vec<String> = forms.iter().map(|one| self.value(one)).collect();
            return forms.join(", or ");
        }
        if definition["properties"].is_object() {
            return "a table".to_owned();
        }
        if definition["additionalProperties"].is_object() {
            return format!(
                "a table of names: {}",
                self.value(&definition["additionalProperties"])
            );
        }
        if definition["items"].is_object() {
            return format!("a list: {}", self.value(&definition["items"]));
        }
        match definition["type"].as_str() {
            Some("boolean") => "`true`, `false`".to_owned(),
            Some("integer") => "a whole number".to_owned(),
            Some("number") => "a number".to_owned(),
            Some("string") => "text".to_owned(),
            _ => "any value".to_owned(),
        }
    }

    /// The meaning of a key, and of each word that it permits.
    fn meaning(&self, schema: &Value) -> String {
        let own = schema["description"].as_str().unwrap_or_default();
        let definition = self.definition(schema);
        let words = definition["oneOf"].as_array().into_iter().flatten().filter_map(|word| {
            let name = format!("`{}`", word["const"].as_str()?);
            let before_default = own.split("Default:").next()?;
            (!before_default.contains(&name))
                .then_some(format!("{name}: {}", word["description"].as_str()?))
        });
        let all = std::iter::once(own.to_owned()).chain(words).collect::<Vec<_>>().join(" ");
        line(&all).replace('|', "\\|")
    }
}

fn document() -> String {
    let schema = Plan::schema();
    let mut keys = Keys { schema: schema.clone(), seen: BTreeSet::new(), sections: Vec::new() };
    keys.section("", &schema);
    let mut out = format!(
        "# Plan keys\n\n{NOTE}\n\
         Every key of a plan file, by the table that it belongs to. `NAME` is a name of your own. \
         Keys in bold are required. `planrun schema` prints the same as a JSON Schema for \
         editors.\n"
    );
    for Section { place, definition } in &keys.sections {
        let title = if place.is_empty() { "The plan".to_owned() } else { format!("`{place}`") };
        let about = line(definition["description"].as_str().unwrap_or_default());
        writeln!(out, "\n## {title}\n\n{about}\n").unwrap();
        heading(&mut out, &["key", "value", "meaning"]);
        let required: Vec<&str> = definition["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (key, schema) in definition["properties"].as_object().expect("a table") {
            let name = if required.contains(&key.as_str()) {
                format!("**`{key}`**")
            } else {
                format!("`{key}`")
            };
            row(&mut out, &[name, keys.value(schema), keys.meaning(schema)]);
        }
    }
    out
}

#[test]
fn the_document_of_plan_keys_is_that_of_the_schema() {
    let document = document();
    let keys = document.matches("\n| `").count() + document.matches("\n| **`").count();
    assert!(keys > 100, "{keys} keys");
    holds("docs/plan-keys.md", |_| document);
}
