//! Turns the fate of held connections into lines: the time held, what ended them, and what many
//! deaths share.

use super::{BAD, paragraph};
use crate::plan::{Metric, RatioMetric};
use crate::record::{Counter, Curve, LifeEnd, Survival, spikes};
use crate::report::page::Page;
use crate::report::page::listed;
use crate::report::section::Section;
use crate::units::figure::{grouped, percent, time};
use anstyle::Style;
use std::io;

/// Why held connections ended; and where any was lost, how long they lived.
pub(super) fn write(whole: &Section<'_>, out: &mut Page<'_>) -> io::Result<()> {
    let survival = &whole.cell.survival;
    let deaths = survival.deaths();
    ends(survival, out)?;
    let Some(curve) = Curve::of(survival).filter(|_| deaths > 0) else { return Ok(()) };
    let ns = |seconds: u64| seconds as f64 * 1e9;
    if let Some(kept) = whole.measure(Metric::Ratio(RatioMetric::HoldTime)) {
        let ms = |counter| time(whole.cell.counters.get(counter) as f64 * 1e6);
        let line = format!(
            "hold.time_ratio {} ({} of connection time kept, {} promised)",
            percent(kept.value),
            ms(Counter::TimeDelivered),
            ms(Counter::TimePromised)
        );
        paragraph(out, "  ", &line, Style::new())?;
    }
    let ended = LifeEnd::DEATHS.iter().map(|end| (end, survival.count(*end)));
    let ended: Vec<String> = ended
        .filter(|(_, count)| *count > 0)
        .map(|(end, count)| format!("{} {}", end.name(), grouped(count)))
        .collect();
    let mut words = vec![format!(
        "survival: {} of {} died ({})",
        grouped(deaths),
        grouped(survival.connections()),
        ended.join(", ")
    )];
    let ages = RatioMetric::ages().map(|(_, age)| age).filter(|age| *age <= curve.seen_s);
    words.extend(ages.filter_map(|age| {
        let (alive, error) = curve.at(age)?;
        Some(format!("{} ± {} lived {}", percent(alive), percent(error), time(ns(age))))
    }));
    words.extend(curve.median_s().map(|median| format!("half died within {}", time(ns(median)))));
    paragraph(out, "  ", &words.join("; "), Style::new())?;
    spikes(survival).iter().try_for_each(|spike| paragraph(out, "  ", &spike.to_string(), BAD))
}

/// How connections ended, each way in words.
fn ends(survival: &Survival, out: &mut Page<'_>) -> io::Result<()> {
    let ended = LifeEnd::ALL.iter().map(|end| (end, survival.count(*end)));
    let ended: Vec<String> = ended
        .filter(|(_, count)| *count > 0)
        .map(|(end, count)| format!("{} {}", grouped(count), why(*end)))
        .collect();
    if ended.is_empty() {
        return Ok(());
    }
    paragraph(out, "  ", &format!("connections ended: {}", listed(&ended)), Style::new())
}

fn why(end: LifeEnd) -> &'static str {
    match end {
        LifeEnd::Fin => "closed by the other side (FIN)",
        LifeEnd::Rst => "reset (RST)",
        LifeEnd::Silence => "silent for too long",
        LifeEnd::WrongData => "with a wrong message",
        LifeEnd::Other => "by another failure",
        LifeEnd::Censored => "as planned",
        LifeEnd::Rejected => "closed or reset instead of a reply to a heartbeat",
    }
}
