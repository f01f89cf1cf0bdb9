//! Turns an OpenAPI document, 3.0 or 3.1, into a request for each operation.

mod document;
mod example;
mod operation;
mod security;

use super::error::{ImportError, ImportPlace};
use super::numbers::count_of;
use super::request::{ImportedRequest, ImportedUrl};
use super::rows::ImportedRows;
use super::variables::Variables;
use document::OpenApiDocument;
use operation::Operation;
use serde_json::Value;

/// What a document asks for.
#[derive(Debug, Default)]
pub(super) struct OpenApiRequests {
    pub requests: Vec<ImportedRequest>,
    pub left_out: Vec<String>,
    /// What has to be looked at before a run.
    pub advice: Vec<String>,
    /// Values of parameters in paths and queries.
    pub rows: Option<ImportedRows>,
}

/// Where the plan's target is, if the document names no server.
const NO_SERVER: &str = "http://127.0.0.1:8080";

/// The methods of operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Methods of operations that change what a server has.
const CHANGING: [&str; 4] = ["put", "post", "delete", "patch"];

/// The requests of a document.
pub(super) fn read(text: &str, variables: &mut Variables) -> Result<OpenApiRequests, ImportError> {
    let document = OpenApiDocument::parse(text)?;
    let mut found = OpenApiRequests::default();
    let mut rows = Parameters::default();
    let server = server(&document, &mut found.advice)?;
    let paths = document.root.get("paths").and_then(Value::as_object).ok_or_else(|| {
        let help = "add `paths` with at least one operation";
        ImportError::at("/paths", "expected an object of paths, found none", help)
    })?;
    let (mut deprecated, mut changing) = (0, Vec::new());
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with('/')) {
        let pointer = format!("/paths/{}", document::escaped(path));
        let item = document.resolved(item, &pointer)?;
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let at = format!("{pointer}/{method}");
            if operation.get("deprecated") == Some(&Value::Bool(true)) {
                deprecated += 1;
                continue;
            }
            if CHANGING.contains(&method) {
                changing.push(method.to_uppercase());
            }
            let operation = Operation { document: &document, item, about: operation, at: &at };
            let mut request = operation.request((&server, path, method), &mut rows)?;
            let noted = security::apply(&operation, &mut request, variables)?;
            found.left_out.extend(operation.lost());
            found.left_out.extend(noted);
            found.requests.push(request);
        }
    }
    if deprecated > 0 {
        let count = count_of(deprecated, "deprecated operation", "deprecated operations");
        found.left_out.push(count);
    }
    if !changing.is_empty() {
        let count = count_of(changing.len(), "operation changes", "operations change");
        changing.sort();
        changing.dedup();
        let methods = changing.join(", ");
        found.advice.push(format!("{count} data ({methods}): remove those that must not run"));
    }
    found.left_out.dedup();
    found.rows = rows.into_rows();
    if found.rows.is_some() {
        let advice = "values in the file of rows are examples: write those that the server knows";
        found.advice.push(advice.to_owned());
    }
    Ok(found)
}

/// The URL of the first server, without a slash at its end.
fn server(document: &OpenApiDocument, advice: &mut Vec<String>) -> Result<String, ImportError> {
    let first = document.root.pointer("/servers/0");
    let mut url = first.and_then(|one| one.get("url")?.as_str()).unwrap_or("/").to_owned();
    let variables = first.and_then(|one| one.get("variables")?.as_object());
    for (name, variable) in variables.into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    let url = super::marks::unmarked(url.trim_end_matches('/'));
    if !url.contains("://") {
        let path = if url.is_empty() || url.starts_with('/') { url } else { format!("/{url}") };
        advice.push(format!(
            "the document has no address of a server: the plan has {NO_SERVER}; --target api=URL sets another"
        ));
        return Ok(format!("{NO_SERVER}{path}"));
    }
    ImportedUrl::parse(&url).map_err(|why| {
        let help = "write the URL of a server: `servers: [{ url: \"https://api.example/v1\" }]`";
        ImportError::new(ImportPlace::Pointer("/servers/0/url".to_owned()), why, help)
    })?;
    Ok(url)
}

/// Values of parameters: a column for each name and value.
#[derive(Debug, Default)]
struct Parameters {
    columns: Vec<(String, String, String)>,
}

impl Parameters {
    /// The column of a parameter with this value.
    fn column(&mut self, name: &str, value: &str) -> String {
        let base: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let base = if base.is_empty() { "value".to_owned() } else { base };
        let numbers = std::iter::once(base.clone()).chain((2..).map(|one| format!("{base}_{one}")));
        for column in numbers {
            match self.columns.iter().find(|(one, ..)| *one == column) {
                Some((_, known, sample)) if known == name && sample == value => return column,
                Some(_) => {}
                None => {
                    self.columns.push((column.clone(), name.to_owned(), value.to_owned()));
                    return column;
                }
            }
        }
        base
    }

    fn into_rows(self) -> Option<ImportedRows> {
        if self.columns.is_empty() {
            return None;
        }
        let row = self.columns.iter().map(|(.., value)| value.clone()).collect();
        let columns = self.columns.into_iter().map(|(column, ..)| column).collect();
        Some(ImportedRows { columns, rows: vec![row] })
    }
}
