//! Reads one line of a file of JSON lines.

use crate::units::JsonPairs;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The names and values of an object on a line of its own; `Err`: what is wrong with it.
pub(super) fn row(written: &str) -> Result<BTreeMap<String, &RawValue>, String> {
    if written.trim_start().starts_with('[') {
        return Err("expected a JSON object, found an array: write one object per line".to_owned());
    }
    let JsonPairs(pairs) = serde_json::from_str(written).map_err(|error| {
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
