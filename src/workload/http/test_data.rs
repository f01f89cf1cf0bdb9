//! Turns the files that a scenario names into what its requests are made of.

use super::generated_values::ValueGenerator;
use super::rows::{Format, RowError, Rows};
use crate::plan::Data;
use crate::units::figure::grouped;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The files of a scenario, as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioFiles {
    /// The file of rows.
    pub data: Option<Vec<u8>>,
    /// Its known facts.
    pub data_file: Option<DataFile>,
    /// Bodies, by the path in the plan.
    pub bodies: Vec<(PathBuf, Vec<u8>)>,
}

/// The facts of a file of rows that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Where it is, without links: two names of one file are the same here.
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// How much memory its rows take in each worker, in bytes.
    pub memory: u64,
    /// Of each column that is used as a path: rows in which it is surely none.
    pub no_paths: Vec<InvalidPaths>,
}

/// Rows whose value cannot be sent as the path that the plan makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidPaths {
    /// The column's name.
    pub column: String,
    /// How many rows.
    pub rows: u64,
    /// The first of them, from 1.
    pub first: u64,
}

impl InvalidPaths {
    /// The rows in which a column neither begins with `/` nor is a URL; `None` when there is none.
    pub fn of(rows: &Rows, column: &str) -> Option<Self> {
        let at = rows.column(column)?;
        let is_path = |value: &str| {
            let scheme = value.split_once("://").map_or("", |(scheme, _)| scheme);
            value.starts_with('/')
                || value == "*"
                || ["http", "https"].iter().any(|one| scheme.eq_ignore_ascii_case(one))
        };
        let wrong = |row: &u64| rows.value(*row, at).is_some_and(|value| !is_path(value));
        let mut wrong = (0..rows.len()).filter(wrong);
        let first = wrong.next()? + 1;
        let count = wrong.count() as u64 + 1;
        Some(Self { column: column.to_owned(), rows: count, first })
    }
}

/// The data that requests are made from.
#[derive(Debug, Default)]
pub struct TestData {
    /// The rows.
    pub rows: Option<Rows>,
    /// Their file, as the plan names it.
    file: PathBuf,
    bodies: Vec<(PathBuf, Vec<u8>)>,
    /// The source of generated values.
    pub(super) values: ValueGenerator,
}

impl TestData {
    /// The stock of a scenario.
    ///
    /// # Errors
    /// The problem of the file of rows.
    pub fn new(data: Option<&Data>, files: ScenarioFiles) -> Result<Self, RowError> {
        let rows = match (data, files.data) {
            (Some(data), Some(bytes)) => Some(Rows::parse(&bytes, Format::of(data))?),
            _ => None,
        };
        let file = data.map(|data| data.file.clone()).unwrap_or_default();
        Ok(Self { rows, file, bodies: files.bodies, values: ValueGenerator::default() })
    }

    /// The same, with values that are generated for a scenario, by its index in the plan.
    #[must_use]
    pub fn seeded(self, seed: u64, scenario: usize) -> Self {
        Self { values: ValueGenerator::new(seed, scenario), ..self }
    }

    /// Says that no row is left.
    pub(super) fn all_used(&self) -> String {
        let rows = self.rows.as_ref().map_or(0, Rows::len);
        format!("all {} rows of {} were used", grouped(rows), self.file.display())
    }

    /// The content of a body's file.
    pub(super) fn body(&self, path: &Path) -> Option<&[u8]> {
        self.bodies.iter().find(|(one, _)| one == path).map(|(_, bytes)| bytes.as_slice())
    }
}
