//! How much the readings of monitors add to the files of a run.

use crate::plan::Monitor;
use std::time::Duration;

/// Bytes in the journal of one reading of a monitor, and in all files of each value.
const READING: u64 = 110;
const VALUE: u64 = 70;

/// Bytes that the readings of a monitor take at most in a run of this length.
pub(super) fn most_bytes(monitor: &Monitor, length: Duration) -> u64 {
    let readings = length.as_nanos() / monitor.every.0.as_nanos().max(1) + 1;
    let each = READING + VALUE.saturating_mul(monitor.metrics.len() as u64);
    u64::try_from(readings).unwrap_or(u64::MAX).saturating_mul(each)
}
