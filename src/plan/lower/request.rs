//! The kinds of requests of a scenario.

use super::count;
use crate::plan::error::Errors;
use crate::plan::names::{self, Kind};
use crate::plan::raw::{At, Field, Header, Named, RawExpect, RawRequest, RawTable};
use crate::plan::tree::{Place, Text};
use crate::plan::{Expect, Request};
use ::http::uri::PathAndQuery;
use ::http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A scenario has at most so many kinds of requests.
const MOST: usize = 1_000;

/// What is encoded in a parameter: all but the unreserved characters of RFC 3986.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that follow from the body; a second word about it would break the framing.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

pub(super) fn requests(field: &Field<Vec<RawRequest>>, errors: &mut Errors) -> Vec<Request> {
    let Some(given) = field.given() else { return vec![the_target_itself()] };
    if given.value.is_empty() {
        errors
            .add(given.at, "the list of requests is empty")
            .help("leave `requests` out for one GET of the target's own path");
    }
    if let Some(raw) = given.value.get(MOST) {
        errors.add(raw.place(), format!("a scenario has at most {MOST} kinds of requests"));
        return Vec::new();
    }
    let mut named: Vec<(String, Place)> = Vec::new();
    let mut requests = Vec::new();
    for raw in &given.value {
        let request = request(raw, errors);
        let at = raw.name.given().map_or(raw.place(), |name| name.at);
        if let Some((_, first)) = named.iter().find(|(name, _)| *name == request.name) {
            errors
                .add(at, format!("two requests are called `{}`", request.name))
                .label("the second")
                .also(*first, "the first")
                .help("give one of them another `name`: reports tell requests apart by it");
        }
        named.push((request.name.clone(), at));
        requests.push(request);
    }
    requests
}

/// One GET of the target's own path.
fn the_target_itself() -> Request {
    Request {
        name: "get".to_owned(),
        method: "GET".to_owned(),
        path: None,
        weight: 1,
        headers: Vec::new(),
        body: String::new(),
        expect: Expect::default(),
    }
}

fn request(raw: &RawRequest, errors: &mut Errors) -> Request {
    let method = method(&raw.method, errors);
    let path = raw.path.given().map(|given| {
        path(given, errors);
        with_query(&given.value.value, &raw.query)
    });
    if let Some(at) = raw.query.key().filter(|_| raw.path.is_absent()) {
        errors
            .add(at, "a query needs the path that it is added to")
            .help("write it, too: `path = \"/search\"`");
    }
    let name = match raw.name.given() {
        Some(given) => {
            let name = names::public(given, errors).unwrap_or_default();
            if !name.is_empty() || !given.value.is_secret() {
                names::check(name, Kind::Line, given.at, errors);
            }
            name.to_owned()
        }
        None => match raw.path.given() {
            Some(given) => format!("{method} {}", given.value.shown),
            None => method.to_lowercase(),
        },
    };
    let weight = count(&raw.weight, "weight", errors).unwrap_or(1);
    let weight = u32::try_from(weight).unwrap_or_else(|_| {
        if let Some(given) = raw.weight.given() {
            errors
                .add(given.at, "this weight is too large")
                .help("weights only count against each other: `weight = 9`");
        }
        1
    });
    Request {
        name,
        method,
        path,
        weight,
        headers: headers(&raw.headers, errors),
        body: raw.body.value().map(|body| body.value.clone()).unwrap_or_default(),
        expect: raw.expect.value().map(expect).unwrap_or_default(),
    }
}

fn method(field: &Field<Text>, errors: &mut Errors) -> String {
    let Some(given) = field.given() else { return "GET".to_owned() };
    let method = &given.value.value;
    let upper = method.to_uppercase();
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"];
    if given.value.is_secret() {
        names::public(given, errors);
    } else if method == "CONNECT" {
        errors.add(given.at, "CONNECT opens a tunnel, and planrun sends requests");
    } else if known.contains(&upper.as_str()) && upper != *method {
        errors
            .add(given.at, format!("`{method}` is no method: methods are in capitals"))
            .help(format!("write `\"{upper}\"`"));
    } else if Method::from_bytes(method.as_bytes()).is_err() {
        errors
            .add(given.at, "this is no method of HTTP")
            .help("write for example `\"GET\"` or `\"POST\"`");
    }
    method.clone()
}

fn path(given: &At<Text>, errors: &mut Errors) {
    let path = &given.value.value;
    if path.contains("://") {
        errors
            .add(given.at, "a path is no URL")
            .help("the host is the target's; write the path alone: `\"/index.html\"`");
    } else if !path.starts_with('/') {
        let error = errors.add(given.at, "a path starts with `/`");
        if !given.value.is_secret() {
            error.help(format!("write `\"/{path}\"`"));
        }
    } else if path.contains('#') {
        errors
            .add(given.at, "a path has no `#`: what follows it is never sent")
            .help("leave it out, or write `%23`");
    } else if path.parse::<PathAndQuery>().is_err()
        || path.contains(|c: char| !c.is_ascii_graphic())
    {
        errors
            .add(given.at, "this path has characters that no path can have")
            .help("encode them: a space is `%20`");
    }
}

/// The path with these parameters behind those that it has.
fn with_query(path: &str, query: &Field<Named<Text>>) -> String {
    let mut path = path.to_owned();
    for (key, given) in query.value().into_iter().flat_map(Named::read) {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.extend(utf8_percent_encode(&key.name, &UNRESERVED));
        path.push('=');
        path.extend(utf8_percent_encode(&given.value.value, &UNRESERVED));
    }
    path
}

fn headers(field: &Field<Named<Header>>, errors: &mut Errors) -> Vec<(String, String)> {
    let Some(named) = field.value() else { return Vec::new() };
    let mut headers: Vec<(String, String)> = Vec::new();
    for (key, header) in named.read() {
        let name = key.name.to_lowercase();
        let value = &header.value.0.value;
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            errors
                .add(key.at, "this is no name of a header")
                .help("a header's name has letters, digits and `-`: `content-type`");
        } else if FRAMING.contains(&name.as_str()) {
            errors
                .add(key.at, format!("`{name}` follows from the body"))
                .help("leave it out: it is sent as it must be");
        } else if headers.iter().any(|(other, _)| *other == name) {
            errors.add(key.at, format!("the header `{name}` is there twice"));
        }
        if HeaderValue::from_str(value).is_err() {
            errors
                .add(header.at, "a header's value has no line breaks or control characters")
                .help("write it on one line");
        }
        headers.push((name, value.clone()));
    }
    headers
}

fn expect(raw: &RawExpect) -> Expect {
    Expect {
        status: raw.status.value().map(|status| status.0),
        body: raw.body.value().map(|body| body.value.clone()),
    }
}
