//! The requirements on a response: checks.

use crate::plan::elements::http::expected::{
    ExpectedHeader, ExpectedJson, ExpectedText, SizeBound, Statuses,
};
use crate::plan::elements::http::pattern::Pattern;
use crate::plan::elements::http::template::{Encoding, Known, Template, template};
use crate::plan::error::Errors;
use crate::plan::names::NameKind;
use crate::plan::raw::{At, Field, Named, OneOrMany, RawTable, table};
use crate::plan::span::{Span, TextRange};
use crate::plan::text::{Placeholder, Text};
use crate::plan::{Comparison, HeaderName, names};
use crate::units::{Time, is_printable, narrow};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// One thing that an answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Index into `Http::checks`: the name under which it is counted.
    pub name: u16,
    /// Whether the plan names it: then it is counted and fails its request, but the iteration
    /// continues.
    pub is_named: bool,
    /// Whether it is only counted: where it does not hold, its request succeeds all the same.
    pub count_only: bool,
    /// The part of the response that is checked.
    pub what: Assertion,
}

/// The part of the response that a check looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Assertion {
    /// The status is in one of these.
    Status(Vec<RangeInclusive<u16>>),
    /// The body is this.
    Body(Template),
    /// The body contains this; not empty.
    Contains(Template),
    /// The body does not contain this; not empty.
    NotContains(Template),
    /// Some part of the body matches.
    Matches(Pattern),
    /// The body is JSON and has this value at this place (RFC 6901).
    Json {
        /// The place.
        pointer: String,
        /// The value, in JSON.
        value: Template,
    },
    /// The body is JSON and has a number at this place (RFC 6901) for which this holds.
    JsonNumber {
        /// The place.
        pointer: String,
        /// How the number compares with the bound.
        comparison: Comparison,
        /// The bound: a number as JSON writes it.
        bound: Template,
    },
    /// The body is JSON and has a value at this place (RFC 6901), or none.
    JsonExists {
        /// The place.
        pointer: String,
        /// Whether there is one.
        exists: bool,
    },
    /// A header has this value; a value without `;` is compared with the part before the first `;`.
    Header {
        /// Which.
        name: HeaderName,
        /// The value.
        value: Template,
    },
    /// There is such a header, or none.
    HeaderExists {
        /// Which.
        name: HeaderName,
        /// Whether there is one.
        exists: bool,
    },
    /// The body's size as it was sent, in bytes.
    Size(Comparison, u64),
    /// From sending to the last byte it took less than this.
    Time(Time),
}

impl Assertion {
    /// The part of it that may be filled in for each request.
    pub fn value(&self) -> Option<&Template> {
        match self {
            Self::Body(value)
            | Self::Contains(value)
            | Self::NotContains(value)
            | Self::Json { value, .. }
            | Self::JsonNumber { bound: value, .. }
            | Self::Header { value, .. } => Some(value),
            Self::Status(_)
            | Self::Matches(_)
            | Self::JsonExists { .. }
            | Self::HeaderExists { .. }
            | Self::Size(..)
            | Self::Time(_) => None,
        }
    }

    /// The placeholders that are filled in for each request, with their places in the plan.
    pub fn givens(&self) -> impl Iterator<Item = (&Placeholder, &TextRange)> {
        self.value().into_iter().flat_map(Template::givens)
    }
}

table! {
    /// Requirements on a response. Each of these is a check that is counted by name.
    #[schemars(rename = "Expect")]
    RawExpect, "`expect`", write "a table: `{ status = 200, body = \"ok\" }`",
    must {}
    may {
        /// The name under which the checks of this table are counted, together with all others of
        /// this name in the scenario. Default: a name for each, made from the check: `status 200`.
        /// In `steps`, a check with a name does not end the pass where it does not hold.
        name: Text,
        /// This status, or a class of them (`2xx`), or one of these. Default: `2xx`, without
        /// `redirects` also `3xx`. A redirect that is followed is not judged.
        status: OneOrMany<Statuses>,
        /// Exactly this body. Default: any.
        body: ExpectedText,
        /// The body contains this, or all of these.
        contains: OneOrMany<ExpectedText>,
        /// The body does not contain this, or any of these.
        not_contains: OneOrMany<ExpectedText>,
        /// This regular expression, or each of these, matches some part of the body.
        matches: OneOrMany<Text>,
        /// The body is JSON, and has these values at these places (RFC 6901):
        /// `{ "/items/0/id" = 7 }`. Numbers are compared by all of their digits. A string that
        /// begins with a sign compares numbers: `{ "/total" = ">= 3" }`. `{ exists = true }` takes
        /// any value, `{ exists = false }` none; `{ equals = ">= 3" }` is that string itself.
        json: Named<ExpectedJson>,
        /// Headers with these values; one without `;` is compared with the part before the first
        /// `;`. `{ exists = true }` takes any value, `{ exists = false }` no such header.
        headers: Named<ExpectedHeader>,
        /// Bytes of the body as they were sent: a number, or a bound: `<= 10k`.
        size: SizeBound,
        /// From sending to the last byte it took less than this.
        time: Time,
        /// Whether what this table says is only counted: a request for which it does not hold
        /// succeeds all the same, and the pass goes on. Default: `false`.
        count_only: bool,
    }
}

/// The most checks of a request: each is one bit of a 64-bit number.
const MOST: usize = 64;

/// The names of a scenario's checks: equal checks are counted together.
#[derive(Default)]
pub(in crate::plan) struct Names(pub Vec<String>);

impl Names {
    fn of(&mut self, name: String) -> u16 {
        let known = self.0.iter().position(|one| *one == name);
        let index = known.unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        });
        narrow(index)
    }
}

pub(in crate::plan) fn checks(
    field: &Field<OneOrMany<RawExpect>>,
    (names, known): (&mut Names, &Known),
    errors: &mut Errors,
) -> Vec<Check> {
    let mut checks = Vec::new();
    for At { value: raw, .. } in field.value().into_iter().flat_map(|many| &many.0) {
        let own = raw.name.given().and_then(|given| {
            let name = names::public(given, errors)?;
            names::check(name, NameKind::Line, given.at, errors);
            Some(name.to_owned())
        });
        let whats = assertions(raw, known, errors);
        if let Some(at) = raw.name.key().filter(|_| whats.is_empty() && !raw.is_doubtful()) {
            errors
                .add(at, "this placeholder has no name")
                .help("write what the response must be: `{ name = \"logged in\", status = 200 }`");
        }
        if let Some(at) = raw.count_only.key().filter(|_| whats.is_empty() && !raw.is_doubtful()) {
            errors
                .add(at, "`count_only` has nothing to count")
                .help("write what is counted: `{ status = 200, count_only = true }`");
        }
        let count_only = raw.count_only.value().copied().unwrap_or(false);
        for (name, what) in whats {
            let name = names.of(own.clone().unwrap_or(name));
            checks.push(Check { name, is_named: own.is_some(), count_only, what });
        }
    }
    if let Some(at) = field.key().filter(|_| checks.len() > MOST) {
        errors.add(at, format!("a request has at most {MOST} checks"));
        checks.clear();
    }
    checks
}

/// The bits of the checks that are only counted, by their place in the request.
pub fn count_only(checks: &[Check]) -> u64 {
    let bits = checks.iter().enumerate().filter(|(_, check)| check.count_only);
    bits.fold(0, |all, (at, _)| all | 1 << at)
}

/// The checks of a table, each with its default name.
fn assertions(raw: &RawExpect, known: &Known, errors: &mut Errors) -> Vec<(String, Assertion)> {
    let mut all = Vec::new();
    all.extend(status(raw, errors));
    content(raw, known, &mut all, errors);
    json(raw, known, &mut all, errors);
    for (key, given) in raw.headers.value().into_iter().flat_map(Named::read) {
        let Some(name) = header(&key.name, key.at, errors) else { continue };
        all.push(match &given.value {
            ExpectedHeader::Equals(text) => {
                let value = template(text, Encoding::Plain, known, errors);
                (format!("header {name}"), Assertion::Header { name, value })
            }
            ExpectedHeader::Exists(exists) => {
                let words = format!("header {name} {}", existence(*exists));
                (words, Assertion::HeaderExists { name, exists: *exists })
            }
        });
    }
    if let Some(size) = raw.size.value() {
        let words = format!("size {} {}", size.comparison, size.bytes);
        all.push((words, Assertion::Size(size.comparison, size.bytes)));
    }
    if let Some(given) = raw.time.given() {
        let time = crate::plan::raw::time(&raw.time, "time", given.value, errors);
        all.push((format!("time < {time}"), Assertion::Time(time)));
    }
    all
}

fn status(raw: &RawExpect, errors: &mut Errors) -> Option<(String, Assertion)> {
    let given = raw.status.given()?;
    let list: Vec<_> = given.value.0.iter().map(|one| one.value.range.clone()).collect();
    if list.is_empty() {
        errors
            .add(given.at, "`status` is empty: no response could match")
            .help("write for example `status = 200`");
    }
    let words: Vec<&str> = given.value.0.iter().map(|one| one.value.words.as_str()).collect();
    Some((format!("status {}", words.join(" or ")), Assertion::Status(list)))
}

/// The checks of what the body says.
fn content(
    raw: &RawExpect,
    known: &Known,
    all: &mut Vec<(String, Assertion)>,
    errors: &mut Errors,
) {
    let plain = |text: &Text, errors: &mut Errors| template(text, Encoding::Plain, known, errors);
    if let Some(ExpectedText(body)) = raw.body.value() {
        all.push(("body".to_owned(), Assertion::Body(plain(body, errors))));
    }
    for (key, field) in [("contains", &raw.contains), ("not_contains", &raw.not_contains)] {
        for given in field.value().into_iter().flat_map(|many| &many.0) {
            let ExpectedText(text) = &given.value;
            if text.value.is_empty() {
                errors
                    .add(given.at, format!("`{key}` cannot be empty"))
                    .help(format!("write the text: `{key} = \"Welcome\"`"));
            }
            let words = format!("{} \"{}\"", key.replace('_', " "), shown(text));
            let text = plain(text, errors);
            let negated = key == "not_contains";
            let what = if negated { Assertion::NotContains } else { Assertion::Contains }(text);
            all.push((words, what));
        }
    }
    for given in raw.matches.value().into_iter().flat_map(|many| &many.0) {
        match Pattern::new(&given.value.value) {
            Ok(pattern) => {
                let words = format!("matches \"{}\"", shown(&given.value));
                all.push((words, Assertion::Matches(pattern)));
            }
            Err(::regex::Error::CompiledTooBig(_)) => {
                errors.add(given.at, "this regular expression is too large");
            }
            Err(_) => {
                errors
                    .add(given.at, "invalid regular expression")
                    .help("write it between single quotes: `matches = 'id=\\d+'`");
            }
        }
    }
}

/// The checks of places in JSON.
fn json(raw: &RawExpect, known: &Known, all: &mut Vec<(String, Assertion)>, errors: &mut Errors) {
    for (key, given) in raw.json.value().into_iter().flat_map(Named::read) {
        pointer(&key.name, key.at, errors);
        let pointer = key.name.clone();
        all.push(match &given.value {
            ExpectedJson::Equals(text) => {
                let value = template(text, Encoding::Json, known, errors);
                (format!("json {pointer}"), Assertion::Json { pointer, value })
            }
            ExpectedJson::Compares(comparison, bound, shown) => {
                let bound = template(bound, Encoding::Plain, known, errors);
                let comparison = *comparison;
                let words = format!("json {pointer} {shown}");
                (words, Assertion::JsonNumber { pointer, comparison, bound })
            }
            ExpectedJson::Exists(exists) => {
                let words = format!("json {pointer} {}", existence(*exists));
                (words, Assertion::JsonExists { pointer, exists: *exists })
            }
        });
    }
}

fn existence(exists: bool) -> &'static str {
    if exists { "exists" } else { "does not exist" }
}

/// A text made fit for a name: on one line, short, and without values of environment variables.
fn shown(text: &Text) -> String {
    let printable = |c: char| if is_printable(c) { c } else { ' ' };
    let mut shown: String = text.shown.chars().map(printable).take(60).collect();
    if text.shown.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

/// The pointer of a path with dots and brackets: `$.items[0].id`.
fn dotted(path: &str) -> String {
    let path = path.trim_start_matches('$').trim_start_matches('.');
    path.replace(['.', '['], "/").replace(']', "")
}

/// Reports what is wrong with a JSON Pointer.
pub(super) fn pointer(pointer: &str, at: Span, errors: &mut Errors) {
    let mut rest = pointer;
    let mut escaped = true;
    while let Some(tilde) = rest.find('~') {
        escaped &= rest[tilde + 1..].starts_with(['0', '1']);
        rest = &rest[tilde + 1..];
    }
    if !pointer.is_empty() && !pointer.starts_with('/') {
        errors
            .add(at, "a JSON pointer starts with `/`")
            .help(format!("write `\"/{}\"`", dotted(pointer)));
    } else if !escaped {
        errors
            .add(at, "in a JSON pointer `~` is written `~0`, and `/` within a name `~1`")
            .help(format!("write `\"{}\"`", pointer.replace('~', "~0")));
    }
    if !pointer.chars().all(is_printable) {
        errors.add(at, "a JSON pointer can only have printable characters");
    }
}

pub(super) fn header(name: &str, at: Span, errors: &mut Errors) -> Option<HeaderName> {
    let parsed = name.parse();
    if parsed.is_err() {
        errors.add(at, "invalid header name").help("use letters, digits and `-`: `content-type`");
    }
    parsed.ok()
}
