//! Every ratio, rate, share and cost that reports have is explained in docs/metrics.md.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Whether a name is that of a figure which was divided.
fn is_divided(name: &str) -> bool {
    ["ratio", "rate", "share", "per_", "percent"].iter().any(|word| name.contains(word))
}

/// The tables that hold figures under the figures' names.
const TABLES: [&str; 2] = ["ratios", "rates"];

fn of_json(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(all) => {
            for (key, value) in all {
                let is_number = value.is_number() || value.get("denominator").is_some();
                if is_divided(key) && is_number && !key.ends_with("_ns") {
                    names.insert(key.clone());
                }
                assert!(!TABLES.contains(&key.as_str()) || value.is_object(), "{key}: {value}");
                of_json(value, names);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| of_json(one, names)),
        _ => {}
    }
}

fn of_csv(folder: &Path, names: &mut BTreeSet<String>) {
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "csv") {
            let mut rows = csv::Reader::from_path(&file).unwrap();
            let headings = rows.headers().unwrap().iter().filter(|name| is_divided(name));
            names.extend(headings.map(str::to_owned));
        }
    }
}

#[test]
fn each_figure_that_was_divided_is_explained() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_out, canned) = super::finished();
    let mut folders = super::earlier::published();
    folders.push(canned);
    let mut names = BTreeSet::new();
    for folder in folders {
        let report = fs::read(folder.join("report.json")).unwrap();
        of_json(&serde_json::from_slice(&report).unwrap(), &mut names);
        of_csv(&folder, &mut names);
    }
    assert!(names.len() >= 30, "{names:?}");
    let lacks = |name: &&String| {
        !docs.contains(&format!("`{name}`")) && !docs.contains(&format!(".{name}`"))
    };
    let unexplained: Vec<&String> = names.iter().filter(lacks).collect();
    assert!(unexplained.is_empty(), "without a line in docs/metrics.md: {unexplained:?}");
}
