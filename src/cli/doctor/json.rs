//! Turns the requirements and their status into JSON.

use super::{Examination, Subject};
use crate::machine::{Advice, Headroom, Opening, Requirement, Requirements};
use crate::plan::Plan;
use schemars::JsonSchema;
use serde::Serialize;

/// The version of these keys; it changes when one changes its meaning.
pub(super) const SCHEMA: u32 = 1;

/// What `planrun doctor --json` prints of this machine.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DoctorReport<'a> {
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// Whether nothing is short.
    fit: bool,
    /// What well-known articles advise, and what it does here.
    advice: &'a [Advice],
    #[serde(flatten)]
    subject: SubjectReport<'a>,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum SubjectReport<'a> {
    /// Whether a plan can be run.
    Plan { plan: &'a str, needs: NeedsReport, reach: Option<Headroom>, rows: &'a [Requirement] },
    /// What this machine can do with both ends of every connection here, and with one.
    Machine { both_ends_here: MachineReport<'a>, one_end_here: MachineReport<'a> },
}

#[derive(Serialize, JsonSchema)]
struct MachineReport<'a> {
    reach: Option<Headroom>,
    rows: &'a [Requirement],
}

#[derive(Serialize, JsonSchema)]
struct NeedsReport {
    connections: u64,
    sockets_here: u64,
    /// Null where the plan leaves that to the machine.
    opened_per_second: Option<f64>,
    heartbeats_per_second: f64,
    shortest_run_ns: u64,
}

impl<'a> DoctorReport<'a> {
    fn new(examination: &'a Examination) -> Self {
        let subject = match &examination.subject {
            Subject::Plan { plan, rows } => SubjectReport::Plan {
                plan: &plan.name,
                needs: NeedsReport::of(plan),
                reach: Headroom::of(rows),
                rows,
            },
            Subject::Machine { both_ends, one_end } => SubjectReport::Machine {
                both_ends_here: MachineReport { reach: Headroom::of(both_ends), rows: both_ends },
                one_end_here: MachineReport { reach: Headroom::of(one_end), rows: one_end },
            },
        };
        Self { schema: SCHEMA, fit: examination.fit(), advice: &examination.advice, subject }
    }
}

impl NeedsReport {
    fn of(plan: &Plan) -> Self {
        let needs = Requirements::of(plan);
        let opened_per_second = match needs.opening() {
            Opening::PerSecond(rate) => Some(rate),
            Opening::Unpaced => None,
        };
        Self {
            connections: needs.connections(),
            sockets_here: needs.sockets(),
            opened_per_second,
            heartbeats_per_second: needs.heartbeats_per_second(),
            shortest_run_ns: needs.shortest_run.as_nanos(),
        }
    }
}

/// One object, with a line's end.
pub(super) fn json(examination: &Examination) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&DoctorReport::new(examination)).map(|text| text + "\n")
}
