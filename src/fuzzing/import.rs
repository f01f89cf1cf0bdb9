//! Passes arbitrary bytes to each importer: what comes out is a plan, whatever went in.

use crate::cli::{IMPORT_FORMATS, imported_plan};
use crate::plan::{Overrides, Plan, Source};

/// A file to import, as each of the formats.
///
/// # Panics
/// Where a plan that was made cannot be read, or a character of it cannot be printed.
pub fn import(bytes: &[u8]) {
    for format in IMPORT_FORMATS {
        let Some(text) = imported_plan(format, bytes) else { continue };
        assert!(text.starts_with("# Made by"), "{format}: {text}");
        let source = Source { name: "imported.toml".to_owned(), text };
        let any = |_: &str| Some("name:password".to_owned());
        if let Err(errors) = Plan::parse(&source, &Overrides::default(), &any) {
            panic!("{format}: {errors}\n{}", source.text);
        }
    }
}
