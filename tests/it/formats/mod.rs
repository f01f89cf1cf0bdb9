//! What runs write is what `planrun schema` says: by a JSON Schema validator and by readers of
//! others.

mod python;

use crate::outcome::{exe, run_as};
use crate::report::finished_run;
use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What `planrun schema` prints, asked for once.
pub(crate) fn schema(format: &str) -> Value {
    static KNOWN: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let printed = || {
        let output = Command::new(exe()).args(["schema", format]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    known.entry(format.to_owned()).or_insert_with(printed).clone()
}

/// Where a value is not as its JSON Schema says.
pub(crate) fn differences(format: &str, values: &[Value]) -> Vec<String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.set_default_draft(Draft::V2020_12);
    let name = format!("file:///{format}.schema.json");
    compiler.add_resource(&name, schema(format)).unwrap();
    let compiled = compiler.compile(&name, &mut schemas).unwrap();
    let wrong = values.iter().filter_map(|value| schemas.validate(value, compiled).err());
    wrong.map(|error| format!("{error:#}")).collect()
}

/// The fields of a Table Schema, in order.
fn fields(table: &str) -> Vec<Value> {
    schema(table)["fields"].as_array().unwrap().clone()
}

/// The field of a column: its own, or one of a threshold's own time.
fn field_of(fields: &[Value], column: &str) -> Option<Value> {
    let known = fields.iter().find(|field| field["name"] == column);
    known.cloned().or_else(|| {
        column.strip_prefix("within.")?;
        let of = if column.rsplit('.').next() == Some("ratio") { "number" } else { "integer" };
        Some(json!({ "name": column, "type": of, "constraints": { "minimum": 0 } }))
    })
}

/// What is wrong with a cell.
fn cell_fault(field: &Value, cell: &str) -> Option<String> {
    let at = || format!("{}: `{cell}`", field["name"]);
    let constraints = &field["constraints"];
    if cell.is_empty() {
        return (constraints["required"] == true).then(|| format!("{}: blank", field["name"]));
    }
    let number = match field["type"].as_str().unwrap() {
        "string" => return None,
        "integer" => cell.parse::<i64>().ok().map(|whole| whole as f64),
        "number" => cell.parse::<f64>().ok().filter(|number| number.is_finite()),
        other => panic!("{other}"),
    };
    let Some(number) = number else { return Some(at()) };
    let below = constraints["minimum"].as_f64().is_some_and(|minimum| number < minimum);
    below.then(at)
}

/// Where a CSV file is not as its Table Schema says.
fn table_faults(table: &str, text: &str) -> Vec<String> {
    let fields = fields(table);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut faults = Vec::new();
    let mut known = fields.iter().map(|field| field["name"].as_str().unwrap());
    for column in columns.iter().filter(|column| !column.starts_with("within.")) {
        // In the schema's order: a column that is not found uses up all that is left of it.
        if !known.any(|name| name == column) {
            faults.push(format!("column {column} is unknown or out of order"));
        }
    }
    for field in fields.iter().filter(|field| field["constraints"]["required"] == true) {
        let name = field["name"].as_str().unwrap();
        if !columns.iter().any(|column| column == name) {
            faults.push(format!("column {name} is missing"));
        }
    }
    let typed: Vec<Option<Value>> =
        columns.iter().map(|column| field_of(&fields, column)).collect();
    for row in reader.records() {
        let row = row.unwrap();
        let cells =
            typed.iter().zip(&row).filter_map(|(field, cell)| Some((field.as_ref()?, cell)));
        faults.extend(cells.filter_map(|(field, cell)| cell_fault(field, cell)));
    }
    faults
}

const TABLES: [&str; 6] = ["summary", "requests", "failures", "checks", "timeline", "monitors"];

/// Asserts that every file of a result folder is as its schema says.
pub(crate) fn assert_conforms(folder: &Path) {
    assert_reports_conform(folder, &["report", "environment"]);
}

/// As [`assert_conforms`], of these JSON files and all tables.
pub(crate) fn assert_reports_conform(folder: &Path, formats: &[&str]) {
    for format in formats {
        let bytes = std::fs::read(folder.join(format!("{format}.json"))).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let wrong = differences(format, &[value]);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", folder.display());
    }
    for table in TABLES {
        if let Ok(text) = std::fs::read_to_string(folder.join(format!("{table}.csv"))) {
            let faults = table_faults(table, &text);
            assert!(faults.is_empty(), "{}: {table}.csv: {faults:#?}", folder.display());
        }
    }
}

/// Each value with something else in it, at each of its keys and first items.
fn each_changed(value: &Value, change: &dyn Fn(&Value) -> Option<Value>) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> =
        change(value).into_iter().map(|changed| (String::new(), changed)).collect();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                for (place, changed) in each_changed(inner, change) {
                    let mut whole = map.clone();
                    whole.insert(key.clone(), changed);
                    all.push((format!("/{key}{place}"), whole.into()));
                }
            }
        }
        Value::Array(items) => {
            for (place, changed) in items.first().iter().flat_map(|one| each_changed(one, change)) {
                let mut whole = items.clone();
                whole[0] = changed;
                all.push((format!("/0{place}"), whole.into()));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn a_canned_run_conforms_and_no_value_of_another_type_does() {
    let (_out, folder) = finished_run();
    // It was on no machine.
    assert_reports_conform(&folder, &["report"]);
    let bytes = std::fs::read(folder.join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&bytes).unwrap();
    let other_type = |value: &Value| {
        Some(match value {
            Value::Number(_) | Value::Object(_) => "a text".into(),
            Value::String(_) | Value::Array(_) => 7.into(),
            Value::Bool(_) => "true".into(),
            Value::Null => return None,
        })
    };
    let changed = each_changed(&report, &other_type);
    assert!(changed.len() > 300, "{}", changed.len());
    let values: Vec<Value> = changed.iter().map(|(_, value)| value.clone()).collect();
    for chunk in changed.chunks(50).zip(values.chunks(50)) {
        let wrong = differences("report", chunk.1).len();
        if wrong < chunk.1.len() {
            let slipped = chunk
                .0
                .iter()
                .filter(|(_, value)| differences("report", std::slice::from_ref(value)).is_empty());
            panic!("valid: {:?}", slipped.map(|(place, _)| place).collect::<Vec<_>>());
        }
    }
    let nulls = each_changed(&report, &|value| (!value.is_null()).then_some(Value::Null));
    let nulls: Vec<Value> = nulls.into_iter().map(|(_, value)| value).collect();
    assert_eq!(differences("report", &nulls).len(), nulls.len());
    for (key, value) in [("verdict", "GREAT"), ("schema", "planrun.report/2")] {
        let mut other = report.clone();
        other[key] = value.into();
        assert_eq!(differences("report", &[other]).len(), 1, "{key}");
    }
}

/// What a command prints as JSON.
fn printed(arguments: &[&str]) -> Value {
    let output = Command::new(exe()).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

#[test]
fn what_commands_print_conforms_and_no_value_of_another_type_does() {
    let (_out, folder) = finished_run();
    let (_other, new) = finished_run();
    let (folder, new) = (folder.to_str().unwrap(), new.to_str().unwrap());
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/quickstart.toml");
    let plan = plan.to_str().unwrap();
    for (format, arguments) in [
        ("verify", &["verify", "--json", folder][..]),
        ("compare", &["compare", "--json", folder, new]),
        ("doctor", &["doctor", "--json"]),
        ("doctor", &["doctor", "--json", plan]),
    ] {
        let value = printed(arguments);
        assert_eq!(differences(format, std::slice::from_ref(&value)), Vec::<String>::new());
        let other_type = |value: &Value| match value {
            Value::Bool(_) => Some("true".into()),
            Value::Array(_) => Some(7.into()),
            _ => None,
        };
        let changed = each_changed(&value, &other_type);
        assert!(changed.len() >= 2, "{format}");
        for (place, value) in changed {
            assert_eq!(differences(format, &[value]).len(), 1, "{format}: {place}");
        }
        let mut other = value.clone();
        other["schema"] = 99.into();
        assert_eq!(differences(format, &[other]).len(), 1, "{format}: schema");
        let mut less = value;
        less.as_object_mut().unwrap().remove("schema");
        assert_eq!(differences(format, &[less]).len(), 1, "{format}: no schema");
    }
}

#[test]
fn every_line_of_the_progress_of_a_run_conforms() {
    let plan = "name = \"progress\"\n[targets.web]\nbuiltin = \"http\"\n[targets.held]\n\
        builtin = \"tcp-hold\"\nfaults = { reset_after = \"500ms\" }\n[scenarios.web]\n\
        protocol = \"http\"\ntarget = \"web\"\nrequests = [{ path = \"/\" }]\n\
        stages = [{ rate = \"50/s\", ramp = \"1s\", hold = \"1s\" }]\n\
        thresholds = [\"service_time.p50 < 1h\", \"failure_ratio < 1%\"]\n\
        [scenarios.held]\nprotocol = \"tcp-hold\"\ntarget = \"held\"\n\
        stages = [{ users = 20, spawn_rate = \"40/s\", hold = \"2s\" }]\n\
        thresholds = [\"hold.survival_ratio >= 99%\"]\n";
    let outcome = run_as(1, plan, |stage| {
        let mut command = Command::new(exe());
        command.args(["plan.toml", "--out", "out", "--progress", "json"]);
        stage.prepare(&mut command);
        command
    });
    let read = |line| serde_json::from_str::<Value>(line).unwrap();
    let lines: Vec<Value> = outcome.stderr.lines().map(read).collect();
    let wrong = differences("progress", &lines);
    assert!(wrong.is_empty(), "{wrong:#?}");
    for event in [
        "started",
        "stage_begun",
        "stage_over",
        "first_failure",
        "threshold",
        "progress",
        "finished",
    ] {
        let mut other = lines.iter().find(|line| line["event"] == event).unwrap().clone();
        for (key, value) in other.clone().as_object().unwrap() {
            other[key] = if value.is_string() { 7.into() } else { "a text".into() };
            let found = differences("progress", std::slice::from_ref(&other));
            assert_eq!(found.len(), 1, "{event}: {key}");
            other[key] = value.clone();
        }
        other["event"] = "surprise".into();
        assert_eq!(differences("progress", &[other]).len(), 1, "{event}");
    }
}

#[test]
fn a_table_with_a_wrong_cell_or_column_does_not_conform() {
    let (_out, folder) = finished_run();
    for table in ["summary", "requests", "failures", "timeline"] {
        let text = std::fs::read_to_string(folder.join(format!("{table}.csv"))).unwrap();
        let rows: Vec<csv::StringRecord> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes())
            .records()
            .map(Result::unwrap)
            .collect();
        let known = fields(table);
        let with = |row: usize, column: usize, cell: &str| {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for (at, record) in rows.iter().enumerate() {
                let cells = record
                    .iter()
                    .enumerate()
                    .map(|(number, old)| if (at, number) == (row, column) { cell } else { old });
                writer.write_record(cells).unwrap();
            }
            String::from_utf8(writer.into_inner().unwrap()).unwrap()
        };
        for (column, name) in rows[0].iter().enumerate() {
            assert!(
                !table_faults(table, &with(0, column, "another")).is_empty(),
                "{table}: {name}"
            );
            let field = field_of(&known, name).unwrap();
            let wrong = if field["type"] == "string" { "" } else { "1,000" };
            let fails = field["type"] != "string" || field["constraints"]["required"] == true;
            let faults = table_faults(table, &with(1, column, wrong));
            assert_eq!(!faults.is_empty(), fails, "{table}: {name}: {faults:?}");
        }
    }
}

#[test]
fn the_schema_of_a_plan_is_printed_without_asking_and_unknown_formats_are_refused() {
    let said = |arguments: &[&str]| Command::new(exe()).args(arguments).output().unwrap();
    assert_eq!(said(&["schema"]).stdout, said(&["schema", "plan"]).stdout);
    let refused = said(&["schema", "reports"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("'report'"), "{refused:?}");
}
