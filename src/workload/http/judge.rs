//! Turns the response to a request into a verdict: which checks do not hold, and what it
//! is counted as.

use super::body::BodyComparison;
use super::capture::Capture;
use super::encoding;
use super::error::RequestError;
use super::inspector::{Extracted, Inspection, ResponseInspector};
use super::parse::ResponseReader;
use super::request_set::PreparedRequest;
use crate::record::{Failure, FailureStage};

/// The receiver of a response: the count of its body, and its inspector.
pub(super) struct BodySink<'a> {
    pub(super) prepared: &'a PreparedRequest,
    pub(super) check: &'a mut BodyComparison,
    pub(super) inspector: Option<&'a mut ResponseInspector>,
    pub(super) capture: &'a mut Option<Box<Capture>>,
}

impl ResponseReader for BodySink<'_> {
    fn head(&mut self, status: u16, headers: &[httparse::Header<'_>]) {
        if let (Some(inspector), Some(assertions)) =
            (&mut self.inspector, &self.prepared.assertions)
        {
            inspector.head(assertions, status, headers);
        }
        let shows = self.prepared.may_show(status);
        if let Some(most_body) = self.prepared.captures(status, shows) {
            let mut capture = Box::new(Capture::new(most_body));
            capture.head(status, headers);
            *self.capture = Some(capture);
        }
        let expected = self.prepared.expected.is_some();
        let encoding = if expected || shows { encoding::of(headers) } else { None };
        if let Some(encoded) = encoding.as_ref().filter(|_| expected) {
            self.check.is_encoded(encoding::undecoded(encoded, false));
        }
        if shows || encoding.is_some() {
            self.check.keep(encoding);
        }
    }

    fn body(&mut self, piece: &[u8]) {
        let expected = self.prepared.expected.as_ref();
        self.check.feed(expected.map(|(_, body)| &**body), piece);
        if let Some(inspector) = &mut self.inspector {
            inspector.body(piece);
        }
        if let Some(capture) = self.capture {
            capture.body(piece);
        }
    }
}

/// The verdict on a response.
pub(super) struct ResponseJudgement {
    /// The error.
    pub(super) error: Option<RequestError>,
    /// The checks that do not hold, as bits; `None` where that is not known.
    pub(super) broken: Option<u64>,
    /// Whether a value that later steps need was not found.
    pub(super) lacks: bool,
    pub(super) extracted: Option<Box<Extracted>>,
}

/// Judges an answer that is whole. `wrong_body`: how a body that was compared as it came differs.
pub(super) fn judge(
    prepared: &PreparedRequest,
    status: u16,
    mut wrong_body: Option<String>,
    inspection: Option<Inspection>,
) -> ResponseJudgement {
    let (taken, mut broken) = prepared.statuses(status);
    if let (Some((bit, _)), Some(_)) = (&prepared.expected, &wrong_body) {
        broken |= bit;
        if bit & prepared.count_only != 0 {
            wrong_body = None;
        }
    }
    let (mut other, mut extracted, mut over, mut lacks) = (None, None, None, false);
    if let Some(mut inspection) = inspection {
        over = inspection.over.take();
        broken |= inspection.broken;
        let Inspection { words, missing, .. } = inspection;
        lacks = missing.is_some();
        match (inspection.broken & !prepared.count_only, inspection.wrong_body) {
            (0, _) => other = missing.map(|words| (Failure::NotExtracted, words)),
            (_, true) => wrong_body = Some(words),
            (_, false) => other = Some((Failure::Check, words)),
        }
        extracted = Some(Box::new(inspection.extracted));
    }
    let error = |failure, words: &str| RequestError::new(failure, FailureStage::Request, words);
    let error = if !taken {
        let mut error = error(Failure::Status, &format!("status {status}"));
        error.cause.code = i32::from(status);
        Some(error)
    } else if let Some(words) = wrong_body {
        let words = words.strip_prefix("the body ").unwrap_or(&words);
        Some(error(Failure::WrongBody, &format!("the body {words}")))
    } else {
        other.map(|(failure, words)| error(failure, &words))
    };
    // Beyond a limit of this side's own nothing is known, unless the target is wrong anyway.
    let is_known = over.is_none();
    if let (None, Some(over)) = (&error, over) {
        return ResponseJudgement { error: Some(over), broken: None, lacks: true, extracted: None };
    }
    let broken = is_known.then_some(broken);
    ResponseJudgement { error, broken, lacks, extracted }
}
