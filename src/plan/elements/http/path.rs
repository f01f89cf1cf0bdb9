//! The path and query of a request.

use crate::plan::Template;
use crate::plan::elements::http::template::{Known, add_parameter, of_path};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, Fillable, Named};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::units::uri;
use ::http::uri::PathAndQuery;

/// Whether a text begins with the scheme of a URL (RFC 3986, 3.1).
fn begins_with_a_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_of_scheme)
}

pub(super) fn path(given: &At<Fillable>, method: &str, query: Option<Span>, errors: &mut Errors) {
    let Fillable(text) = &given.value;
    // What is filled in later is encoded so that it fits.
    let mut path = text.value.clone();
    for blank in text.blanks.iter().rev() {
        let stands_for = if blank.range.start == 0 { "/" } else { "x" };
        path.replace_range(blank.range.clone(), stands_for);
    }
    if path == "*" {
        // All of the server, and nothing of it (RFC 9110, 9.3.7).
        if method != "OPTIONS" {
            errors
                .add(given.at, "only OPTIONS can have the path `*`")
                .help("write `method = \"OPTIONS\"`, or a path: `\"/\"`");
        } else if let Some(at) = query {
            errors.add(at, "`*` has no query").help("leave `query` out, or write a path: `\"/\"`");
        }
    } else if begins_with_a_scheme(&path) {
        errors
            .add(given.at, "expected a path, found a URL")
            .help("write the path alone, the host is the target's: `\"/index.html\"`");
    } else if !path.starts_with('/') {
        let error = errors.add(given.at, "a path starts with `/`");
        if !text.is_secret() {
            error.help(format!("write `\"/{}\"`", text.shown));
        }
    } else if path.contains('#') {
        errors
            .add(given.at, "a path has no `#`: what follows it is never sent")
            .help("leave it out, or write `%23`");
    } else if path.parse::<PathAndQuery>().is_err()
        || path.contains(|c: char| !c.is_ascii_graphic())
    {
        let error = errors.add(given.at, "this path has characters that are not allowed in a path");
        if text.is_secret() {
            error.help("encode them: a space is `%20`");
        } else {
            error.help(format!("write `\"{}\"`", uri::sendable(&text.shown).collect::<String>()));
        }
    }
}

/// The path with these parameters behind those that it has.
pub(super) fn with_query(
    text: &Text,
    query: &Field<Named<Fillable>>,
    known: &Known,
    errors: &mut Errors,
) -> Template {
    let mut path = of_path(text, known, errors);
    for (key, given) in query.value().into_iter().flat_map(Named::read) {
        add_parameter(&mut path, &key.name, &given.value.0, known, errors);
    }
    path
}
