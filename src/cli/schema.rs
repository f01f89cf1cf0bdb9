//! The `schema` subcommand: schemas of what planrun reads and writes.

use super::doctor::DoctorReport;
use super::{ExitStatus, print_result};
use crate::machine::Environment;
use crate::plan::Plan;
use crate::report::schema::{self, TableFile};
use crate::results::compare::RunComparison;
use crate::results::verify::Verification;
use crate::units::schema::written;
use clap::{Args, ValueEnum};
use serde_json::Value;

const EXIT_STATUS: &str = "\
Exit status:
  0  the schema is printed
  2  there is no such format";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct SchemaArgs {
    /// The format to describe.
    #[arg(value_enum, value_name = "FORMAT", default_value = "plan")]
    format: SchemaFormat,
}

/// A format that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// Plans: JSON Schema for editors.
    Plan,
    /// report.json: JSON Schema.
    Report,
    /// environment.json: JSON Schema.
    Environment,
    /// What a search leaves behind: JSON Schema.
    Search,
    /// Each line of `--progress json`: JSON Schema.
    Progress,
    /// Each line of `verify --json`: JSON Schema.
    Verify,
    /// `compare --json`: JSON Schema.
    Compare,
    /// `doctor --json`, of this machine: JSON Schema.
    Doctor,
    /// summary.csv: Table Schema.
    Summary,
    /// requests.csv: Table Schema.
    Requests,
    /// failures.csv: Table Schema.
    Failures,
    /// checks.csv: Table Schema.
    Checks,
    /// addresses.csv: Table Schema.
    Addresses,
    /// timeline.csv: Table Schema.
    Timeline,
    /// monitors.csv: Table Schema.
    Monitors,
}

impl SchemaFormat {
    /// The name of its file in `docs/schemas`.
    #[cfg(test)]
    pub(crate) fn file_name(self) -> String {
        let name = self.to_possible_value().expect("no format is hidden");
        let kind = if TableFile::ALL.iter().any(|table| table.name() == name.get_name()) {
            "table-schema"
        } else {
            "schema"
        };
        format!("{}.{kind}.json", name.get_name())
    }

    /// The schema, as indented JSON.
    pub(crate) fn text(self) -> String {
        format!("{:#}\n", self.schema())
    }

    fn schema(self) -> Value {
        match self {
            Self::Plan => Plan::schema(),
            Self::Report => schema::report(),
            Self::Environment => Environment::schema(),
            Self::Search => schema::search(),
            Self::Progress => crate::observe::progress_schema(),
            Self::Verify => written::<Verification>(),
            Self::Compare => written::<RunComparison>(),
            Self::Doctor => written::<DoctorReport<'_>>(),
            Self::Summary => TableFile::Summary.schema(),
            Self::Requests => TableFile::Requests.schema(),
            Self::Failures => TableFile::Failures.schema(),
            Self::Checks => TableFile::Checks.schema(),
            Self::Addresses => TableFile::Addresses.schema(),
            Self::Timeline => TableFile::Timeline.schema(),
            Self::Monitors => TableFile::Monitors.schema(),
        }
    }
}

pub(super) fn schema(args: &SchemaArgs) -> ExitStatus {
    print_result(args.format.text().as_bytes())
}
