//! Rows of values: `${row.COLUMN}`.

use crate::plan::TextRange;
use crate::plan::elements::http::template::spot;
use crate::plan::error::Errors;
use crate::plan::raw::file_path;
use crate::plan::raw::{Field, table, words};
use crate::plan::text::Text;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Rows of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Relative to the folder of the plan.
    pub file: PathBuf,
    /// Which row an iteration takes.
    pub order: RowOrder,
    /// The separator of values in a CSV file; one ASCII byte.
    pub separator: u8,
    /// The place in the plan that names the file.
    pub spot: TextRange,
}

/// Which row an iteration takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowOrder {
    /// Pass `p` of user `u` takes row `u + p × the most users`, arrival `i` row `i`; behind the
    /// last row the first again.
    Sequential,
    /// Any, by the plan's seed and the number of the user or the arrival.
    Random,
    /// No row twice in the whole run, in any scenario; no pass goes without while a row is left.
    Unique,
}

words! {
    /// Which row an iteration takes.
    OrderWord {
        /// In order, starting again at the first.
        Sequential = "sequential",
        /// At random, by the plan's seed.
        Random = "random",
        /// Each row once in the whole run, even if several scenarios use the file.
        Unique = "unique",
    }
}

table! {
    /// Rows of values: `${row.COLUMN}`.
    #[schemars(rename = "Data")]
    RawData, "`data`", write "a table: `{ file = \"rows.csv\" }`",
    must {
        /// A CSV file with a header (`.csv`, `.tsv`), or a file of JSON lines (`.jsonl`), relative
        /// to the folder of the plan; at most 32 MiB.
        file: Text = "file = \"rows.csv\"",
    }
    may {
        /// Which row an iteration takes. Default: `sequential`.
        order: OrderWord,
        /// The separator of values in a CSV file. Default: `,`; a tab (`"\t"`) in a `.tsv` file.
        separator: Text,
    }
}

pub(super) fn data(raw: &RawData, errors: &mut Errors) -> Option<Data> {
    let given = raw.file.given()?;
    let file = file_path(given, "rows.csv", errors);
    let kind = file.extension().and_then(|one| one.to_str()).unwrap_or_default().to_owned();
    let kind = kind.as_str();
    if !given.value.is_secret() && !["csv", "tsv", "jsonl", "ndjson"].contains(&kind) {
        errors
            .add(given.at, "the name of a data file ends in `.csv`, `.tsv` or `.jsonl`")
            .help("CSV has a line with the names of its columns, JSON lines have an object each");
    }
    let order = match raw.order.value() {
        None | Some(OrderWord::Sequential) => RowOrder::Sequential,
        Some(OrderWord::Random) => RowOrder::Random,
        Some(OrderWord::Unique) => RowOrder::Unique,
    };
    let usual = if kind == "tsv" { b'\t' } else { b',' };
    let is_table = ["csv", "tsv"].contains(&kind);
    let separator = separator(&raw.separator, is_table, errors).unwrap_or(usual);
    Some(Data { file, order, separator, spot: spot(given.at) })
}

/// The separator of values, if the plan sets it.
fn separator(field: &Field<Text>, is_table: bool, errors: &mut Errors) -> Option<u8> {
    let given = field.given()?;
    if !is_table {
        errors
            .add(given.at, "only CSV files have a separator")
            .help("leave `separator` out: each line of the file is a JSON object");
        return None;
    }
    match given.value.value.as_bytes() {
        [byte] if !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\r' | b'\n' | b' ') => {
            Some(*byte)
        }
        _ => {
            errors
                .add(given.at, "a separator is one character of punctuation, or a tab")
                .help("write `separator = \";\"`, or `separator = \"\\t\"` for a tab");
            None
        }
    }
}
