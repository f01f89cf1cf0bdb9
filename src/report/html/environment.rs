//! Shows the machine and the build of a run: what stands in `environment.json`.

use crate::report::foreign::visible;
use crate::store::SavedRun;
use maud::{Markup, html};
use serde_json::Value;

/// The facts that are shown before the others, and their words.
const FIRST: [(&str, &str); 7] = [
    ("/cpu/model", "processor"),
    ("/cpu/usable", "processors that can be used"),
    ("/memory/total_bytes", "memory"),
    ("/kernel/system", "system"),
    ("/kernel/release", "kernel"),
    ("/planrun", "planrun"),
    ("/build", "build"),
];

pub(super) fn environment(run: &SavedRun) -> Markup {
    let mut all = Vec::new();
    facts(&run.environment, String::new(), &mut all);
    let first = FIRST.iter().filter_map(|(place, words)| {
        let value = text(run.environment.pointer(place)?)?;
        let bytes = value.parse().ok().filter(|_| place.ends_with("bytes"));
        Some((words, bytes.map_or(value, crate::units::figure::bytes)))
    });
    let first: Vec<_> = first.collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Environment" }
                div.wide { table { tbody {
                    @for (words, value) in &first { tr { td { (words) } td { (visible(value)) } } }
                } } }
                details {
                    summary { "Everything that was read of the machine and the build" }
                    div.wide { table { tbody {
                        @for (name, value) in &all {
                            tr { td { (visible(name)) } td.long { (visible(value)) } }
                        }
                    } } }
                }
            }
        }
    }
}

/// Each value below this one, under the path of its keys.
fn facts(value: &Value, name: String, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                let dot = if name.is_empty() { "" } else { "." };
                facts(value, format!("{name}{dot}{key}"), all);
            }
        }
        _ => all.extend(text(value).map(|text| (name, text))),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => Some(values.iter().filter_map(text).collect::<Vec<_>>().join(", ")),
        other => Some(other.to_string()),
    }
}
