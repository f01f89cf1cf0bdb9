//! Turns a file of data into rows whose values are found by number: CSV with a header, or JSON
//! lines.

use super::{csv_quotes, json, json_lines};
use crate::plan::Data;
use crate::units::narrow32;
use std::collections::BTreeSet;

/// A larger file of data is refused: bytes. It goes to every worker.
pub(crate) const LARGEST_DATA: u64 = 32 << 20;

/// How a file of data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Values with this byte between them, the columns' names first.
    Csv(u8),
    /// An object a line.
    JsonLines,
}

impl Format {
    /// How a file of data is written, by the end of its name.
    pub(crate) fn of(data: &Data) -> Self {
        let is = |ending: &str| {
            data.file.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending))
        };
        if is("csv") || is("tsv") { Self::Csv(data.separator) } else { Self::JsonLines }
    }

    /// How a file of it is written, as a help for an error in one.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Csv(_) => {
                "a CSV file has a line with the names of its columns, and rows of as many values"
            }
            Self::JsonLines => {
                "a file of JSON lines has one object per line, each with the same names"
            }
        }
    }
}

/// An error in a file of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line, from 1; zero when it is about the whole file.
    pub line: u64,
    /// What.
    pub what: String,
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: {}", self.line, self.what)
        } else {
            f.write_str(&self.what)
        }
    }
}

/// Rows of texts, each with a value for every column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    columns: Vec<String>,
    /// All values, one behind the other.
    text: String,
    /// Where each value ends.
    ends: Vec<u32>,
}

impl Rows {
    /// Reads a file; at least one row.
    ///
    /// # Errors
    /// The first thing that is wrong, by line.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Self, RowError> {
        if bytes.len() as u64 > LARGEST_DATA {
            return Err(RowError { line: 0, what: "it is larger than 32 MiB".to_owned() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count() as u64;
            let wide = [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| bytes.starts_with(mark));
            let what = if wide { "it is UTF-16: save it as UTF-8" } else { "it is not UTF-8" };
            RowError { line, what: what.to_owned() }
        })?;
        if let Some(at) = text.find('\0') {
            let line = text[..at].split('\n').count() as u64;
            let what = "it has a NUL byte, as UTF-16 and binary files have: save it as UTF-8";
            return Err(RowError { line, what: what.to_owned() });
        }
        let text = without_mark(text);
        let rows = match format {
            Format::Csv(separator) => Self::csv(text, separator)?,
            Format::JsonLines => Self::json_lines(text)?,
        };
        if rows.is_empty() {
            return Err(RowError { line: 0, what: "it has no rows".to_owned() });
        }
        Ok(rows)
    }

    fn csv(text: &str, separator: u8) -> Result<Self, RowError> {
        if let Some(said) = first_line(text).strip_prefix("sep=")
            && said.len() == 1
        {
            let what = format!(
                "`sep={said}` is a line for Excel alone: remove it, and write `separator = \"{}\"` in the plan",
                said.escape_default()
            );
            return Err(RowError { line: 1, what });
        }
        csv_quotes::check(text, separator)
            .map_err(|(line, what)| RowError { line, what: what.to_owned() })?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(separator)
            .from_reader(text.as_bytes());
        let wrong = |error: &csv::Error| RowError {
            line: error.position().map_or(0, csv::Position::line),
            what: error.to_string(),
        };
        let header = reader.headers().map_err(|error| wrong(&error))?.clone();
        let mut rows =
            Self { columns: header.iter().map(str::to_owned).collect(), ..Self::default() };
        rows.check_columns()?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| wrong(&error))? {
            if record.len() != rows.columns.len() {
                let line = record.position().map_or(0, csv::Position::line);
                let (has, wants) = (record.len(), rows.columns.len());
                let (values, names) = (counted(has, "value"), counted(wants, "name"));
                let what = format!("this row has {values}, and the header has {names}");
                return Err(RowError { line, what });
            }
            for value in &record {
                rows.push(value);
            }
        }
        Ok(rows)
    }

    fn json_lines(text: &str) -> Result<Self, RowError> {
        let mut rows = Self::default();
        for (line, written) in (1..).zip(text.lines()) {
            if written.trim().is_empty() {
                continue;
            }
            let row = json_lines::row(written).map_err(|what| RowError { line, what })?;
            if rows.columns.is_empty() {
                if row.is_empty() {
                    return Err(RowError { line, what: "this object has no names".to_owned() });
                }
                rows.columns = row.keys().cloned().collect();
                rows.check_columns()?;
            }
            for column in rows.columns.clone() {
                let Some(value) = row.get(&column) else {
                    let what = format!("this row has no `{column}`, and the first row has");
                    return Err(RowError { line, what });
                };
                if value.get() == "null" {
                    rows.push("");
                    continue;
                }
                let value = json::text(value.get())
                    .map_err(|what| RowError { line, what: format!("`{column}` is {what}") })?;
                rows.push(&value);
            }
            if let Some(other) = row.keys().find(|key| !rows.columns.contains(key)) {
                let what = format!("this row has `{other}`, and the first row has not");
                return Err(RowError { line, what });
            }
        }
        Ok(rows)
    }

    fn check_columns(&self) -> Result<(), RowError> {
        let mut seen = BTreeSet::new();
        let twice = self.columns.iter().find(|name| !seen.insert(name.as_str()));
        let what = match twice {
            _ if self.columns.iter().any(|name| name.trim().is_empty()) => {
                "a column has no name".to_owned()
            }
            Some(name) => format!("two columns are called `{name}`"),
            None => {
                let Some(name) = self.columns.iter().find(|name| name.trim() != **name) else {
                    return Ok(());
                };
                format!(
                    "a column is called `{name}`, with a space: remove the spaces around the separators"
                )
            }
        };
        Err(RowError { line: 1, what })
    }

    fn push(&mut self, value: &str) {
        self.text.push_str(value);
        // Files are smaller than 4 GiB, and no value is longer than it is in its file.
        self.ends.push(narrow32(self.text.len()));
    }

    /// The columns, in the file's order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|one| one == name)
    }

    /// How many rows there are.
    pub fn len(&self) -> u64 {
        (self.ends.len() / self.columns.len().max(1)) as u64
    }

    /// How much memory they take: bytes.
    pub fn memory(&self) -> u64 {
        let columns: usize = self.columns.iter().map(String::capacity).sum();
        (columns + self.text.capacity() + self.ends.capacity() * size_of::<u32>()) as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A value; `None` where there is no such row or column.
    pub fn value(&self, row: u64, column: usize) -> Option<&str> {
        let first = usize::try_from(row).ok()?.checked_mul(self.columns.len())?;
        let at = first.checked_add(column).filter(|_| column < self.columns.len())?;
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.text.get(start..end)
    }
}

/// The text without a byte order mark, and without the empty lines around it: readers of CSV pass
/// over those, and would take the mark for a part of the first name.
fn without_mark(text: &str) -> &str {
    let inner = text.trim_start_matches(['\r', '\n']);
    inner.strip_prefix('\u{feff}').unwrap_or(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// `1 value`, `2 values`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: Format = Format::Csv(b',');

    fn wrong(text: &[u8], format: Format) -> String {
        let RowError { line, what } = Rows::parse(text, format).unwrap_err();
        format!("{line}: {what}")
    }

    #[test]
    fn values_are_found_by_row_and_column() {
        let csv = "\u{feff}id,name\r\n7,\"Ada, the first\"\r\n8,\"say \"\"hi\"\"\nthere\"\r\n";
        let rows = Rows::parse(csv.as_bytes(), CSV).unwrap();
        assert_eq!((rows.len(), rows.column("name"), rows.column("age")), (2, Some(1), None));
        assert_eq!(rows.value(0, 1), Some("Ada, the first"));
        assert_eq!(rows.value(1, 0), Some("8"));
        assert_eq!(rows.value(1, 1), Some("say \"hi\"\nthere"));
        assert_eq!((rows.value(2, 0), rows.value(0, 2)), (None, None));
        let json = "{\"id\": 7, \"name\": \"Ada\", \"on\": true}\n\n{\"name\": null, \"on\": [1], \"id\": 8.5}";
        let rows = Rows::parse(json.as_bytes(), Format::JsonLines).unwrap();
        let value = |row, name| rows.value(row, rows.column(name).unwrap()).unwrap();
        assert_eq!((value(0, "id"), value(0, "name"), value(0, "on")), ("7", "Ada", "true"));
        assert_eq!((value(1, "id"), value(1, "name"), value(1, "on")), ("8.5", "", "[1]"));
    }

    #[test]
    fn numbers_of_json_lines_keep_their_text() {
        let json = "{\"id\":12345678901234567890123,\"price\":1.10,\"e\":1e2,\"all\":[1.0, 2]}";
        let rows = Rows::parse(json.as_bytes(), Format::JsonLines).unwrap();
        let value = |name| rows.value(0, rows.column(name).unwrap()).unwrap();
        let all = [value("id"), value("price"), value("e"), value("all")];
        assert_eq!(all, ["12345678901234567890123", "1.10", "1e2", "[1.0, 2]"]);
    }

    #[test]
    fn values_stand_between_the_separator_that_the_plan_names() {
        let rows = Rows::parse(b"a;b\n1;\"2;3\"\n", Format::Csv(b';')).unwrap();
        assert_eq!((rows.value(0, 0), rows.value(0, 1)), (Some("1"), Some("2;3")));
        let rows = Rows::parse(b"a\tb\n1\t2,3\n", Format::Csv(b'\t')).unwrap();
        assert_eq!(rows.value(0, 1), Some("2,3"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        for text in ["\u{feff}a,b\n1,2\n", "\u{feff}\n\na,b\n1,2\n", "\r\n\n\u{feff}a,b\n1,2\n"] {
            let rows = Rows::parse(text.as_bytes(), CSV).unwrap();
            assert_eq!(
                (rows.columns(), rows.value(0, 0)),
                (&["a".into(), "b".into()][..], Some("1"))
            );
        }
        let rows = Rows::parse("\n\u{feff}{\"a\":1}\n".as_bytes(), Format::JsonLines).unwrap();
        assert_eq!(rows.value(0, 0), Some("1"));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        use Format::JsonLines;
        assert_eq!(wrong(b"", CSV), "0: it has no rows");
        assert_eq!(wrong(b"id\n", CSV), "0: it has no rows");
        assert_eq!(wrong(b"a,a\n1,2\n", CSV), "1: two columns are called `a`");
        assert_eq!(wrong(b"a,\n1,2\n", CSV), "1: a column has no name");
        assert_eq!(
            wrong(b"a,b\n1,2\n3\n", CSV),
            "3: this row has 1 value, and the header has 2 names"
        );
        let space =
            "1: a column is called ` b`, with a space: remove the spaces around the separators";
        assert_eq!(wrong(b"a, b\n1, 2\n", CSV), space);
        assert_eq!(wrong(b"{\"a\":1,\" b\":2}\n", JsonLines), space);
        assert_eq!(wrong(b"a\n1\n\xff\n", CSV), "3: it is not UTF-8");
        assert_eq!(wrong(b"\xff\xfea\0\n\0", CSV), "1: it is UTF-16: save it as UTF-8");
        let nul = "it has a NUL byte, as UTF-16 and binary files have: save it as UTF-8";
        assert_eq!(wrong(b"a\0\n\x001\0", CSV), format!("1: {nul}"));
        assert_eq!(wrong(b"a,b\n1\0,2\n", CSV), format!("2: {nul}"));
        assert_eq!(
            wrong(b"sep=;\r\na;b\r\n1;2\r\n", CSV),
            "1: `sep=;` is a line for Excel alone: remove it, and write `separator = \";\"` in the plan"
        );
        assert_eq!(wrong(b"a,b\n1,\"2\n3,4\n", CSV), "2: a quote is never closed");
        assert_eq!(wrong(b"\n", JsonLines), "0: it has no rows");
        assert_eq!(wrong(b"\n{}\n{\"a\":1}\n", JsonLines), "2: this object has no names");
        assert_eq!(
            wrong(b"{\"a\":1}\n{\"a\":\"\\ud800\"}\n", JsonLines),
            "2: `a` is a string with half of a surrogate pair, which no text can have"
        );
        assert!(wrong(b"{\"a\":1}\n1\n", JsonLines).starts_with("2: this is not a JSON object: "));
        let array = "expected a JSON object, found an array: write one object per line";
        assert_eq!(wrong(b"{\"a\":1}\n [1]\n", JsonLines), format!("2: {array}"));
        assert_eq!(wrong(b"{\"a\":1,\"a\":2}\n", JsonLines), "1: two values are called `a`");
        assert_eq!(
            wrong(b"{\"a\":1}\n{}\n", JsonLines),
            "2: this row has no `a`, and the first row has"
        );
        assert_eq!(
            wrong(b"{\"a\":1}\n{\"a\":1,\"b\":2}\n", JsonLines),
            "2: this row has `b`, and the first row has not"
        );
    }
}
