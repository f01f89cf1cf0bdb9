//! `docs/schemas` has the schemas that `planrun schema` prints.

use super::document::holds;
use crate::cli::SchemaFormat;
use clap::ValueEnum;

#[test]
fn the_schemas_are_those_of_the_types_and_columns() {
    let formats = SchemaFormat::value_variants();
    let names: Vec<String> = formats.iter().map(|format| format.file_name()).collect();
    for (format, name) in formats.iter().zip(&names) {
        holds(&format!("docs/schemas/{name}"), |_| format.text());
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name} is of no format");
    }
}
