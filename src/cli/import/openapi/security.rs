//! Turns the security of an operation into variables of the environment.

use super::document::escaped;
use super::operation::Operation;
use crate::cli::import::error::ImportError;
use crate::cli::import::request::ImportedRequest;
use crate::cli::import::variables::Variables;
use serde_json::Value;

/// Adds what the first alternative of an operation's security asks for. Returns what cannot be
/// carried over.
pub(super) fn apply(
    operation: &Operation<'_>,
    request: &mut ImportedRequest,
    variables: &mut Variables,
) -> Result<Vec<String>, ImportError> {
    let root = &operation.document.root;
    let Some(security) = operation.about.get("security").or_else(|| root.get("security")) else {
        return Ok(Vec::new());
    };
    let Some(first) = security.as_array().and_then(|all| all.first()?.as_object()) else {
        return Ok(Vec::new());
    };
    let mut lost = Vec::new();
    for name in first.keys() {
        let at = format!("/components/securitySchemes/{}", escaped(name));
        let scheme = root.pointer(&at).ok_or_else(|| {
            let message = format!("the security scheme `{name}` is not defined");
            ImportError::at(
                &format!("{}/security", operation.at),
                message,
                "define it in `components.securitySchemes`",
            )
        })?;
        let scheme = operation.document.resolved(scheme, &at)?;
        lost.extend(scheme_of(name, scheme, request, variables));
    }
    Ok(lost)
}

fn scheme_of(
    name: &str,
    scheme: &Value,
    request: &mut ImportedRequest,
    variables: &mut Variables,
) -> Option<String> {
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = (text("type"), text("scheme").to_ascii_lowercase(), text("in"));
    let mut variable = |what: &str| {
        // One value for all operations: the document has none.
        variables.put(name, "", || format!("{what} of the security scheme `{name}`"))
    };
    match (kind.0, kind.1.as_str(), kind.2) {
        ("apiKey", _, "query") => {
            let put = variable("the key");
            request.query.push((text("name").to_owned(), put));
        }
        ("apiKey", _, "cookie") => {
            let pair = format!("{}={}", text("name"), variable("the key"));
            request.headers.push(("cookie".to_owned(), pair));
        }
        ("apiKey", _, "header") => {
            let put = variable("the key");
            request.headers.push((text("name").to_owned(), put));
        }
        ("http", "basic", _) => {
            // The document has no name and no password: any stands for those of the scheme.
            request.basic = Some(format!("{name}:"));
        }
        ("http", "bearer", _) | ("oauth2" | "openIdConnect", _, _) => {
            let put = variable("the access token");
            request.headers.push(("authorization".to_owned(), format!("Bearer {put}")));
        }
        _ => return Some(format!("the security scheme `{name}`: a plan has none of its kind")),
    }
    None
}
