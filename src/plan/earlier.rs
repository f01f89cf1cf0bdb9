//! Turns keys that earlier versions had into today's: silently in plans of saved runs, by an error
//! that says so everywhere else.

use super::error::Errors;
use super::tree::{Node, TableNode, Value};

/// The former key of a threshold's condition.
const CHECK: &str = "check";
/// Its key today.
const CONDITION: &str = "condition";

/// Renames the keys of a whole plan.
pub(super) fn rename_keys(plan: &mut Node) {
    let Value::Table(plan) = &mut plan.value else { return };
    let Some(Value::Table(scenarios)) = plan.get_mut("scenarios").map(|node| &mut node.value)
    else {
        return;
    };
    for (_, scenario) in &mut scenarios.entries {
        let Value::Table(scenario) = &mut scenario.value else { continue };
        let thresholds = scenario.get_mut("thresholds").map(|node| &mut node.value);
        let Some(Value::List(thresholds)) = thresholds else { continue };
        for threshold in thresholds {
            if let Value::Table(threshold) = &mut threshold.value {
                rename_check(threshold);
            }
        }
    }
}

fn rename_check(threshold: &mut TableNode) {
    if threshold.get(CONDITION).is_some() {
        return;
    }
    if let Some((key, _)) = threshold.entries.iter_mut().find(|(key, _)| key.name == CHECK) {
        CONDITION.clone_into(&mut key.name);
    }
}

/// A threshold with its `check` read as the `condition` that it should be called, which is then
/// among the errors; `None` where it has none.
pub(super) fn with_condition(threshold: &Node, errors: &mut Errors) -> Option<Node> {
    let Value::Table(table) = &threshold.value else { return None };
    let (key, value) = table.entries.iter().find(|(key, _)| key.name == CHECK)?;
    if table.get(CONDITION).is_some() {
        return None;
    }
    let condition = match &value.value {
        Value::Text(text) => toml::Value::from(text.shown.as_str()).to_string(),
        _ => "\"failure_ratio < 1%\"".to_owned(),
    };
    errors
        .add(key.at, "a threshold's `check` is now called `condition`")
        .label("renamed")
        .help(format!("write `{CONDITION} = {condition}`"));
    let mut renamed = threshold.clone();
    if let Value::Table(table) = &mut renamed.value {
        rename_check(table);
    }
    Some(renamed)
}
