//! `docs/plan-keys.md`: every key of a plan, from the table that `planrun explain` reads.
//! `UPDATE=1 cargo test --lib tests::docs` writes it again: read the difference.

use super::document::{NOTE, heading, holds, row};
use crate::plan::Plan;
use std::fmt::Write as _;

fn document() -> String {
    let mut out = format!(
        "# Plan keys\n\n{NOTE}\n\
         Every key of a plan file, by the table that it belongs to. `NAME` is a name of your own. \
         Keys in bold are required. `planrun schema` prints the same as a JSON Schema for \
         editors.\n"
    );
    for section in Plan::keys() {
        let place = &section.place;
        let title = if place.is_empty() { "The plan".to_owned() } else { format!("`{place}`") };
        writeln!(out, "\n## {title}\n\n{}\n", section.about).unwrap();
        heading(&mut out, &["key", "value", "meaning"]);
        for key in section.keys {
            let name = if key.is_required {
                format!("**`{}`**", key.name)
            } else {
                format!("`{}`", key.name)
            };
            row(&mut out, &[name, key.value, key.meaning.replace('|', "\\|")]);
        }
    }
    out
}

#[test]
fn the_document_of_plan_keys_is_that_of_the_schema() {
    let document = document();
    let keys = document.matches("\n| `").count() + document.matches("\n| **`").count();
    assert!(keys > 100, "{keys} keys");
    holds("docs/plan-keys.md", |_| document);
}
