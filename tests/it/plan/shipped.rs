//! The plans of the repository, and those that must be read.

use super::{folder_of_repository, planrun, plans_in};
use serde_json::{Value, json};

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).expect("UTF-8")
}

fn assert_checks(folder: &str, name: &str, overrides: &[&str]) -> String {
    let environment = [("HOST", "127.0.0.1"), ("TOKEN", "s3cr3t")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let arguments: Vec<&str> = ["check", name].iter().chain(overrides).copied().collect();
    let output = planrun(folder, &arguments, &environment);
    assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{name}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn every_shipped_plan_is_read_also_in_small() {
    let names = plans_in("plans");
    assert!(names.len() >= 5, "{names:?}");
    for name in &names {
        for overrides in [&[][..], &["--scale", "1%"], &["--scale", "10%"]] {
            assert_checks("plans", name, overrides);
        }
        let plan = std::fs::read_to_string(folder_of_repository("plans").join(name)).expect("read");
        assert!(plan.starts_with("# "), "{name} does not say what it shows");
        assert!(plan.contains("# What it shows: "), "{name} does not say what it shows");
        assert!(plan.contains("# What it needs: "), "{name} does not say what it needs");
        assert!(plan.contains(&format!("name        = \"{}\"", &name[..name.len() - 5])), "{name}");
    }
}

#[test]
fn shipped_plans_can_be_pointed_elsewhere() {
    let web = ["--target", "web=http://127.0.0.1:8080/"];
    let page = assert_checks("plans", "http-10k-15k-20k.toml", &web);
    assert!(page.contains("scenario web: http to web (http://127.0.0.1:8080/)"), "{page}");
    let lb = ["--target", "lb=127.0.0.1:9000,[::1]:9000"];
    let page = assert_checks("plans", "100w-longconn.toml", &lb);
    assert!(page.contains("scenario hold: tcp-hold to lb (127.0.0.1:9000, [::1]:9000)"), "{page}");
}

#[test]
fn right_plans_are_read() {
    for name in plans_in("tests/plans/ok") {
        let page = assert_checks("tests/plans/ok", &name, &[]);
        assert!(!page.contains("s3cr3t"), "{page}");
    }
}

/// What is wrong with a value by a JSON Schema, as far as schemas of plans go; empty if nothing is.
fn validate(value: &Value, schema: &Value, root: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/definitions/").expect("a definition");
        return validate(value, &root["definitions"][name], root, path, wrong);
    }
    for choice in ["anyOf", "oneOf"] {
        let Some(schemas) = schema[choice].as_array() else { continue };
        let fits = |one: &&Value| {
            let mut wrong = Vec::new();
            validate(value, one, root, path, &mut wrong);
            wrong.is_empty()
        };
        if schemas.iter().filter(fits).count() == 0 {
            wrong.push(format!("{path}: none of {choice}"));
        }
    }
    for one in schema["allOf"].as_array().into_iter().flatten() {
        validate(value, one, root, path, wrong);
    }
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        wrong.push(format!("{path}: not {expected}"));
    }
    let is = match value {
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Null => "null",
    };
    if let Some(expected) = schema["type"].as_str()
        && expected != is
        && (expected, is) != ("number", "integer")
    {
        wrong.push(format!("{path}: {is} in place of {expected}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            validate(item, items, root, &format!("{path}.{index}"), wrong);
        }
    }
    let Some(object) = value.as_object() else { return };
    for (key, item) in object {
        let path = format!("{path}.{key}");
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(property), _) => validate(item, property, root, &path, wrong),
            (None, Value::Bool(false)) => wrong.push(format!("{path}: unknown")),
            (None, others @ Value::Object(_)) => validate(item, others, root, &path, wrong),
            (None, _) => {}
        }
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(key.as_str().expect("a name")) {
            wrong.push(format!("{path}: {key} is missing"));
        }
    }
}

fn schema() -> Value {
    let output = planrun(".", &["schema"], &[]);
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn wrong_by_schema(folder: &str, name: &str, schema: &Value) -> Vec<String> {
    let text = std::fs::read_to_string(folder_of_repository(folder).join(name)).expect("read");
    let table: toml::Table = toml::from_str(text.trim_start_matches('\u{feff}')).expect("TOML");
    let value = serde_json::to_value(table).expect("a plan has no dates");
    let mut wrong = Vec::new();
    validate(&value, schema, schema, "plan", &mut wrong);
    wrong
}

#[test]
fn the_schema_takes_right_plans_and_refuses_wrong_keys() {
    let schema = schema();
    assert_eq!(schema["$schema"], json!("http://json-schema.org/draft-07/schema#"));
    for folder in ["plans", "tests/plans/ok"] {
        for name in plans_in(folder) {
            assert_eq!(wrong_by_schema(folder, &name, &schema), [""; 0], "{name}");
        }
    }
    let bad = "tests/plans/bad";
    for name in [
        "key-unknown.toml",
        "key-misspelt-stage.toml",
        "key-stages-missing.toml",
        "type-users-boolean.toml",
    ] {
        assert_ne!(wrong_by_schema(bad, name, &schema), [""; 0], "{name}");
    }
}

#[test]
fn every_key_of_the_schema_is_described() {
    let schema = schema();
    let mut keys = 0;
    let tables = schema["definitions"].as_object().expect("definitions").values().chain([&schema]);
    for table in tables {
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{key} has no description");
            keys += 1;
        }
    }
    assert!(keys > 60, "{keys} keys");
}
