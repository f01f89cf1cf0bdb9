//! Turns what came of a request into a verdict on its answer: which checks do not hold, and what it
//! is counted as.

use super::body::Check;
use super::encoding;
use super::fault::Fault;
use super::look::{Gains, Looked, Looking};
use super::parse::Reader;
use super::script::Prepared;
use crate::record::{Failure, FailureStage};

/// Who takes an answer: the count of its body, and what looks into it.
pub(super) struct Taker<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) check: &'a mut Check,
    pub(super) looking: Option<&'a mut Looking>,
}

impl Reader for Taker<'_> {
    fn head(&mut self, status: u16, headers: &[httparse::Header<'_>]) {
        if let (Some(looking), Some(looks)) = (&mut self.looking, &self.prepared.looks) {
            looking.head(looks, status, headers);
        }
        let (expected, shows) = (self.prepared.expected.is_some(), self.prepared.may_show(status));
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
        if let Some(looking) = &mut self.looking {
            looking.body(piece);
        }
    }
}

/// What an answer comes to.
pub(super) struct Judged {
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
    /// The checks that do not hold, as bits; `None` where that is not known.
    pub(super) broken: Option<u64>,
    /// Whether a value that later steps need was not found.
    pub(super) lacks: bool,
    pub(super) gains: Option<Box<Gains>>,
}

/// Judges an answer that is whole. `wrong_body`: how a body that was compared as it came differs.
pub(super) fn judge(
    prepared: &Prepared,
    status: u16,
    mut wrong_body: Option<String>,
    looked: Option<Looked>,
) -> Judged {
    let (taken, mut broken) = prepared.statuses(status);
    if let (Some((bit, _)), Some(_)) = (&prepared.expected, &wrong_body) {
        broken |= bit;
    }
    let (mut other, mut gains, mut over, mut lacks) = (None, None, None, false);
    if let Some(mut looked) = looked {
        over = looked.over.take();
        broken |= looked.broken;
        let Looked { words, missing, .. } = looked;
        lacks = missing.is_some();
        match (looked.broken, looked.wrong_body) {
            (0, _) => other = missing.map(|words| (Failure::NotExtracted, words)),
            (_, true) => wrong_body = Some(words),
            (_, false) => other = Some((Failure::Check, words)),
        }
        gains = Some(Box::new(looked.gains));
    }
    let fault = |failure, words: &str| Fault::new(failure, FailureStage::Request, words);
    let fault = if !taken {
        let mut fault = fault(Failure::Status, &format!("status {status}"));
        fault.cause.code = i32::from(status);
        Some(fault)
    } else if let Some(words) = wrong_body {
        let words = words.strip_prefix("the body ").unwrap_or(&words);
        Some(fault(Failure::WrongBody, &format!("the body {words}")))
    } else {
        other.map(|(failure, words)| fault(failure, &words))
    };
    // Beyond a limit of this side's own nothing is known, unless the target is wrong anyway.
    let is_known = over.is_none();
    if let (None, Some(over)) = (&fault, over) {
        return Judged { fault: Some(over), broken: None, lacks: true, gains: None };
    }
    let broken = is_known.then_some(broken);
    Judged { fault, broken, lacks, gains }
}
