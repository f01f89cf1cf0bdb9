//! Documents that are generated from tables of the code, and compared with what is committed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub(super) const NOTE: &str =
    "<!-- Generated from tables by `UPDATE=1 cargo test --lib tests::docs`. -->\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Asserts that a committed document is the generated one; with `UPDATE` set, writes it first.
pub(super) fn holds(name: &str, document: impl FnOnce(&str) -> String) {
    let old = std::fs::read_to_string(path(name)).unwrap_or_default();
    let new = document(&old);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(name), &new).unwrap();
    }
    let is = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(is == new, "{name} is stale: run `UPDATE=1 cargo test --lib tests::docs`");
}

/// A text on one line.
pub(super) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A row of a Markdown table.
pub(super) fn row(out: &mut String, cells: &[String]) {
    for cell in cells {
        let space = if cell.is_empty() { "" } else { " " };
        write!(out, "|{space}{cell} ").unwrap();
    }
    out.push_str("|\n");
}

/// The head of a Markdown table.
pub(super) fn heading(out: &mut String, cells: &[&str]) {
    row(out, &cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    writeln!(out, "|{}", "---|".repeat(cells.len())).unwrap();
}
