//! Turns a status into whether a response is a success, and which checks of it hold.

use crate::plan::{Assertion, Check, count_only};
use std::ops::RangeInclusive;

/// The statuses of successes where a plan does not name them and redirects are followed.
const SUCCESS: RangeInclusive<u16> = 200..=299;

/// The same where redirects are not followed: each is a response like any other, as in k6.
const WITH_REDIRECTS: RangeInclusive<u16> = 200..=399;

/// The statuses that a request expects.
#[derive(Debug)]
pub(super) struct ExpectedStatuses {
    /// Each with the bit of its check.
    checks: Vec<(u64, Vec<RangeInclusive<u16>>)>,
    /// Whether a check decides if a response is a success; otherwise `default` does.
    decides: bool,
    default: RangeInclusive<u16>,
    /// The bits of checks that are only counted.
    count_only: u64,
}

impl ExpectedStatuses {
    pub(super) fn new(checks: &[Check], follows: bool) -> Self {
        let count_only = count_only(checks);
        let statuses = |(at, check): (usize, &Check)| match &check.what {
            Assertion::Status(list) => Some((1 << at, list.clone())),
            _ => None,
        };
        let checks: Vec<_> = checks.iter().enumerate().filter_map(statuses).collect();
        let decides = checks.iter().any(|(bit, _)| bit & count_only == 0);
        let default = if follows { SUCCESS } else { WITH_REDIRECTS };
        Self { checks, decides, default, count_only }
    }

    /// Whether a status is that of a success, and the checks that do not hold, as bits.
    pub(super) fn judge(&self, status: u16) -> (bool, u64) {
        if self.checks.is_empty() {
            return (self.default.contains(&status), 0);
        }
        let is_in = |list: &[RangeInclusive<u16>]| list.iter().any(|one| one.contains(&status));
        let wrong = self.checks.iter().filter(|(_, list)| !is_in(list));
        let broken = wrong.fold(0, |all, (bit, _)| all | bit);
        let is_success = if self.decides {
            broken & !self.count_only == 0
        } else {
            self.default.contains(&status)
        };
        (is_success, broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expecting(lists: &[(&[RangeInclusive<u16>], bool)]) -> ExpectedStatuses {
        let check = |(list, count_only): &(&[RangeInclusive<u16>], bool)| Check {
            name: 0,
            is_named: false,
            count_only: *count_only,
            what: Assertion::Status(list.to_vec()),
        };
        ExpectedStatuses::new(&lists.iter().map(check).collect::<Vec<_>>(), true)
    }

    #[test]
    fn a_success_is_2xx_unless_the_plan_says_otherwise() {
        let default = expecting(&[]);
        for (status, is_success) in
            [(200, true), (299, true), (302, false), (304, false), (404, false)]
        {
            assert_eq!(default.judge(status), (is_success, 0), "{status}");
        }
        let unfollowed = ExpectedStatuses::new(&[], false);
        for (status, is_success) in [(200, true), (302, true), (304, true), (404, false)] {
            assert_eq!(unfollowed.judge(status), (is_success, 0), "{status}");
        }
        let classes = expecting(&[(&[200..=299, 404..=404], false)]);
        for (status, expected) in [(204, (true, 0)), (404, (true, 0)), (403, (false, 1))] {
            assert_eq!(classes.judge(status), expected, "{status}");
        }
        let counted = expecting(&[(&[204..=204], true)]);
        assert_eq!(counted.judge(200), (true, 1));
        assert_eq!(counted.judge(302), (false, 1));
    }
}
