//! The headers of a request.

use crate::plan::elements::http::header_secret::check_secret;
use crate::plan::elements::http::template::{Known, template};
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Fillable, Named};
use crate::plan::{Encoding, HeaderName, HeaderValue, HostHeader, Template, Templated};
use crate::units::uri;

/// The most headers of a request: HTTP servers take 100 or fewer.
const MOST: usize = 200;

/// Headers that follow from the body; a second word about it would break the framing.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

pub(super) fn headers(
    field: &Field<Named<Fillable>>,
    known: &Known,
    errors: &mut Errors,
) -> Vec<(HeaderName, Templated<HeaderValue>)> {
    let Some(named) = field.value() else { return Vec::new() };
    let mut headers: Vec<(HeaderName, Templated<HeaderValue>)> = Vec::new();
    for (key, header) in named.read() {
        let name = key.name.to_lowercase();
        let ascii = ascii_host(&name, &header.value.0.value);
        let value = ascii.as_ref().unwrap_or(&header.value.0.value);
        let parsed = name.parse::<HeaderName>();
        if parsed.is_err() {
            errors
                .add(key.at, "invalid header name")
                .help("use letters, digits and `-`: `content-type`");
        } else if FRAMING.contains(&name.as_str()) {
            errors
                .add(key.at, format!("`{name}` follows from the body"))
                .help("leave it out: planrun sends it");
        } else if headers.iter().any(|(other, _)| **other == *name) {
            errors.add(key.at, format!("the header `{name}` is set twice"));
        }
        let text = &header.value.0;
        if name == "host" && !is_host(value) {
            errors.add(header.at, "invalid host name").help(
                "write a name and an optional port, without a scheme: `host = \"shop.example\"`",
            );
        } else if text.is_secret() && text.shown.parse::<HeaderValue>().is_ok() {
            check_secret(text, &format!("value of the header `{name}`"), header.at, errors);
        } else if value.parse::<HeaderValue>().is_err() {
            errors
                .add(header.at, "a header value cannot contain line breaks or control characters")
                .help("write it on one line");
        }
        let value = match ascii {
            Some(ascii) => Template::from(ascii.as_str()),
            None => template(&header.value.0, Encoding::Plain, known, errors),
        };
        // If either could not be parsed, an error has been reported.
        if let (Ok(name), Ok(value)) = (parsed, Templated::try_from(value)) {
            headers.push((name, value));
        }
    }
    if let Some(at) = field.key().filter(|_| headers.len() > MOST) {
        errors
            .add(at, format!("a request has at most {MOST} headers"))
            .help("leave some of them out");
    }
    headers
}

/// Whether a server can be asked by this: a name or an address, and a port. An empty one is meant
/// so.
fn is_host(value: &str) -> bool {
    let bare = value.matches(':').count() > 1 && !value.starts_with('[');
    let is_fixed = || value.is_empty() || (value.parse::<HostHeader>().is_ok() && !bare);
    value.is_ascii() && (value.contains("${") || is_fixed())
}

/// The encoded form of a non-ASCII host name; `None` if it is sent unchanged.
fn ascii_host(name: &str, value: &str) -> Option<String> {
    let is_host = name == "host" && !value.is_ascii();
    is_host.then(|| uri::host_header(value)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Overrides;
    use crate::plan::tests::{WEB, http, read};

    #[test]
    fn what_a_protocol_cannot_send_is_an_error_of_the_plan() {
        let error = |keys: &str| {
            let text = format!("{WEB}{keys}");
            let errors = read(&text, &Overrides::default()).expect_err(keys);
            errors.iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; ")
        };
        let request = |headers: &str| format!("requests = [{{ headers = {{ {headers} }} }}]\n");
        assert_eq!(error(&request("host = \"a<b\"")), "invalid host name");
        let http2 = format!("version = \"2\"\n{}", request("host = \"\""));
        assert_eq!(error(&http2), "HTTP/2 needs a host");
        let many: Vec<String> = (0..=MOST).map(|number| format!("h{number} = \"x\"")).collect();
        assert_eq!(error(&request(&many.join(", "))), "a request has at most 200 headers");
    }

    #[test]
    fn an_empty_host_can_be_sent_by_http1() {
        let text = format!("{WEB}requests = [{{ headers = {{ host = \"\" }} }}]\n");
        let plan = read(&text, &Overrides::default()).unwrap();
        assert_eq!(http(&plan).requests[0].headers, [("host".into(), "".into())]);
    }
}
