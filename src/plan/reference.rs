//! Lists every key of a plan, by the table that it belongs to, from the JSON Schema of plans.

use crate::plan::Plan;
use serde_json::Value;
use std::collections::BTreeSet;

/// A table of the plan and its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySection {
    /// Where it stands: `scenarios.NAME.stages`; empty for the plan itself.
    pub place: String,
    /// What it is, on one line.
    pub about: String,
    /// Its keys.
    pub keys: Vec<KeyRow>,
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// `ramp`.
    pub name: String,
    /// What it takes, in a few words with examples.
    pub value: String,
    /// What it does, on one line.
    pub meaning: String,
    /// Whether the table needs it.
    pub is_required: bool,
}

impl KeySection {
    /// A key's dotted path from the top of the plan.
    pub fn path(&self, key: &KeyRow) -> String {
        below(&self.place, &key.name)
    }
}

impl Plan {
    /// Every table of a plan, with its keys.
    pub fn keys() -> Vec<KeySection> {
        let schema = Self::schema();
        let mut keys = Walk { seen: BTreeSet::new(), sections: Vec::new(), schema: &schema };
        keys.section("", &schema);
        keys.sections
    }
}

fn below(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

/// A text on one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Walk<'a> {
    schema: &'a Value,
    /// Names of definitions that have a section.
    seen: BTreeSet<String>,
    sections: Vec<KeySection>,
}

impl<'a> Walk<'a> {
    /// The name of the definition that a schema refers to.
    fn name(schema: &Value) -> Option<&str> {
        let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref"))?;
        Some(reference.as_str()?.trim_start_matches("#/definitions/"))
    }

    fn definition(&self, schema: &'a Value) -> &'a Value {
        Self::name(schema).map_or(schema, |name| &self.schema["definitions"][name])
    }

    /// Adds the section of a table and then those of the tables below it.
    fn section(&mut self, place: &str, definition: &'a Value) {
        let named = definition["required"].as_array().into_iter().flatten();
        let required: Vec<&str> = named.filter_map(Value::as_str).collect();
        let Some(keys) = definition["properties"].as_object() else { return };
        let rows = keys.iter().map(|(key, schema)| KeyRow {
            name: key.clone(),
            value: self.value(schema),
            meaning: self.meaning(schema),
            is_required: required.contains(&key.as_str()),
        });
        let about = line(definition["description"].as_str().unwrap_or_default());
        let section = KeySection { place: place.to_owned(), about, keys: rows.collect() };
        self.sections.push(section);
        for (key, schema) in keys {
            self.descend(&below(place, key), schema);
        }
    }

    fn descend(&mut self, place: &str, schema: &'a Value) {
        let definition = self.definition(schema);
        if definition["properties"].is_object() {
            let name = Self::name(schema).unwrap_or(place).to_owned();
            if self.seen.insert(name) {
                self.section(place, definition);
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
    fn value(&self, schema: &'a Value) -> String {
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
            let value = self.value(&definition["additionalProperties"]);
            return format!("a table of names: {value}");
        }
        if definition["items"].is_object() {
            return format!("a list: {}", self.value(&definition["items"]));
        }
        match definition["type"].as_str() {
            Some("boolean") => "`true`, `false`",
            Some("integer") => "a whole number",
            Some("number") => "a number",
            Some("string") => "text",
            _ => "any value",
        }
        .to_owned()
    }

    /// The meaning of a key, and of each word that it permits.
    fn meaning(&self, schema: &'a Value) -> String {
        let own = schema["description"].as_str().unwrap_or_default();
        let definition = self.definition(schema);
        let words = definition["oneOf"].as_array().into_iter().flatten().filter_map(|word| {
            let name = format!("`{}`", word["const"].as_str()?);
            let before_default = own.split("Default:").next()?;
            (!before_default.contains(&name))
                .then_some(format!("{name}: {}", word["description"].as_str()?))
        });
        let all = std::iter::once(own.to_owned()).chain(words).collect::<Vec<_>>().join(" ");
        line(&all)
    }
}
