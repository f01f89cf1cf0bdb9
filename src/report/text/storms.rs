//! Turns the plan's events into lines: what each dropped, and when they were back.

use super::paragraph;
use crate::plan::{Close, Scenario, Stat};
use crate::record::Cell;
use crate::report::page::Page;
use crate::report::storms::{EventFacts, storms};
use crate::units::figure::{grouped, percent, time};
use anstyle::Style;
use std::io;

/// Events that are shown; the others are in report.json.
const MOST: usize = 8;

pub(super) fn write(scenario: &Scenario, whole: &Cell, out: &mut Page<'_>) -> io::Result<()> {
    let all = storms(scenario, whole);
    all.iter().take(MOST).try_for_each(|one| paragraph(out, "  ", &line(one), Style::new()))?;
    match all.len().saturating_sub(MOST) {
        0 => Ok(()),
        more => {
            paragraph(out, "  ", &format!("and {more} more events in report.json"), super::QUIET)
        }
    }
}

fn line(EventFacts { event, storm }: &EventFacts<'_>) -> String {
    let by = match event.by {
        Close::Fin => "FIN",
        Close::Rst => "RST",
    };
    let event = format!("event at {} ({} by {by}):", event.at, percent(event.share.0));
    if storm.dropped == 0 {
        return format!("{event} dropped none");
    }
    let after = |stat| match storm.after(stat) {
        Some(ns) if ns.is_finite() => format!("after {}", time(ns)),
        _ => "never".to_owned(),
    };
    format!(
        "{event} dropped {}, {} came back: 50 % {}, 99 % {}",
        grouped(storm.dropped),
        grouped(storm.recovered()),
        after(Stat::P50),
        after(Stat::P99)
    )
}
