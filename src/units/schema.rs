//! Makes the JSON Schema of a type that is serialised as JSON.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The JSON Schema (draft 2020-12) of a value of this type as serde writes it. A key that may be
/// left out is left out rather than null.
pub(crate) fn written<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    never_null(&mut schema);
    schema
}

/// Takes null from the types of properties that are not required.
fn never_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let required: Vec<Value> =
                object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                let optional =
                    |(name, _): &(&String, &mut Value)| !required.iter().any(|one| one == *name);
                properties.iter_mut().filter(optional).for_each(|(_, one)| without_null(one));
            }
            object.values_mut().for_each(never_null);
        }
        Value::Array(all) => all.iter_mut().for_each(never_null),
        _ => {}
    }
}

fn without_null(property: &mut Value) {
    let Value::Object(property) = property else { return };
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            property.insert("type".to_owned(), one);
        }
    }
    let Some(Value::Array(mut any)) = property.remove("anyOf") else { return };
    any.retain(|one| one["type"] != "null");
    match any.as_mut_slice() {
        [Value::Object(only)] => property.extend(std::mem::take(only)),
        _ => drop(property.insert("anyOf".to_owned(), any.into())),
    }
}

/// The schema of a JSON object whose keys are not known in advance, and whose values are of one
/// type.
pub(crate) fn map_of<V: JsonSchema>(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let values = generator.subschema_for::<V>().to_value();
    let object =
        [("type".to_owned(), "object".into()), ("additionalProperties".to_owned(), values)];
    Map::from_iter(object).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u64>,
        null: Option<u64>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Outer {
        #[serde(skip_serializing_if = "Option::is_none")]
        inner: Option<Inner>,
    }

    #[test]
    fn what_is_left_out_is_never_null() {
        let schema = written::<Outer>();
        assert_eq!(schema["properties"]["inner"]["$ref"], "#/$defs/Inner", "{schema:#}");
        assert!(schema["properties"]["inner"].get("anyOf").is_none());
        let inner = &schema["$defs"]["Inner"];
        assert_eq!(inner["properties"]["left_out"]["type"], "integer");
        assert_eq!(inner["properties"]["null"]["type"], serde_json::json!(["integer", "null"]));
        assert_eq!(inner["required"], serde_json::json!(["null"]));
    }
}
