//! Values that are not quantities: strings, lists and tables with free names.

use crate::plan::error::Errors;
use crate::plan::foreign;
use crate::plan::raw::leaf_schema;
use crate::plan::raw::{At, Keys, Read, read, table_of, wrong_type};
use crate::plan::text::{Text, inside};
use crate::plan::tree::{Key, Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

impl Read for bool {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Boolean(boolean) => Some(*boolean),
            Value::Text(text) if text.value == "true" || text.value == "false" => {
                errors
                    .add(node.at, "expected a boolean, found a string")
                    .help(format!("write `{}` without quotes", text.shown));
                None
            }
            _ => {
                wrong_type(node, "a boolean", errors).help("write `true` or `false`");
                None
            }
        }
    }
}

impl Read for Text {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        if let Value::Text(text) = &node.value {
            return Some(text.clone());
        }
        let error = wrong_type(node, "a string", errors);
        if matches!(node.value, Value::Integer(_) | Value::Float(_) | Value::Boolean(_)) {
            error.help("put it between quotes");
        }
        None
    }
}

leaf_schema!(Text, "Text", json_schema!({ "type": "string" }));

/// A string that may have parts that are filled in for each sending.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Fillable(pub Text);

impl Read for Fillable {
    const FILLED: bool = true;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let text = Text::read(node, errors)?;
        if let Some((range, name)) = foreign::placeholder(&text.shown) {
            let at = inside(&text, node.at, range.start, range.end);
            errors.add(at, format!("`{}` would be sent unchanged", &text.shown[range])).help(
                format!("{}; to send these characters, use `body_file`", foreign::value(name)),
            );
        }
        Some(Self(text))
    }
}

leaf_schema!(Fillable, "Fillable", json_schema!({ "type": "string" }));

impl<T: Read> Read for Vec<T> {
    /// Leaves out what could not be read; the list itself is there.
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let Value::List(items) = &node.value else {
            wrong_type(node, "a list", errors)
                .help(T::LIST.unwrap_or("write it between `[` and `]`"));
            return None;
        };
        let list: Vec<T> = items.iter().filter_map(|item| read(item, errors)).collect();
        // A list of which nothing is left would pass for an empty one.
        (!list.is_empty() || items.is_empty()).then_some(list)
    }
}

/// One thing, or a list of them.
#[derive(Debug, Clone)]
pub(in crate::plan) struct OneOrMany<T>(pub Vec<At<T>>);

impl<T: Read> Read for OneOrMany<T> {
    const FILLED: bool = T::FILLED;

    /// `None` if any could not be read: the rest would mean something else.
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let read: Vec<_> = items
            .iter()
            .map(|item| read(item, errors).map(|value| At { at: item.at, value }))
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A table with free names.
const NAMES: Keys =
    Keys { noun: "a table of names", example: None, place: None, must: &[], may: &[], with: &[] };

/// A table whose keys are names that the plan chooses.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Named<T>(pub Vec<(Key, Option<At<T>>)>);

impl<T> Named<T> {
    /// The names, also of what could not be read.
    pub(in crate::plan) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(key, _)| key.name.as_str())
    }

    /// The values that could be read.
    pub(in crate::plan) fn read(&self) -> impl Iterator<Item = (&Key, &At<T>)> {
        self.0.iter().filter_map(|(key, value)| value.as_ref().map(|value| (key, value)))
    }
}

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let table = table_of(node, &NAMES, errors)?;
        let read = table.entries.iter().map(|(key, node)| {
            (key.clone(), read(node, errors).map(|value| At { at: node.at, value }))
        });
        Some(Self(read.collect()))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}
