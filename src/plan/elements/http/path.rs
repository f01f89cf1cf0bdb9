//! The path and query of a request.

use crate::plan::elements::http::template::{Known, add_parameter, of_path};
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, Fillable, Named};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::{RequestPath, Template, Templated};
use crate::units::uri;
use ::http::uri::PathAndQuery;

/// Whether a text begins with the scheme of a URL (RFC 3986, 3.1).
fn begins_with_a_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_of_scheme)
}

/// The path of a request with its query; `None` if it is invalid, which an error reports.
pub(super) fn path(
    given: &At<Fillable>,
    method: &str,
    query: &Field<Named<Fillable>>,
    known: &Known,
    errors: &mut Errors,
) -> Option<Templated<RequestPath>> {
    let before = errors.count();
    check(given, method, query.key(), errors);
    let path = Templated::try_from(with_query(&given.value.0, query, known, errors));
    if path.is_err() && errors.count() == before {
        errors
            .add(given.at, "this path and its query are longer than 65534 bytes")
            .help("shorten it, or send its values in the body of a POST");
    }
    path.ok()
}

fn check(given: &At<Fillable>, method: &str, query: Option<Span>, errors: &mut Errors) {
    let Fillable(text) = &given.value;
    // Values filled in later are encoded to fit.
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
fn with_query(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{WEB, http, plan};

    #[test]
    fn parameters_are_encoded() {
        let requests = |keys: &str| {
            let parsed = plan(&format!("{WEB}{keys}"));
            http(&parsed).requests.clone()
        };
        let query =
            "requests = [{ path = \"/a?x=1\", query = { \"q q\" = \"ä&=\", page = \"2~\" } }]\n";
        assert_eq!(
            requests(query)[0].path,
            Some(Templated::Fixed("/a?x=1&q%20q=%C3%A4%26%3D&page=2~".parse().unwrap()))
        );
    }

    #[test]
    fn a_path_that_is_too_long_with_its_query_is_an_error() {
        let value = "x".repeat(66_000);
        let text = format!("{WEB}requests = [{{ path = \"/\", query = {{ q = \"{value}\" }} }}]\n");
        let errors = crate::plan::tests::read(&text, &crate::plan::Overrides::default());
        let message = errors.expect_err("too long").iter().next().unwrap().message.clone();
        assert_eq!(message, "this path and its query are longer than 65534 bytes");
    }
}
