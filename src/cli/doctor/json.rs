//! Turns the requirements and their status into JSON.

use super::{Examination, Subject};
use crate::machine::{Headroom, Opening, Requirement, Requirements};
use serde_json::{Value, json};

/// The version of these keys; it changes when one changes its meaning.
pub(super) const SCHEMA: u32 = 1;

/// One object, with a line's end.
pub(super) fn json(examination: &Examination) -> String {
    let mut object = json!({
        "schema": SCHEMA,
        "fit": examination.fit(),
        "advice": examination.advice,
    });
    let asked = match &examination.subject {
        Subject::Plan { plan, rows } => json!({
            "plan": plan.name,
            "needs": needs(&Requirements::of(plan)),
            "reach": Headroom::of(rows),
            "rows": rows,
        }),
        Subject::Machine { both_ends, one_end } => json!({
            "both_ends_here": machine(both_ends),
            "one_end_here": machine(one_end),
        }),
    };
    if let (Value::Object(object), Value::Object(asked)) = (&mut object, asked) {
        object.extend(asked);
    }
    format!("{object:#}\n")
}

fn machine(rows: &[Requirement]) -> Value {
    json!({ "reach": Headroom::of(rows), "rows": rows })
}

fn needs(needs: &Requirements) -> Value {
    let opening = match needs.opening() {
        Opening::PerSecond(rate) => json!(rate),
        Opening::Unpaced => Value::Null,
    };
    json!({
        "connections": needs.connections(),
        "sockets_here": needs.sockets(),
        "opened_per_second": opening,
        "heartbeats_per_second": needs.heartbeats_per_second(),
        "shortest_run_ns": needs.shortest_run.as_nanos(),
    })
}
