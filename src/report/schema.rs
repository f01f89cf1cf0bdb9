//! Turns the types of `report.json` and the columns of CSV files into schemas for their readers: a
//! JSON Schema, and a Table Schema (of Frictionless Data) for each table.
//!
//! **Invariant:** files and schemas come from the same types and the same columns.

use super::SearchReport;
use super::columns::ReportedMetrics;
use super::field::ColumnField;
use super::{addresses, checks, failures, json, monitors, requests, summary, timeline};
use crate::units::schema::written;
use serde_json::{Value, json};

/// A CSV file of a result folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFile {
    /// `summary.csv`.
    Summary,
    /// `requests.csv`.
    Requests,
    /// `failures.csv`.
    Failures,
    /// `checks.csv`.
    Checks,
    /// `addresses.csv`.
    Addresses,
    /// `timeline.csv`.
    Timeline,
    /// `monitors.csv`.
    Monitors,
}

/// The JSON Schema (draft 2020-12) of `report.json`.
pub fn report() -> Value {
    json::schema()
}

/// The JSON Schema (draft 2020-12) of a search's report.
pub fn search() -> Value {
    written::<SearchReport>()
}

impl TableFile {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Summary,
        Self::Requests,
        Self::Failures,
        Self::Checks,
        Self::Addresses,
        Self::Timeline,
        Self::Monitors,
    ];

    /// The file's name, without `.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Requests => "requests",
            Self::Failures => "failures",
            Self::Checks => "checks",
            Self::Addresses => "addresses",
            Self::Timeline => "timeline",
            Self::Monitors => "monitors",
        }
    }

    fn doc(self) -> &'static str {
        match self {
            Self::Summary => {
                "A row for each scenario and stage, and one (stage `*`) for each scenario as a whole."
            }
            Self::Requests => {
                "A row for each request of each stage, and one (stage `*`) over all stages."
            }
            Self::Failures => "A row for each scenario, stage, phase, request and cause.",
            Self::Checks => "A row for each scenario, stage, phase and check.",
            Self::Addresses => {
                "A row for each address of each stage's target, and one (stage `*`) over all stages."
            }
            Self::Timeline => {
                "A row for each scenario and second, and one for each of its requests, where it has \
                 several; in a long run one for each stretch of several seconds."
            }
            Self::Monitors => "A row for each value that a monitor read.",
        }
    }

    fn fields(self, words: &ReportedMetrics) -> Vec<ColumnField> {
        match self {
            Self::Summary => summary::fields(words),
            Self::Requests => requests::fields(&words.per_request()),
            Self::Failures => failures::FIELDS.to_vec(),
            Self::Checks => checks::FIELDS.to_vec(),
            Self::Addresses => addresses::FIELDS.to_vec(),
            Self::Timeline => timeline::fields(words),
            Self::Monitors => monitors::FIELDS.to_vec(),
        }
    }

    /// Columns that depend on the plan.
    fn depends_on_plan(self) -> bool {
        matches!(self, Self::Summary | Self::Requests | Self::Timeline)
    }

    /// The Table Schema of this file, with the columns of every protocol.
    pub fn schema(self) -> Value {
        let fields: Vec<Value> =
            self.fields(&ReportedMetrics::every()).iter().map(ColumnField::schema).collect();
        let mut description = self.doc().to_owned();
        let mut schema = json!({
            "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
            "title": format!("planrun.{}/1", self.name()),
            "fields": fields,
            "missingValues": [""],
        });
        if self.depends_on_plan() {
            description.push_str(
                " A file has the columns that mean something for its plan, in this order; for each \
                 time T that a threshold `within.T.ratio` has, it also has `within.T.count` \
                 (integer), `within.T.ratio` (number) and `within.T.ratio.denominator` (integer).",
            );
            schema["fieldsMatch"] = "partial".into();
        }
        schema["description"] = description.into();
        schema
    }
}
