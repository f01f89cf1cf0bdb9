//! Decides how a threshold stands that only failures give samples to, where there are fewer than
//! its figure takes.

use super::shortfall::AttemptTotals;
use crate::catalogue::Samples;
use crate::plan::{Comparison, Metric, Stat, Threshold};
use crate::record::Cell;

/// Whether an upper bound on the times of responses that failed holds for every one of them. No
/// plan can say how many fail: what was asked holds where none did, as long as some attempt went
/// well, and where all that did were quick enough. A failure without a response, or of the
/// generator's own, leaves the question open.
pub(super) fn all_hold(threshold: &Threshold, cell: &Cell, tried: AttemptTotals) -> bool {
    let Metric::Time(time, _) = threshold.metric else { return false };
    let of_failures = time.row().samples == Samples::FailedResponses;
    let is_upper = matches!(threshold.comparison, Comparison::Less | Comparison::AtMost);
    let samples = cell.times.count(time);
    let longest = cell.times.stat(time, Stat::Max);
    of_failures
        && is_upper
        && tried.local == 0
        && tried.failed <= samples
        && tried.well + samples > 0
        && longest.is_none_or(|longest| threshold.comparison.holds(longest, threshold.bound.0))
}
