//! One kind of request: its content, the checks of its response, and the values extracted from it.

use crate::plan::TextRange;
use crate::plan::elements::http::expect::Check;
use crate::plan::elements::http::expect::{Names, RawExpect, checks};
use crate::plan::elements::http::extract::Extract;
use crate::plan::elements::http::extract::{RawExtract, extracts};
use crate::plan::elements::http::headers::headers;
use crate::plan::elements::http::method::method;
use crate::plan::elements::http::path::path;
use crate::plan::elements::http::template::{Known, of_body, spot};
use crate::plan::error::Errors;
use crate::plan::names::NameKind;
use crate::plan::raw::count;
use crate::plan::raw::file_path;
use crate::plan::raw::{Field, Fillable, Named, OneOrMany, RawTable, TimeRange, table, words};
use crate::plan::span::Span;
use crate::plan::text::{Placeholder, Text};
use crate::plan::{HeaderName, HeaderValue, RequestPath, Template, Templated, ThinkTime, names};
use crate::units::Count;
use ::http::Method;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One kind of request, or one step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Request {
    /// Its name in reports; unique in its scenario.
    pub name: String,
    /// Its HTTP method.
    #[serde(with = "super::method")]
    pub method: Method,
    /// Path and query; `None` takes the path of the target's URL.
    pub path: Option<Templated<RequestPath>>,
    /// Its part among all requests, against the other weights; at least 1.
    pub weight: u32,
    /// Sent with it, names in lower case.
    pub headers: Vec<(HeaderName, Templated<HeaderValue>)>,
    /// Sent with it; empty sends none.
    pub body: Body,
    /// The checks of the response; without a check of the status, every status from 200 to 299 (to
    /// 399 without redirects) is taken. At most 64.
    pub checks: Vec<Check>,
    /// Values of the response for later steps.
    pub extract: Vec<Extract>,
    /// The pause behind it; `None` takes the scenario's.
    pub think_time: Option<ThinkTime>,
    /// Whether it is sent again when it met the close of an idle connection.
    pub retry: Retry,
    /// In steps: what follows when it fails.
    pub on_failure: OnFailure,
}

impl Request {
    /// The placeholders that are filled in for each request, with their places in the plan.
    pub fn givens(&self) -> impl Iterator<Item = (&Placeholder, &TextRange)> {
        let body = match &self.body {
            Body::Text(text) => Some(text),
            Body::File { .. } => None,
        };
        let path = self.path.iter().flat_map(Templated::givens);
        let headers = self.headers.iter().flat_map(|(_, value)| value.givens());
        let checks = self.checks.iter().flat_map(|check| check.what.givens());
        path.chain(headers).chain(body.into_iter().flat_map(Template::givens)).chain(checks)
    }
}

/// The reaction to a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFailure {
    /// The pass ends; the next one begins at the first step.
    #[default]
    Stop,
    /// The next step.
    Continue,
}

/// How a request ends if the server closes the connection, which was idle before, without
/// a byte of an answer: it may or may not have been processed. One that was certainly not processed
/// is always sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Retry {
    /// It is sent again when its method is idempotent (RFC 9110, 9.2.2).
    #[default]
    Idempotent,
    /// It is sent again, regardless of its method.
    Always,
    /// It fails.
    Never,
}

/// The body, sent after the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// This text; empty is none.
    Text(Template),
    /// The content of a file.
    File {
        /// Relative to the folder of the plan.
        path: PathBuf,
        /// Where the plan names it.
        spot: TextRange,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(Template::default())
    }
}

words! {
    /// Whether a request is sent again when the server closed the idle connection before it
    /// answered.
    RetryWord {
        /// When its method is idempotent: GET, HEAD, PUT, DELETE, OPTIONS, TRACE.
        Idempotent = "idempotent",
        /// Whatever its method: the server may process it twice.
        Always = "always",
        /// Never: it fails.
        Never = "never",
    }
}

words! {
    /// The reaction to a step that failed.
    OnFailureWord {
        /// The pass ends.
        Stop = "stop",
        /// The next step is sent all the same.
        Continue = "continue",
    }
}

table! {
    /// One kind of request.
    #[schemars(rename = "Request")]
    RawRequest, "a request", write "a table for each request: `{ path = \"/\" }`", in "`requests = [{ … }]` of a scenario",
    must {}
    may {
        /// Its name in reports. Default: its method and path.
        name: Text,
        /// Default: `GET`.
        method: Text,
        /// Path and query. A value that is all of it, or begins it, is sent as it is, its query and
        /// escapes included; it may be a URL of the target. Values elsewhere in it are encoded. `*`
        /// with `OPTIONS`. Default: those of the target's URL.
        path: Fillable,
        /// Parameters that are added to the path's query, encoded as they must be.
        query: Named<Fillable>,
        /// How often it is chosen, relative to the other weights. Default: 1.
        weight: Count,
        /// Sent with it.
        headers: Named<Fillable>,
        /// Sent with it. Values in it are escaped where its `content-type` is JSON (inside of
        /// strings) or that of a form; else they stand as they are.
        body: Fillable,
        /// Sent with it: the content of this file, relative to the folder of the plan. In place of
        /// `body`.
        body_file: Text,
        /// The checks of the response: a table, or several. Default: a status from 200 to 299,
        /// without `redirects` to 399.
        expect: OneOrMany<RawExpect>,
        /// In `steps`: values of the response for later steps, as `${var.NAME}`.
        extract: Named<RawExtract>,
        /// In `steps`: the pause after this one, in place of the scenario's.
        think_time: TimeRange,
        /// Whether it is sent again when the server closed the idle connection before it answered,
        /// and may have processed it. A request that the server reports as not processed is sent
        /// again in any case. Default: `idempotent`.
        retry: RetryWord,
        /// In `steps`: what follows when this one fails: the pass ends (`stop`), or the next step
        /// is sent all the same (`continue`). Default: `stop`.
        on_failure: OnFailureWord,
    }
}

/// The most kinds of requests of a scenario.
const MOST: usize = 1_000;

/// The requests of a scenario, or its steps.
pub(super) fn requests(
    field: &Field<Vec<RawRequest>>,
    in_steps: bool,
    rows: bool,
    names: &mut Names,
    errors: &mut Errors,
) -> Vec<Request> {
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
    let mut known = Known { rows, steps: in_steps, variables: Vec::new() };
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
                .help("rename one of them: reports identify requests by name");
        }
        named.push((request.name.clone(), at));
        requests.push(request);
    }
    requests
}

/// One GET of the target's own path.
fn the_target_itself() -> Request {
    Request { name: "get".to_owned(), method: Method::GET, weight: 1, ..Request::default() }
}

fn request(raw: &RawRequest, known: &Known, names: &mut Names, errors: &mut Errors) -> Request {
    let method = method(&raw.method, errors);
    let path =
        raw.path.given().and_then(|given| path(given, method.as_str(), &raw.query, known, errors));
    if let Some(at) = raw.query.key().filter(|_| raw.path.is_absent()) {
        errors.add(at, "`query` needs `path`").help("add a path: `path = \"/search\"`");
    }
    let name = match raw.name.given() {
        Some(given) => {
            let name = names::public(given, errors).unwrap_or_default();
            if !name.is_empty() || !given.value.is_secret() {
                names::check(name, NameKind::Line, given.at, errors);
            }
            name.to_owned()
        }
        None => match raw.path.given() {
            Some(given) => format!("{method} {}", given.value.0.shown),
            None => method.as_str().to_lowercase(),
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
        checks: checks(&raw.expect, (names, known), errors),
        extract: extracts(&raw.extract, errors),
        think_time: think_time.map(|span| ThinkTime { min: span.min, max: span.max }),
        retry: match raw.retry.value() {
            None | Some(RetryWord::Idempotent) => Retry::Idempotent,
            Some(RetryWord::Always) => Retry::Always,
            Some(RetryWord::Never) => Retry::Never,
        },
        on_failure: match raw.on_failure.value() {
            None | Some(OnFailureWord::Stop) => OnFailure::Stop,
            Some(OnFailureWord::Continue) => OnFailure::Continue,
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
    let of_steps = [
        ("extract", raw.extract.key()),
        ("think_time", raw.think_time.key()),
        ("on_failure", raw.on_failure.key()),
    ];
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
            .add(at, "a request has `body` or `body_file`, not both")
            .also(file.at, "the file")
            .help("remove one of them");
    }
    Body::File { path: file_path(file, "body.json", errors), spot: spot(file.at) }
}
