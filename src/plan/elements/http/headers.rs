//! The headers of a request.

use crate::plan::elements::http::header_secret::check_secret;
use crate::plan::elements::http::template::{Known, template};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Fillable, Named};
use crate::plan::{Encoding, Template};
use crate::units::uri;
use ::http::{HeaderName, HeaderValue};

/// Headers that follow from the body; a second word about it would break the framing.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

pub(super) fn headers(
    field: &Field<Named<Fillable>>,
    known: &Known,
    errors: &mut Errors,
) -> Vec<(String, Template)> {
    let Some(named) = field.value() else { return Vec::new() };
    let mut headers: Vec<(String, Template)> = Vec::new();
    for (key, header) in named.read() {
        let name = key.name.to_lowercase();
        let ascii = ascii_host(&name, &header.value.0.value);
        let value = ascii.as_ref().unwrap_or(&header.value.0.value);
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            errors
                .add(key.at, "invalid header name")
                .help("a header's name has letters, digits and `-`: `content-type`");
        } else if FRAMING.contains(&name.as_str()) {
            errors
                .add(key.at, format!("`{name}` follows from the body"))
                .help("leave it out: planrun sends it");
        } else if headers.iter().any(|(other, _)| *other == name) {
            errors.add(key.at, format!("the header `{name}` is set twice"));
        }
        let text = &header.value.0;
        if name == "host" && !is_host(value) {
            errors.add(header.at, "invalid host name").help(
                "write a name and an optional port, without a scheme: `host = \"shop.example\"`",
            );
        } else if text.is_secret() && HeaderValue::from_str(&text.shown).is_ok() {
            check_secret(text, &format!("value of the header `{name}`"), header.at, errors);
        } else if HeaderValue::from_str(value).is_err() {
            errors
                .add(header.at, "a header value cannot contain line breaks or control characters")
                .help("write it on one line");
        }
        let value = match ascii {
            Some(ascii) => Template::from(ascii.as_str()),
            None => template(&header.value.0, Encoding::Plain, known, errors),
        };
        headers.push((name, value));
    }
    headers
}

/// Whether a server can be asked by this: a name or an address, and a port. An empty one is meant
/// so.
fn is_host(value: &str) -> bool {
    let wrong = |c: char| c.is_whitespace() || "/\\@?#,".contains(c);
    let bare = value.matches(':').count() > 1 && !value.starts_with('[');
    value.is_ascii() && (value.contains("${") || !(value.contains(wrong) || bare))
}

/// The name of a host beyond ASCII, as it is sent; `None` where it stands as it is.
fn ascii_host(name: &str, value: &str) -> Option<String> {
    let is_host = name == "host" && !value.is_ascii();
    is_host.then(|| uri::host_header(value)).flatten()
}
