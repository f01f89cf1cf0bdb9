//! The requirements on a response: checks.

use crate::plan::error::Errors;
use crate::plan::names::NameKind;
use crate::plan::raw::leaf_schema;
use crate::plan::raw::{
    At, Field, Named, OneOrMany, RawTable, Read, Status, read, table, wrong_type,
};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::plan::{Comparison, HeaderName, names};
use crate::units::{Count, Time, is_printable, narrow};
use schemars::json_schema;
use serde::{Deserialize, Serialize};

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
    /// The status is one of these.
    Status(Vec<u16>),
    /// The body is this.
    Body(String),
    /// The body contains this; not empty.
    Contains(String),
    /// The body is JSON and has this value at this place (RFC 6901).
    Json {
        /// The place.
        pointer: String,
        /// The value, in JSON.
        value: String,
    },
    /// A header has this value; a value without `;` is compared with the part before the first `;`.
    Header {
        /// Which.
        name: HeaderName,
        /// The value.
        value: String,
    },
    /// The body's size as it was sent, in bytes.
    Size(Comparison, u64),
    /// From sending to the last byte it took less than this.
    Time(Time),
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
        /// This status, or one of these. Default: any from 200 to 399.
        status: OneOrMany<Status>,
        /// Exactly this body. Default: any.
        body: Text,
        /// The body contains this, or all of these.
        contains: OneOrMany<Text>,
        /// The body is JSON, and has these values at these places (RFC 6901):
        /// `{ "/items/0/id" = 7 }`. Numbers are compared by all of their digits.
        json: Named<JsonValue>,
        /// Headers with these values; one without `;` is compared with the part before the first
        /// `;`.
        headers: Named<Text>,
        /// Bytes of the body as they were sent: a number, or a bound: `<= 10k`.
        size: SizeBound,
        /// From sending to the last byte it took less than this.
        time: Time,
        /// Whether what this table says is only counted: a request for which it does not hold
        /// succeeds all the same, and the pass goes on. Default: `false`.
        count_only: bool,
    }
}

/// Any value that JSON has, as TOML writes it: the text of JSON, with every digit that the plan
/// has.
#[derive(Debug, Clone)]
pub(in crate::plan) struct JsonValue(pub String);

impl Read for JsonValue {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let value = match &node.value {
            Value::Text(text) => quoted(&text.value),
            Value::Boolean(boolean) => boolean.to_string(),
            Value::Integer(Some(number)) => number.to_string(),
            Value::Float(number) if number.parse::<f64>().is_ok_and(f64::is_finite) => {
                number.trim_start_matches('+').to_owned()
            }
            Value::List(items) => {
                let items: Option<Vec<_>> =
                    items.iter().map(|item| Some(read::<Self>(item, errors)?.0)).collect();
                format!("[{}]", items?.join(","))
            }
            Value::Table(table) => {
                let entries = table.entries.iter();
                let entries: Option<Vec<_>> = entries
                    .map(|(key, node)| {
                        let value = read::<Self>(node, errors)?.0;
                        Some(format!("{}:{value}", quoted(&key.name)))
                    })
                    .collect();
                format!("{{{}}}", entries?.join(","))
            }
            Value::Integer(_) | Value::Float(_) | Value::Datetime => {
                wrong_type(node, "a value of JSON", errors)
                    .help("write a string, a number, a boolean, a list or a table");
                return None;
            }
        };
        Some(Self(value))
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

leaf_schema!(JsonValue, "JsonValue", json_schema!({ "description": "Any value of JSON." }));

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct SizeBound {
    pub comparison: Comparison,
    pub bytes: u64,
}

impl Read for SizeBound {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            let Count(bytes) = Count::read(node, errors)?;
            return Some(Self { comparison: Comparison::Equal, bytes });
        };
        let written = text.value.trim();
        let signs = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let (comparison, number) = signs
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, written.strip_prefix(sign)?)))
            .unwrap_or((Comparison::Equal, written));
        let Ok(Count(bytes)) = number.trim().parse() else {
            errors
                .add(node.at, "expected a body size")
                .help("write a number of bytes, or a bound: `512`, `\"<= 10k\"`");
            return None;
        };
        Some(Self { comparison, bytes })
    }
}

leaf_schema!(
    SizeBound,
    "SizeBound",
    json_schema!({
        "description": "A number of bytes, or a bound.",
        "examples": ["<= 10k", "> 0"],
        "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }],
    })
);

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
    names: &mut Names,
    errors: &mut Errors,
) -> Vec<Check> {
    let mut checks = Vec::new();
    for At { value: raw, .. } in field.value().into_iter().flat_map(|many| &many.0) {
        let own = raw.name.given().and_then(|given| {
            let name = names::public(given, errors)?;
            names::check(name, NameKind::Line, given.at, errors);
            Some(name.to_owned())
        });
        let whats = whats(raw, errors);
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
fn whats(raw: &RawExpect, errors: &mut Errors) -> Vec<(String, Assertion)> {
    let mut whats = Vec::new();
    if let Some(given) = raw.status.given() {
        let list: Vec<u16> = given.value.0.iter().map(|one| one.value.0).collect();
        if list.is_empty() {
            errors
                .add(given.at, "`status` is empty: no response could match")
                .help("write for example `status = 200`");
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
                .add(given.at, "`contains` cannot be empty")
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
        let Some(name) = header(&key.name, key.at, errors) else { continue };
        let value = given.value.value.clone();
        whats.push((format!("header {name}"), Assertion::Header { name, value }));
    }
    if let Some(size) = raw.size.value() {
        let words = format!("size {} {}", size.comparison, size.bytes);
        whats.push((words, Assertion::Size(size.comparison, size.bytes)));
    }
    if let Some(given) = raw.time.given() {
        let time = crate::plan::raw::time(&raw.time, "time", given.value, errors);
        whats.push((format!("time < {time}"), Assertion::Time(time)));
    }
    whats
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
            .help(format!("write `\"/{}\"`", pointer.trim_start_matches("$.").replace('.', "/")));
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
