//! Turns the levels of a scenario into a plot of characters.

use crate::schedule::Segment;
use crate::units::Time;
use std::fmt::Write as _;
use std::time::Duration;

/// Columns of a plot, if the terminal is wide enough.
const COLUMNS: usize = 60;
const ROWS: u32 = 8;

/// The level over time; an unpaced ramp is a step. Empty if no stage takes time.
pub(super) fn curve(
    segments: &[Segment],
    start_ns: u64,
    unit: &str,
    (width, ascii): (usize, bool),
) -> String {
    let length: u64 = segments.iter().map(length_ns).sum();
    let peak = segments.iter().map(top).fold(0.0, f64::max);
    if length == 0 || peak <= 0.0 {
        return String::new();
    }
    let top_label = format!("{}{unit}", short(peak));
    let label = top_label.chars().count().max(1);
    let columns = width.saturating_sub(label + 4).clamp(8, COLUMNS);
    let levels: Vec<f64> = (0..columns)
        .map(|column| {
            // The middle of the column's time.
            let at = u128::from(length) * (2 * column as u128 + 1) / (2 * columns as u128);
            level_at(segments, u64::try_from(at).unwrap_or(u64::MAX))
        })
        .collect();
    let width = label;
    let (corner, side, floor) = if ascii { ('+', '|', '-') } else { ('└', '┤', '─') };
    let mut plot = String::new();
    for row in (0..ROWS).rev() {
        let label = if row == ROWS - 1 { top_label.as_str() } else { "" };
        let cells: String = levels.iter().map(|level| cell(level / peak, row, ascii)).collect();
        let _ = writeln!(plot, "  {label:>width$} {side}{}", cells.trim_end());
    }
    let line: String = std::iter::repeat_n(floor, columns).collect();
    let _ = writeln!(plot, "  {:>width$} {corner}{line}", "0");
    let (from, to) = (clock(start_ns), clock(start_ns.saturating_add(length)));
    let gap = columns.saturating_sub(from.chars().count() + to.chars().count());
    let _ = writeln!(plot, "  {:>width$}  {from}{:gap$}{to}", "", "");
    plot
}

/// One character of a column that is filled to `part` of the plot's height.
fn cell(part: f64, row: u32, ascii: bool) -> char {
    let filled = part * f64::from(ROWS) - f64::from(row);
    if ascii {
        return if filled >= 0.5 { '#' } else { ' ' };
    }
    let blocks = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=8")]
    let eighths = (filled * 8.0).round().clamp(0.0, 8.0) as usize;
    // A value above zero is visible.
    if eighths == 0 && row == 0 && part > 0.0 { blocks[1] } else { blocks[eighths] }
}

/// The length of a stage, an unpaced ramp counted as nothing.
fn length_ns(segment: &Segment) -> u64 {
    segment.ramp_ns().unwrap_or(0).saturating_add(segment.hold_ns)
}

fn level_at(segments: &[Segment], mut at: u64) -> f64 {
    for segment in segments {
        let length = length_ns(segment);
        if at < length {
            return segment.level_at(at);
        }
        at -= length;
    }
    0.0
}

fn top(segment: &Segment) -> f64 {
    segment.level_at(0).max(segment.level_at(length_ns(segment)))
}

/// A level with at most three figures behind the point and a unit of thousands.
pub(super) fn short(level: f64) -> String {
    let (value, unit) = match level {
        level if level >= 1e9 => (level / 1e9, "G"),
        level if level >= 1e6 => (level / 1e6, "M"),
        level if level >= 1e4 => (level / 1e3, "k"),
        level => (level, ""),
    };
    let text = format!("{value:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A moment of the run, to the millisecond.
pub(super) fn clock(ns: u64) -> String {
    Time(Duration::from_millis(ns / 1_000_000)).to_string()
}
