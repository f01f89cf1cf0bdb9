//! Writes an imported plan as a file of TOML that people go on with, and the files that it names.

use super::arrange::{ImportedScenario, Sequence};
use super::error::{ImportError, ImportPlace};
use super::marks::{is_marked, shown, to_plan};
use super::request::{ImportedBody, ImportedRequest};
use super::rows::ImportedRows;
use super::variables::Variable;
use crate::units::visible;
use std::fmt::Write as _;

/// A file beside the plan.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImportedFile {
    pub name: String,
    pub content: Vec<u8>,
}

/// What is said in the first lines of the plan.
pub(super) struct Preface<'a> {
    /// `curl checkout.txt`.
    pub source: String,
    pub variables: &'a [Variable],
    pub left_out: &'a [String],
    pub advice: &'a [String],
}

/// Longer texts have a file of their own: bytes.
const INLINE: usize = 4_096;

/// The text of a plan, and the files beside it.
pub(super) fn plan(
    name: &str,
    preface: &Preface<'_>,
    scenarios: &[ImportedScenario],
) -> Result<(String, Vec<ImportedFile>), ImportError> {
    let mut out = String::new();
    comments(&mut out, preface);
    let mut files = Files { stem: name.to_owned(), files: Vec::new() };
    let _ = writeln!(out, "name = {}", quoted(name));
    for scenario in scenarios {
        let address = quoted(&format!("{}/", scenario.origin.text));
        let _ = write!(out, "\n[targets.{}]\naddress = {address}\n", scenario.name);
        if scenario.wishes.insecure && scenario.origin.text.starts_with("https") {
            out.push_str("tls     = { insecure = true }\n");
        }
    }
    for scenario in scenarios {
        head(&mut out, scenario, scenarios.len() > 1, &mut files)?;
        let kind = if scenario.sequence == Sequence::Independent { "requests" } else { "steps" };
        for (number, request) in scenario.requests.iter().enumerate() {
            let _ = write!(out, "\n[[scenarios.{}.{kind}]]\n", scenario.name);
            let is_last = number + 1 == scenario.requests.len();
            step(&mut out, scenario, request, is_last, &mut files);
        }
    }
    Ok((out, files.files))
}

/// A comment of one line, whatever is in it.
fn comment(out: &mut String, text: &str) {
    let _ = writeln!(out, "# {}", visible(text).trim_end());
}

fn comments(out: &mut String, preface: &Preface<'_>) {
    comment(out, &format!("Made by `planrun import {}`.", preface.source));
    if !preface.variables.is_empty() {
        out.push_str("#\n# Variables to set before a run:\n");
        let widest = preface.variables.iter().map(|one| one.name.len()).max().unwrap_or(0);
        for Variable { name, about, .. } in preface.variables {
            comment(out, &format!("  {name:widest$}  {about}"));
        }
    }
    for (title, notes) in [("Left out", preface.left_out), ("To look at", preface.advice)] {
        if !notes.is_empty() {
            let _ = writeln!(out, "#\n# {title}:");
        }
        for note in notes {
            comment(out, &format!("  {note}"));
        }
    }
    out.push('\n');
}

/// Keys of a scenario, requests apart.
fn head(
    out: &mut String,
    scenario: &ImportedScenario,
    several: bool,
    files: &mut Files,
) -> Result<(), ImportError> {
    let wishes = &scenario.wishes;
    let _ = write!(out, "\n[scenarios.{}]\nprotocol    = \"http\"\n", scenario.name);
    let mut key = |name: &str, value: &str, about: &str| {
        let about = if about.is_empty() { String::new() } else { format!("   # {about}") };
        let _ = writeln!(out, "{name:11} = {value}{about}");
    };
    if several {
        key("target", &quoted(&scenario.name), "");
    }
    if wishes.http2 {
        key("version", "\"2\"", "");
    }
    if let Some(basic) = &scenario.basic {
        key("auth", &format!("{{ basic = {} }}", quoted(basic)), "");
    }
    if let Some(rows) = &scenario.rows {
        let file = files.add_rows(rows, several.then_some(scenario.name.as_str()))?;
        key("data", &format!("{{ file = {} }}", quoted(&file)), "");
    }
    for (name, is_set) in [("compression", wishes.compression), ("cookies", wishes.cookies)] {
        if is_set {
            key(name, "true", "");
        }
    }
    if wishes.redirects > 0 {
        key("redirects", &wishes.redirects.to_string(), "");
    }
    if let Some(timeout) = wishes.timeout_ms {
        key("timeout", &quoted(&time(timeout)), "");
    }
    if scenario.sequence != Sequence::Recorded {
        key("think_time", "\"1s\"", "the pause between a response and the next request of a user");
    }
    let hold = hold_s(scenario);
    let stage = format!("[{{ users = {USERS}, ramp = \"5s\", hold = \"{hold}s\" }}]");
    key("stages", &stage, "a small load to begin with");
    key("thresholds", "[\"failure_ratio < 1%\", \"service_time.p95 < 1s\"]", "");
    Ok(())
}

/// Users of a plan that nobody has looked at yet.
const USERS: u64 = 5;

/// As many requests in a hold are enough for a 95th percentile.
const SAMPLES: u64 = 150;

/// How long the load is held: seconds. Users who pause for long need longer for enough samples.
fn hold_s(scenario: &ImportedScenario) -> u64 {
    if scenario.sequence != Sequence::Recorded {
        return SAMPLES / USERS;
    }
    let pauses: u64 = scenario.requests.iter().filter_map(|request| request.pause_ms).sum();
    let steps = u64::try_from(scenario.requests.len()).unwrap_or(1).max(1);
    let needed_s = SAMPLES * (pauses + LAST_PAUSE_MS) / (USERS * steps) / 1_000;
    needed_s.max(SAMPLES / USERS).next_multiple_of(10)
}

/// The pause at the end of a recording: milliseconds.
const LAST_PAUSE_MS: u64 = 1_000;

fn step(
    out: &mut String,
    scenario: &ImportedScenario,
    request: &ImportedRequest,
    is_last: bool,
    files: &mut Files,
) {
    let mut key = |name: &str, value: &str| {
        let _ = writeln!(out, "{name} = {value}");
    };
    key("name", &quoted(request.name.as_deref().unwrap_or_default()));
    if request.method != "GET" {
        key("method", &quoted(&request.method));
    }
    key("path", &quoted(&request.path));
    if !request.query.is_empty() {
        key("query", &table(&request.query));
    }
    if request.weight > 1 {
        key("weight", &request.weight.to_string());
    }
    if !request.headers.is_empty() {
        key("headers", &table(&request.headers));
    }
    match &request.body {
        ImportedBody::None => {}
        ImportedBody::Text(text) if is_inline(text) => key("body", &quoted(text)),
        ImportedBody::Text(text) => {
            let file = files.add_body(request, text.as_bytes());
            key("body_file", &quoted(&file));
        }
        ImportedBody::Bytes(bytes) => {
            let file = files.add_body(request, bytes);
            key("body_file", &quoted(&file));
        }
    }
    if let Some(status) = request.status.filter(|status| ![206, 304].contains(status)) {
        key("expect", &format!("{{ status = {status} }}"));
    }
    let recorded = scenario.sequence == Sequence::Recorded;
    if let Some(pause) = request.pause_ms.or((recorded && is_last).then_some(LAST_PAUSE_MS)) {
        key("think_time", &quoted(&time(pause)));
    }
}

/// Whether a body stands in the plan: it has to where a placeholder is in it.
fn is_inline(text: &str) -> bool {
    let plain = |c: char| !c.is_control() || "\r\n\t".contains(c);
    is_marked(text) || (text.len() <= INLINE && text.chars().all(plain))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(to_plan(text)).to_string()
}

fn table(pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| {
        let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let name = if bare && !name.is_empty() {
            name.clone()
        } else {
            toml::Value::String(shown(name)).to_string()
        };
        format!("{name} = {}", quoted(value))
    });
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

fn time(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1_000) {
        format!("{}s", milliseconds / 1_000)
    } else {
        format!("{milliseconds}ms")
    }
}

/// The files beside the plan, named after it.
struct Files {
    stem: String,
    files: Vec<ImportedFile>,
}

impl Files {
    fn add_rows(
        &mut self,
        rows: &ImportedRows,
        scenario: Option<&str>,
    ) -> Result<String, ImportError> {
        let name = match scenario {
            Some(scenario) => format!("{}-{scenario}-rows.csv", self.stem),
            None => format!("{}-rows.csv", self.stem),
        };
        let problem = |error: csv::Error| {
            ImportError::new(ImportPlace::Whole, format!("cannot write rows: {error}"), "")
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&rows.columns).map_err(problem)?;
        for row in &rows.rows {
            writer.write_record(row.iter().map(|value| shown(value))).map_err(problem)?;
        }
        let content = writer.into_inner().map_err(|error| problem(error.into_error().into()))?;
        self.files.push(ImportedFile { name: name.clone(), content });
        Ok(name)
    }

    fn add_body(&mut self, request: &ImportedRequest, content: &[u8]) -> String {
        // The same body is one file.
        if let Some(known) = self.files.iter().find(|file| file.content == content) {
            return known.name.clone();
        }
        let kind = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let endings =
            [("json", "json"), ("xml", "xml"), ("form-urlencoded", "txt"), ("text", "txt")];
        let ending =
            endings.iter().find(|(part, _)| kind.contains(part)).map_or("bin", |one| one.1);
        let name = format!("{}-body-{}.{ending}", self.stem, self.files.len() + 1);
        self.files.push(ImportedFile { name: name.clone(), content: content.to_owned() });
        name
    }
}
