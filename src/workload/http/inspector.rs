//! Turns an answer, as it comes in, into checks that hold or do not, and into values that later
//! requests use.
//!
//! **Invariant:** gzip is decoded as a stream, only if the content is inspected, and no further
//! than the plan's limit.

use super::assertions::{Assertions, FilledValues, PreparedAssertion, ValueSource};
use super::check_input::{CheckInput, holds, pointed};
use super::content::{Content, EMPTY, Seeker};
use super::encoding;
use super::error::RequestError;
use super::gunzip::Gunzip;
use super::json;
use crate::plan::AnswerLimits;
use httparse::Header;
use memchr::memmem::Finder;
use percent_encoding::{CONTROLS, percent_encode};
use std::io;
use std::sync::Arc;

/// The values and cookies that a response adds to its user's session.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    /// Values, by variable.
    pub(super) values: Vec<(usize, Box<str>)>,
    /// The `set-cookie` headers.
    pub(super) cookies: Vec<String>,
    /// Where the answer sends the client.
    pub(super) location: Option<String>,
    /// The status of the answer.
    pub(super) status: u16,
}

impl Extracted {
    /// The values that were found: which variable, and what.
    pub(crate) fn values(&self) -> &[(usize, Box<str>)] {
        &self.values
    }
}

/// One response under inspection.
#[derive(Debug)]
pub(super) struct ResponseInspector {
    stream: BodyDecoder,
    /// For each check of a header, whether it holds.
    headers: Vec<bool>,
    /// The values of checks that were filled in for this request.
    filled: FilledValues,
    extracted: Extracted,
    /// Values of headers that were asked for, by place in `takes`.
    named: Vec<Option<Box<str>>>,
}

#[derive(Debug)]
enum BodyDecoder {
    /// The content is not inspected.
    Off,
    Plain(Content),
    Gzip(Box<Gunzip<Content>>),
    Broken(Content, String),
    /// It expands beyond the limit.
    Over(Content),
}

impl ResponseInspector {
    /// `filled`: the values of checks that are filled in for this request.
    pub(super) fn new(assertions: &Assertions, filled: FilledValues) -> Self {
        let own = |at: usize| filled.get(at).and_then(Option::as_deref);
        let seeker = |(at, check): (usize, &PreparedAssertion)| match (check, own(at)) {
            (PreparedAssertion::Body(_), Some(body)) => Seeker::same(body.into()),
            (PreparedAssertion::Body(body), None) => Seeker::same(body.clone()),
            (PreparedAssertion::Contains(_) | PreparedAssertion::NotContains(_), Some(text)) => {
                Seeker::contains(Arc::new(Finder::new(text).into_owned()))
            }
            (
                PreparedAssertion::Contains(finder) | PreparedAssertion::NotContains(finder),
                None,
            ) => Seeker::contains(Arc::clone(finder)),
            _ => Seeker::None,
        };
        let content = Content::new(
            assertions.checks.iter().enumerate().map(seeker).collect(),
            assertions.keeps,
            assertions.limits,
        );
        Self {
            stream: if assertions.content { BodyDecoder::Plain(content) } else { BodyDecoder::Off },
            headers: vec![false; assertions.checks.len()],
            extracted: Extracted::default(),
            named: vec![None; assertions.extracts.len()],
            filled,
        }
    }

    /// Takes the head.
    pub(super) fn head(&mut self, assertions: &Assertions, status: u16, headers: &[Header<'_>]) {
        self.extracted.status = status;
        let named = |name: &str| {
            let name = name.to_owned();
            headers
                .iter()
                .filter(move |one| one.name.eq_ignore_ascii_case(&name))
                .map(|one| one.value)
        };
        for (at, (check, holds)) in assertions.checks.iter().zip(&mut self.headers).enumerate() {
            match check {
                PreparedAssertion::Header(name, wanted) => {
                    let own = self.filled.get(at).and_then(Option::as_deref);
                    let wanted = own.unwrap_or(wanted.as_bytes());
                    *holds = named(name).any(|value| same_value(value, wanted));
                }
                PreparedAssertion::HeaderExists(name, exists) => {
                    *holds = named(name).next().is_some() == *exists;
                }
                _ => {}
            }
        }
        for ((_, _, place), found) in assertions.extracts.iter().zip(&mut self.named) {
            if let ValueSource::Header(name) = place {
                *found = named(name)
                    .next()
                    .and_then(|value| std::str::from_utf8(value).ok())
                    .map(Into::into);
            }
        }
        if assertions.cookies {
            // The cookie jar reports and rejects cookies that are not UTF-8.
            let said = named("set-cookie").map(|value| String::from_utf8_lossy(value).into_owned());
            self.extracted.cookies = said.collect();
        }
        if assertions.redirects && matches!(status, 301 | 302 | 303 | 307 | 308) {
            self.extracted.location = named("location").next().map(text);
        }
        if let Some(encoded) = encoding::of(headers) {
            self.stream = match std::mem::replace(&mut self.stream, BodyDecoder::Off) {
                BodyDecoder::Plain(content) if assertions.gzip && encoding::is_gzip(&encoded) => {
                    BodyDecoder::Gzip(Box::new(Gunzip::new(content)))
                }
                BodyDecoder::Plain(content) => {
                    BodyDecoder::Broken(content, encoding::undecoded(&encoded, assertions.gzip))
                }
                other => other,
            };
        }
    }

    /// Takes a piece of the body.
    pub(super) fn body(&mut self, piece: &[u8]) {
        match &mut self.stream {
            BodyDecoder::Off | BodyDecoder::Broken(..) | BodyDecoder::Over(_) => {}
            BodyDecoder::Plain(content) => content.take(piece),
            BodyDecoder::Gzip(decoder) => {
                if let Err(error) = decoder.take(piece) {
                    self.break_off(&error);
                }
            }
        }
    }

    /// Ends a decoding that failed. What it has given so far stays; the decoder does not give it
    /// back, and its content is empty from now.
    fn break_off(&mut self, error: &io::Error) {
        if let BodyDecoder::Gzip(decoder) = &mut self.stream {
            let content = std::mem::take(decoder.get_mut());
            self.stream = match error.kind() {
                io::ErrorKind::FileTooLarge => BodyDecoder::Over(content),
                _ => BodyDecoder::Broken(content, format!("is no gzip: {error}")),
            };
        }
    }

    /// Whether the answer is a redirect that may be followed.
    pub(super) fn redirects(&self) -> bool {
        self.extracted.location.is_some()
    }

    /// The result of a redirect.
    pub(super) fn into_gains(self) -> Extracted {
        self.extracted
    }

    /// What is broken, as bits by the place of the check, the first in words; what was gained, or
    /// the first value that was not found.
    pub(super) fn finish(mut self, assertions: &Assertions, received: u64) -> Inspection {
        // Where there is no body, there is nothing to decode: in answers to HEAD, with 204 or 304,
        // or of no length.
        if received == 0
            && let Some(content) = self.content_mut()
        {
            self.stream = BodyDecoder::Plain(std::mem::take(content));
        }
        if let BodyDecoder::Gzip(decoder) = &mut self.stream
            && let Err(error) = decoder.try_finish()
        {
            self.break_off(&error);
        }
        let mut inspection = Inspection { over: self.over(assertions), ..Inspection::default() };
        if inspection.over.is_some() {
            return inspection;
        }
        for (at, check) in assertions.checks.iter().enumerate() {
            if let Err(why) = self.holds(at, check, received) {
                if matches!(check, PreparedAssertion::Matches(_)) && self.is_content_cut() {
                    let limit = assertions.limits.body;
                    let words = format!("{why} in the first {limit} bytes of the body");
                    inspection.over.get_or_insert(RequestError::over_limit(&words, "body", limit));
                    continue;
                }
                inspection.broken |= 1 << at;
                if assertions.count_only & (1 << at) != 0 {
                    continue;
                }
                let same = matches!(check, PreparedAssertion::Body(_));
                // The words are of what the failure is counted as.
                if inspection.words.is_empty() || (same && !inspection.wrong_body) {
                    inspection.words = why;
                }
                inspection.wrong_body |= same;
            }
        }
        for (at, (variable, name, place)) in assertions.extracts.iter().enumerate() {
            match self.found(at, place) {
                Ok(value) if value.len() as u64 > assertions.limits.value => {
                    let limit = assertions.limits.value;
                    let words = format!("the value of `{name}` has more than {limit} bytes");
                    inspection.over.get_or_insert(RequestError::over_limit(&words, "value", limit));
                }
                Ok(value) => self.extracted.values.push((*variable, value)),
                Err(_) if self.is_cut(place) => {
                    let limit = assertions.limits.body;
                    let words = format!("`{name}` is not in the first {limit} bytes of the body");
                    inspection.over.get_or_insert(RequestError::over_limit(&words, "body", limit));
                }
                Err(why) if inspection.missing.is_none() => {
                    inspection.missing = Some(format!("`{name}` was not found: {why}"));
                }
                Err(_) => {}
            }
        }
        inspection.extracted = self.extracted;
        inspection
    }

    /// The part that exceeds a limit of this side, if something depends on it.
    fn over(&self, assertions: &Assertions) -> Option<RequestError> {
        let AnswerLimits { body, decoded, .. } = assertions.limits;
        if matches!(self.stream, BodyDecoder::Over(_)) {
            let words = format!("the body expands beyond {decoded} bytes");
            return Some(RequestError::over_limit(&words, "decoded", decoded));
        }
        let is_json = assertions.checks.iter().any(PreparedAssertion::is_json)
            || assertions
                .extracts
                .iter()
                .any(|(_, _, place)| matches!(place, ValueSource::Json(_)));
        self.content().filter(|content| is_json && content.is_cut()).map(|_| {
            let words = format!("the body is longer than {body} bytes, and no more of it is kept");
            RequestError::over_limit(&words, "body", body)
        })
    }

    /// The content, as far as it could be decoded.
    fn content(&self) -> Option<&Content> {
        match &self.stream {
            BodyDecoder::Off => None,
            BodyDecoder::Plain(content)
            | BodyDecoder::Broken(content, _)
            | BodyDecoder::Over(content) => Some(content),
            BodyDecoder::Gzip(decoder) => Some(decoder.get_ref()),
        }
    }

    fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.stream {
            BodyDecoder::Off => None,
            BodyDecoder::Plain(content)
            | BodyDecoder::Broken(content, _)
            | BodyDecoder::Over(content) => Some(content),
            BodyDecoder::Gzip(decoder) => Some(decoder.get_mut()),
        }
    }

    fn holds(&mut self, at: usize, check: &PreparedAssertion, received: u64) -> Result<(), String> {
        if let (true, BodyDecoder::Broken(_, why)) = (check.needs_content(), &self.stream) {
            return Err(format!("the body {why}"));
        }
        let is_expected_header = self.headers[at];
        let filled = self.filled.get_mut(at).and_then(Option::take);
        let content = self.content_mut();
        let input = CheckInput { at, is_expected_header, content, received };
        holds(check, filled.as_deref(), input)
    }

    fn is_content_cut(&self) -> bool {
        self.content().is_some_and(Content::is_cut)
    }

    /// Whether a value may lie beyond the kept part of the body.
    fn is_cut(&self, place: &ValueSource) -> bool {
        matches!(place, ValueSource::Regex(_)) && self.is_content_cut()
    }

    fn found(&self, at: usize, place: &ValueSource) -> Result<Box<str>, String> {
        if let (ValueSource::Json(_) | ValueSource::Regex(_), BodyDecoder::Broken(_, why)) =
            (place, &self.stream)
        {
            return Err(format!("the body {why}"));
        }
        Ok(match place {
            ValueSource::Header(name) => {
                self.named[at].clone().ok_or_else(|| format!("there is no header `{name}`"))?
            }
            ValueSource::Json(pointer) => {
                let value = pointed(self.content(), pointer)?;
                json::text(value).map_err(|what| format!("it is {what}"))?.into()
            }
            ValueSource::Regex(pattern) => {
                let content = self.content().filter(|one| !one.is_empty()).ok_or(EMPTY)?;
                let found = pattern.captures(content.kept());
                let group = found.and_then(|found| found.get(1).or_else(|| found.get(0)));
                let Some(group) = group else {
                    return Err(format!("`{pattern}` matches nothing"));
                };
                std::str::from_utf8(group.as_bytes()).map_err(|_| "it is not UTF-8")?.into()
            }
        })
    }
}

/// The result of inspecting a response.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// Bits, by the place of the check.
    pub broken: u64,
    /// Whether a body differs from the expected one.
    pub wrong_body: bool,
    /// The first of them.
    pub words: String,
    /// The first value that was not found.
    pub missing: Option<String>,
    /// The limit that is exceeded.
    pub over: Option<RequestError>,
    pub extracted: Extracted,
}

/// A header that is UTF-8, or of which each byte beyond ASCII is percent-encoded.
fn text(value: &[u8]) -> String {
    std::str::from_utf8(value)
        .map_or_else(|_| percent_encode(value, CONTROLS).to_string(), str::to_owned)
}

fn same_value(value: &[u8], wanted: &[u8]) -> bool {
    let first = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    value.trim_ascii() == wanted || (!wanted.contains(&b';') && first == wanted)
}
