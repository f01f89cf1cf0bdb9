//! Turns failures of responses into which of the next ones are captured.
//!
//! **Invariant:** nothing is captured of a response whose status is expected, until a response to
//! the same request has failed.

use std::cell::{Cell, RefCell};

/// Bytes of a body that are captured.
pub(super) const MOST_BODY: usize = 16 << 10;

/// Captures of responses with one status that failed: enough for a few causes.
const MOST_CAPTURES: u8 = 15;

/// Responses that are captured in the hope of one that fails, after one has failed whose status
/// was expected.
const HOPE: u16 = 1_000;

/// The captures of responses to one request.
#[derive(Debug, Default)]
pub(super) struct FailingCaptures {
    /// By status: failures that were captured.
    captured: RefCell<Vec<(u16, u8)>>,
    /// How many more responses with an expected status are captured.
    hope: Cell<u16>,
}

impl FailingCaptures {
    /// Whether responses with an expected status are captured.
    pub(super) fn hopes(&self) -> bool {
        self.hope.get() > 0
    }

    /// Whether to capture a response that begins with this status.
    pub(super) fn wants(&self, status: u16, is_expected: bool) -> bool {
        if is_expected {
            let hope = self.hope.get();
            self.hope.set(hope.saturating_sub(1));
            return hope > 0;
        }
        self.captured_of(status) < MOST_CAPTURES
    }

    /// Notes that a response has failed.
    pub(super) fn failed(&self, status: u16, is_expected: bool, is_captured: bool) {
        if is_captured {
            let mut all = self.captured.borrow_mut();
            match all.iter_mut().find(|(one, _)| *one == status) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => all.push((status, 1)),
            }
        }
        if is_expected {
            let is_enough = self.captured_of(status) >= MOST_CAPTURES;
            self.hope.set(if is_enough { 0 } else { HOPE });
        }
    }

    fn captured_of(&self, status: u16) -> u8 {
        let all = self.captured.borrow();
        all.iter().find(|(one, _)| *one == status).map_or(0, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_captured_when_they_will_fail_or_may() {
        let captures = FailingCaptures::default();
        assert!(!captures.wants(200, true) && !captures.hopes());
        for _ in 0..MOST_CAPTURES {
            assert!(captures.wants(503, false));
            captures.failed(503, false, true);
        }
        assert!(!captures.wants(503, false) && captures.wants(500, false) && !captures.hopes());
        captures.failed(200, true, false);
        for _ in 0..HOPE {
            assert!(captures.wants(200, true));
        }
        assert!(!captures.wants(200, true));
        for _ in 0..MOST_CAPTURES {
            captures.failed(200, true, true);
        }
        assert!(!captures.hopes());
    }
}
