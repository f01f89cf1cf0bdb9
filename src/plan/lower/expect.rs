//! What the answer of a request must be, and what is taken from it.

use crate::plan::error::Errors;
use crate::plan::names::{self, Kind};
use crate::plan::raw::{At, Field, JsonValue, Named, OneOrMany, RawExpect, RawExtract, RawTable};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::{Assertion, Check, Extract, ExtractFrom};
use crate::units::is_printable;
use ::http::HeaderName;

/// A request has at most so many checks: they are told apart by the bits of one number.
const MOST: usize = 64;

/// The names of a scenario's checks: what says the same is counted together.
#[derive(Default)]
pub(in crate::plan) struct Names(pub Vec<String>);

impl Names {
    fn of(&mut self, name: String) -> u16 {
        let known = self.0.iter().position(|one| *one == name);
        let index = known.unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }
}

pub(in crate::plan) fn checks(
    field: &Field<OneOrMany<RawExpect>>,
    names: &mut Names,
    errors: &mut Errors,
) -> Vec<Check> {
    let mut checks = Vec::new();
    for At { value: raw, .. } in field.value().into_iter().flat_map(|many| &many.0) {
        let own = raw.name.given().and_then(|given| {
            let name = names::public(given, errors)?;
            names::check(name, Kind::Line, given.at, errors);
            Some(name.to_owned())
        });
        let whats = whats(raw, errors);
        if let Some(at) = raw.name.key().filter(|_| whats.is_empty() && !raw.is_doubtful()) {
            errors
                .add(at, "this name stands for nothing")
                .help("say what the answer must be: `{ name = \"logged in\", status = 200 }`");
        }
        for (name, what) in whats {
            let name = names.of(own.clone().unwrap_or(name));
            checks.push(Check { name, is_named: own.is_some(), what });
        }
    }
    if let Some(at) = field.key().filter(|_| checks.len() > MOST) {
        errors.add(at, format!("a request has at most {MOST} checks"));
        checks.clear();
    }
    checks
}

/// What a table says, each with the name that it has without one of its own.
fn whats(raw: &RawExpect, errors: &mut Errors) -> Vec<(String, Assertion)> {
    let mut whats = Vec::new();
    if let Some(given) = raw.status.given() {
        let list: Vec<u16> = given.value.0.iter().map(|one| one.value.0).collect();
        if list.is_empty() {
            errors.add(given.at, "no status would do").help("write for example `status = 200`");
        }
        let words: Vec<String> = list.iter().map(ToString::to_string).collect();
        whats.push((format!("status {}", words.join(" or ")), Assertion::Status(list)));
    }
    if let Some(body) = raw.body.value() {
        whats.push(("body".to_owned(), Assertion::Body(body.value.clone())));
    }
    for given in raw.contains.value().into_iter().flat_map(|many| &many.0) {
        if given.value.value.is_empty() {
            errors
                .add(given.at, "every body contains nothing")
                .help("write what it must contain: `contains = \"Welcome\"`");
        }
        let words = format!("contains \"{}\"", shown(&given.value));
        whats.push((words, Assertion::Contains(given.value.value.clone())));
    }
    for (key, given) in raw.json.value().into_iter().flat_map(Named::read) {
        pointer(&key.name, key.at, errors);
        let (pointer, JsonValue(value)) = (key.name.clone(), given.value.clone());
        whats.push((format!("json {pointer}"), Assertion::Json { pointer, value }));
    }
    for (key, given) in raw.headers.value().into_iter().flat_map(Named::read) {
        let name = header(&key.name, key.at, errors);
        let value = given.value.value.clone();
        whats.push((format!("header {name}"), Assertion::Header { name, value }));
    }
    if let Some(size) = raw.size.value() {
        let words = format!("size {} {}", size.comparison, size.bytes);
        whats.push((words, Assertion::Size(size.comparison, size.bytes)));
    }
    if let Some(given) = raw.time.given() {
        let time = super::time(&raw.time, "time", given.value, errors);
        whats.push((format!("time < {time}"), Assertion::Time(time)));
    }
    whats
}

/// A text as it may stand in a name: on one line, short, and without the environment's values.
fn shown(text: &Text) -> String {
    let printable = |c: char| if is_printable(c) { c } else { ' ' };
    let mut shown: String = text.shown.chars().map(printable).take(60).collect();
    if text.shown.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

/// Says what is wrong with a place in JSON.
fn pointer(pointer: &str, at: Span, errors: &mut Errors) {
    let mut rest = pointer;
    let mut escaped = true;
    while let Some(tilde) = rest.find('~') {
        escaped &= rest[tilde + 1..].starts_with(['0', '1']);
        rest = &rest[tilde + 1..];
    }
    if !pointer.is_empty() && !pointer.starts_with('/') {
        errors
            .add(at, "a place in JSON starts with `/`")
            .help(format!("write `\"/{}\"`", pointer.trim_start_matches("$.").replace('.', "/")));
    } else if !escaped {
        errors
            .add(at, "a `~` in a place of JSON is written `~0`, and a `/` in a name `~1`")
            .help(format!("write `\"{}\"`", pointer.replace('~', "~0")));
    }
    if !pointer.chars().all(is_printable) {
        errors.add(at, "a place in JSON has characters that can be seen");
    }
}

fn header(name: &str, at: Span, errors: &mut Errors) -> String {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        errors
            .add(at, "this is no name of a header")
            .help("a header's name has letters, digits and `-`: `content-type`");
    }
    name.to_lowercase()
}

pub(in crate::plan) fn extracts(
    field: &Field<Named<RawExtract>>,
    errors: &mut Errors,
) -> Vec<Extract> {
    let mut extracts = Vec::new();
    for (key, given) in field.value().into_iter().flat_map(Named::read) {
        let name = key.name.as_str();
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            || name.is_empty()
        {
            errors
                .add(key.at, "this cannot be the name of a value")
                .help("use letters, digits, `_` and `-`: `token`");
        }
        let origin = origin(&given.value, given.at, errors);
        extracts.extend(origin.map(|from| Extract { name: name.to_owned(), from }));
    }
    extracts
}

fn origin(raw: &RawExtract, at: Span, errors: &mut Errors) -> Option<ExtractFrom> {
    match (raw.json.given(), raw.header.given(), raw.regex.given()) {
        (Some(json), None, None) => {
            pointer(&json.value.value, json.at, errors);
            Some(ExtractFrom::Json(json.value.value.clone()))
        }
        (None, Some(given), None) => {
            Some(ExtractFrom::Header(header(&given.value.value, given.at, errors)))
        }
        (None, None, Some(regex)) => {
            if let Err(error) = regex::bytes::Regex::new(&regex.value.value) {
                let message = match error {
                    regex::Error::CompiledTooBig(_) => "this regular expression is too large",
                    _ => "this is no regular expression",
                };
                errors
                    .add(regex.at, message)
                    .help("write it between `'` and `'`, with a group around what is wanted: `'id=(\\d+)'`");
            }
            Some(ExtractFrom::Regex(regex.value.value.clone()))
        }
        (None, None, None) => {
            if !raw.is_doubtful() {
                errors
                    .add(at, "it is not said where the value is")
                    .help("write `{ json = \"/token\" }`, `{ header = \"location\" }` or `{ regex = 'id=(\\d+)' }`");
            }
            None
        }
        _ => {
            errors
                .add(at, "a value is at one place: `json`, `header` or `regex`")
                .help("keep one of them");
            None
        }
    }
}
