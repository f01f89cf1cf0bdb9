//! `docs/exit-statuses.md`: exit statuses of runs and of commands, from the table and the help
//! texts that they are printed from.

use super::document::{NOTE, heading, holds, line, row};
use crate::cli::{commands_with_statuses, statuses_of_runs};
use std::fmt::Write as _;

fn document() -> String {
    let mut out = format!(
        "# Exit statuses\n\n{NOTE}\n\
         `planrun PLAN.toml`, `planrun doctor` and `planrun agent` exit with these. What they mean \
         for a CI job: [In CI](ci.md). `planrun explain 3` prints one.\n\n"
    );
    heading(&mut out, &["status", "meaning"]);
    for (code, meaning) in statuses_of_runs() {
        row(&mut out, &[code.to_string(), line(meaning).trim_end_matches('.').to_owned()]);
    }
    for (command, statuses) in commands_with_statuses() {
        writeln!(out, "\n## `{command}`\n").unwrap();
        heading(&mut out, &["status", "meaning"]);
        for (code, meaning) in statuses {
            row(&mut out, &[code, line(&meaning)]);
        }
    }
    out
}

#[test]
fn the_document_of_exit_statuses_is_that_of_their_tables() {
    let document = document();
    assert!(document.matches("\n## ").count() >= 10, "{document}");
    holds("docs/exit-statuses.md", |_| document);
}
