//! Reads one line of a file of JSON lines.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The names and values of an object on a line of its own; `Err`: what is wrong with it.
pub(super) fn row(written: &str) -> Result<BTreeMap<String, &RawValue>, String> {
    if written.trim_start().starts_with('[') {
        return Err("expected a JSON object, found an array: write one object per line".to_owned());
    }
    let Pairs(pairs) = serde_json::from_str(written).map_err(|error| {
        let (what, column) = (error.to_string(), error.column());
        let what = what.split(" at line ").next().unwrap_or_default();
        format!("this is not a JSON object: {what} at column {column}")
    })?;
    let mut row = BTreeMap::new();
    for (name, value) in pairs {
        if row.contains_key(&name) {
            return Err(format!("two values are called `{name}`"));
        }
        row.insert(name, value);
    }
    Ok(row)
}

/// The names and values of a JSON object, with those that occur twice.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}
