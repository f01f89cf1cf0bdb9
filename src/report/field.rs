//! A column of a CSV file: its name, type and meaning.
//!
//! The first lines of the files and their Table Schemas are made from the same fields.

use super::columns::{Csv, CsvColumn, row};
use crate::catalogue::{Metric, MetricUnit};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The type of the cells of a column that are not blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldType {
    /// Any text.
    Text,
    /// A whole number, never negative.
    Whole,
    /// A number, never negative.
    Positive,
    /// Any number.
    Number,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnField {
    pub(super) name: Cow<'static, str>,
    of: FieldType,
    doc: Cow<'static, str>,
    /// No cell of it is blank.
    required: bool,
}

impl ColumnField {
    /// A column that may have blank cells.
    pub(super) const fn new(name: &'static str, of: FieldType, doc: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), of, doc: Cow::Borrowed(doc), required: false }
    }

    /// A column of which no cell is blank.
    pub(super) const fn required(name: &'static str, of: FieldType, doc: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), of, doc: Cow::Borrowed(doc), required: true }
    }

    /// The field of a Table Schema.
    pub(super) fn schema(&self) -> Value {
        let mut constraints = Map::new();
        if self.required {
            constraints.insert("required".to_owned(), true.into());
        }
        if matches!(self.of, FieldType::Whole | FieldType::Positive) {
            constraints.insert("minimum".to_owned(), 0.into());
        }
        let of = match self.of {
            FieldType::Text => "string",
            FieldType::Whole => "integer",
            FieldType::Positive | FieldType::Number => "number",
        };
        let mut field = json!({ "name": self.name, "type": of, "description": self.doc });
        if !constraints.is_empty() {
            field["constraints"] = constraints.into();
        }
        field
    }
}

/// Says in the column `stage` that a row covers all stages: no stage has this name.
pub(super) const ALL_STAGES: &str = "*";

/// Columns that several files have.
pub(super) const SCENARIO: ColumnField =
    ColumnField::required("scenario", FieldType::Text, "The scenario's name.");
pub(super) const STAGE: ColumnField =
    ColumnField::required("stage", FieldType::Text, "The name of the stage.");
pub(super) const STAGE_OR_ALL: ColumnField =
    ColumnField::required("stage", FieldType::Text, "The stage's name; `*`: all stages together.");
pub(super) const PART: ColumnField = ColumnField::required(
    "part",
    FieldType::Text,
    "The phase of the stage: `ramp`, `hold` or `drain`.",
);

/// Adds the first line of a file.
pub(super) fn head(csv: &mut Csv, fields: &[ColumnField]) {
    row(csv, fields.iter().map(|field| field.name.as_bytes()));
}

/// The columns of figures.
pub(super) fn of_figures(columns: &[CsvColumn]) -> impl Iterator<Item = ColumnField> {
    columns.iter().map(|column| column.field())
}

impl CsvColumn {
    fn field(self) -> ColumnField {
        let of = match self {
            Self::Numerator(_)
            | Self::Denominator(_)
            | Self::Counter(_)
            | Self::Gauge(_)
            | Self::Samples(_) => FieldType::Whole,
            Self::Ratio(_) | Self::Rate(_) | Self::Time(..) => FieldType::Positive,
        };
        ColumnField { name: self.heading().into(), of, doc: self.doc().into(), required: false }
    }

    /// Its meaning, on one line.
    fn doc(self) -> String {
        let text = match self {
            Self::Numerator(ratio) => format!("What `{ratio}` counts."),
            Self::Denominator(ratio) => format!("What `{ratio}` is of."),
            Self::Ratio(ratio) => {
                format!("{} A ratio from 0 to 1: {}.", ratio.row().doc, ratio.row().formula)
            }
            Self::Counter(counter) => counter.doc().to_owned(),
            Self::Gauge(gauge) => gauge.doc().to_owned(),
            Self::Rate(rate) => {
                let unit = match rate.row().unit {
                    MetricUnit::BytesPerSecond => "Bytes a second.",
                    _ => "A number a second.",
                };
                format!("{} {unit}", rate.row().doc)
            }
            Self::Samples(time) => format!("Samples of `{time}`."),
            Self::Time(time, stat) => {
                format!(
                    "{stat} of `{time}`, in milliseconds: {}",
                    Metric::Time(time, stat).row().doc
                )
            }
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
