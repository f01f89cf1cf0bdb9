//! The kinds of requests of a scenario.

use super::auth::check_secret;
use super::count;
use super::expect::{Names, checks, extracts};
use super::template::{Known, add_parameter, of_body, of_path, spot, template};
use crate::plan::elements::RawHttp;
use crate::plan::error::Errors;
use crate::plan::names::{self, Kind};
use crate::plan::raw::{At, Field, Fillable, Named, RawRequest, RawTable, RetryWord};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::{Body, Encoding, Request, Retry, Template, ThinkTime};
use crate::units::uri;
use ::http::uri::PathAndQuery;
use ::http::{HeaderName, HeaderValue, Method};
use std::path::PathBuf;

/// A scenario has at most so many kinds of requests.
const MOST: usize = 1_000;

/// Headers that follow from the body; a second word about it would break the framing.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// The requests of a scenario, or its steps.
pub(in crate::plan) fn requests(
    raw: &RawHttp,
    names: &mut Names,
    errors: &mut Errors,
) -> Vec<Request> {
    if let (Some(steps), Some(requests)) = (raw.steps.key(), raw.requests.key()) {
        errors
            .add(steps, "a scenario has either `requests` or `steps`")
            .also(requests, "chosen by weight")
            .help("leave one of them out: `requests` are chosen by weight, `steps` sent one after the other");
    }
    let in_steps = !raw.steps.is_absent();
    let field = if in_steps { &raw.steps } else { &raw.requests };
    let Some(given) = field.given() else { return vec![the_target_itself()] };
    if given.value.is_empty() {
        errors
            .add(
                given.at,
                if in_steps {
                    "the list of steps is empty"
                } else {
                    "the list of requests is empty"
                },
            )
            .help("leave it out for one GET of the target's own path");
    }
    if let Some(raw) = given.value.get(MOST) {
        let kinds = if in_steps { "steps" } else { "kinds of requests" };
        errors.add(raw.place(), format!("a scenario has at most {MOST} {kinds}"));
        return Vec::new();
    }
    let mut known = Known { rows: !raw.data.is_absent(), steps: in_steps, variables: Vec::new() };
    let mut named: Vec<(String, Span)> = Vec::new();
    let mut requests = Vec::new();
    for raw in &given.value {
        let request = request(raw, &known, names, errors);
        known.variables.extend(request.extract.iter().map(|one| one.name.clone()));
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
    Request { name: "get".to_owned(), method: "GET".to_owned(), weight: 1, ..Request::default() }
}

fn request(raw: &RawRequest, known: &Known, names: &mut Names, errors: &mut Errors) -> Request {
    let method = method(&raw.method, errors);
    let path = raw.path.given().map(|given| {
        path(given, &method, raw.query.key(), errors);
        with_query(&given.value.0, &raw.query, known, errors)
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
            Some(given) => format!("{method} {}", given.value.0.shown),
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
    outside_of_steps(raw, known, errors);
    let think_time = raw.think_time.value();
    Request {
        name,
        method,
        path,
        weight,
        headers: headers(&raw.headers, known, errors),
        body: body(raw, known, errors),
        checks: checks(&raw.expect, names, errors),
        extract: extracts(&raw.extract, errors),
        think_time: think_time.map(|span| ThinkTime { min: span.min, max: span.max }),
        retry: match raw.retry.value() {
            None | Some(RetryWord::Idempotent) => Retry::Idempotent,
            Some(RetryWord::Always) => Retry::Always,
            Some(RetryWord::Never) => Retry::Never,
        },
    }
}

/// Says which keys have no meaning where requests are chosen by weight, or in steps.
fn outside_of_steps(raw: &RawRequest, known: &Known, errors: &mut Errors) {
    if let Some(at) = raw.weight.key().filter(|_| known.steps) {
        errors
            .add(at, "a step has no weight: every pass sends each step once")
            .help("leave `weight` out, or write `requests` in place of `steps`");
    }
    let of_steps = [("extract", raw.extract.key()), ("think_time", raw.think_time.key())];
    for (name, at) in of_steps.into_iter().filter(|_| !known.steps) {
        if let Some(at) = at {
            errors
                .add(at, format!("`{name}` belongs to a step, and requests are chosen by weight"))
                .help("write `steps` in place of `requests`, or leave it out");
        }
    }
}

fn body(raw: &RawRequest, known: &Known, errors: &mut Errors) -> Body {
    let Some(file) = raw.body_file.given() else {
        let text = raw.body.value();
        let headers = raw.headers.value().into_iter().flat_map(Named::read);
        let mut kinds = headers.filter(|(key, _)| key.name.eq_ignore_ascii_case("content-type"));
        let kind = kinds.next().map_or("", |(_, header)| header.value.0.value.as_str());
        return Body::Text(
            text.map_or_else(Template::default, |Fillable(text)| {
                of_body(text, kind, known, errors)
            }),
        );
    };
    if let Some(at) = raw.body.key() {
        errors
            .add(at, "a body comes from the plan or from a file")
            .also(file.at, "the file")
            .help("keep one of `body` and `body_file`");
    }
    Body::File { path: file_path(file, "body.json", errors), spot: spot(file.at) }
}

/// A path of a file, seen from the folder of the plan.
pub(in crate::plan) fn file_path(given: &At<Text>, example: &str, errors: &mut Errors) -> PathBuf {
    let path = names::public(given, errors).unwrap_or("-");
    if path.is_empty() || path.contains('\0') {
        errors
            .add(given.at, "this is no path of a file")
            .help(format!("write for example `\"{example}\"`"));
    }
    PathBuf::from(path)
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

/// Whether a text begins with the scheme of a URL (RFC 3986, 3.1).
fn begins_with_a_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_of_scheme)
}

fn path(given: &At<Fillable>, method: &str, query: Option<Span>, errors: &mut Errors) {
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
                .add(given.at, "`*` is a path for OPTIONS alone")
                .help("write `method = \"OPTIONS\"`, or a path: `\"/\"`");
        } else if let Some(at) = query {
            errors.add(at, "`*` has no query").help("leave `query` out, or write a path: `\"/\"`");
        }
    } else if begins_with_a_scheme(&path) {
        errors
            .add(given.at, "a path is no URL")
            .help("the host is the target's; write the path alone: `\"/index.html\"`");
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
        let error = errors.add(given.at, "this path has characters that no path can have");
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

fn headers(
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
                .add(key.at, "this is no name of a header")
                .help("a header's name has letters, digits and `-`: `content-type`");
        } else if FRAMING.contains(&name.as_str()) {
            errors
                .add(key.at, format!("`{name}` follows from the body"))
                .help("leave it out: it is sent as it must be");
        } else if headers.iter().any(|(other, _)| *other == name) {
            errors.add(key.at, format!("the header `{name}` is there twice"));
        }
        let text = &header.value.0;
        if name == "host" && !is_host(value) {
            errors
                .add(header.at, "this is no name of a host")
                .help("write it as in a URL, without the scheme: `host = \"shop.example\"`");
        } else if text.is_secret() && HeaderValue::from_str(&text.shown).is_ok() {
            check_secret(text, &format!("value of the header `{name}`"), header.at, errors);
        } else if HeaderValue::from_str(value).is_err() {
            errors
                .add(header.at, "a header's value has no line breaks or control characters")
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

/// Whether a server can be asked by this: a name or an address, and a port. An empty one is meant so.
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
