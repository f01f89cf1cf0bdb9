//! Turns the pieces of a body into one verdict: as expected, or where it first differs.

use super::preview::{BodyPreview, SHOWN_BYTES as BEGINNING_BYTES};
use crate::plan::Secrets;
use crate::units::{index, visible_bytes};

/// Longest piece of a wrong body that is shown.
const SHOWN_BYTES: usize = 64;

/// Compares a body with the expected one as it comes in; keeps a position, not the body.
#[derive(Debug, Default)]
pub(super) struct BodyComparison {
    received: u64,
    /// Boxed, as each connection has one of these and few bodies are wrong.
    fault: Option<Box<BodyFault>>,
    /// How the body of an answer begins that is wrong, or may turn out to be.
    beginning: Option<Box<BodyPreview>>,
}

/// Why a body is not as expected, in words.
#[derive(Debug)]
enum BodyFault {
    /// It differs.
    Wrong(String),
    /// It is encoded and cannot be compared.
    Encoded(String),
}

impl BodyComparison {
    /// The body is encoded and cannot be compared, for this reason.
    pub(super) fn is_encoded(&mut self, why: String) {
        self.fault = Some(Box::new(BodyFault::Encoded(why)));
    }

    /// The beginning of the body is kept for error messages.
    pub(super) fn keep(&mut self, encoding: Option<Box<str>>) {
        self.beginning = Some(Box::new(BodyPreview::new(encoding)));
    }

    /// How the body begins, in words; nothing of one that was not kept. `expected`: what it was
    /// compared with.
    pub(super) fn beginning(&self, expected: Option<&[u8]>, secrets: &Secrets) -> String {
        match (&self.beginning, expected) {
            (Some(beginning), _) => beginning.words(self.received, secrets),
            (None, Some(expected)) => self.as_expected(expected).words(self.received, secrets),
            (None, None) => String::new(),
        }
    }

    /// The beginning of a body that is as expected so far.
    fn as_expected(&self, expected: &[u8]) -> BodyPreview {
        let same = index(self.received);
        let mut beginning = BodyPreview::default();
        beginning.take(&expected[..same.min(expected.len()).min(BEGINNING_BYTES)]);
        beginning
    }

    /// Takes the next piece; any when nothing is expected.
    pub(super) fn feed(&mut self, expected: Option<&[u8]>, piece: &[u8]) {
        let at = index(self.received);
        if let Some(beginning) = &mut self.beginning {
            beginning.take(piece);
        } else if let Some(expected) = expected
            && !expected.get(at..).unwrap_or_default().starts_with(piece)
        {
            let mut beginning = self.as_expected(expected);
            beginning.take(piece);
            self.beginning = Some(Box::new(beginning));
        }
        self.received += piece.len() as u64;
        let Some(expected) = expected.filter(|_| self.fault.is_none()) else { return };
        let rest = expected.get(at..).unwrap_or_default();
        if rest.starts_with(piece) {
            return;
        }
        let same = rest.iter().zip(piece).take_while(|(theirs, ours)| theirs == ours).count();
        let shown = visible_bytes(&piece[same..], SHOWN_BYTES);
        let words = format!("differs at byte {}: `{shown}`", at + same);
        self.fault = Some(Box::new(BodyFault::Wrong(words)));
    }

    /// Bytes so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The error of the complete body.
    pub(super) fn finish(&mut self, expected: Option<&[u8]>) -> Result<(), String> {
        match self.fault.take().map(|fault| *fault) {
            Some(BodyFault::Encoded(why)) if self.received > 0 => return Err(why),
            Some(BodyFault::Wrong(why)) => return Err(why),
            _ => {}
        }
        match expected {
            Some(expected) if self.received < expected.len() as u64 => {
                Err(format!("ends after {} of {} bytes", self.received, expected.len()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Option<&str>, pieces: &[&str]) -> (u64, Result<(), String>) {
        let (expected, mut check) = (expected.map(str::as_bytes), BodyComparison::default());
        for piece in pieces {
            check.feed(expected, piece.as_bytes());
        }
        (check.received(), check.finish(expected))
    }

    #[test]
    fn every_split_of_the_right_body_is_right() {
        for cut in 0..=5 {
            let (left, right) = "hello".split_at(cut);
            assert_eq!(check(Some("hello"), &[left, right]), (5, Ok(())));
        }
        assert_eq!(check(None, &["any", "thing"]), (8, Ok(())));
    }

    #[test]
    fn a_wrong_body_says_where() {
        assert_eq!(check(Some("ok"), &["o", "h no"]).1.unwrap_err(), "differs at byte 1: `h no`");
        assert_eq!(
            check(Some("ok"), &["ok", "\u{1b}!"]).1.unwrap_err(),
            "differs at byte 2: `\\x1b!`"
        );
        assert_eq!(check(Some("ok"), &["o"]).1.unwrap_err(), "ends after 1 of 2 bytes");
        assert_eq!(check(Some("ok"), &[]).1.unwrap_err(), "ends after 0 of 2 bytes");
        assert_eq!(check(Some(""), &["x"]), (1, Err("differs at byte 0: `x`".into())));
    }
}
