//! Says whether a run was made again: the same load, the same verdict, figures within a tolerance.

use super::comparable::{self, Difference, DifferenceKind};
use super::figures::{FigurePlace, RunFigure, figures};
use super::printed::effect;
use super::{ComparisonOutcome, effect_of};
use crate::catalogue::MetricUnit;
use crate::plan::{Metric, Stat};
use crate::report::page::Page;
use crate::report::table::{Column, Table, TableCell};
use crate::store::{Error, SavedRun};
use crate::units::visible;
use crate::verdict::Verdict;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// How far figures may lie apart: rates and ratios.
const TOLERANCE: f64 = 0.02;
/// Medians.
const TOLERANCE_P50: f64 = 0.10;
/// Times further out.
const TOLERANCE_P99: f64 = 0.25;

/// One figure of both runs.
#[derive(Debug, Clone)]
struct FigurePair {
    place: FigurePlace,
    metric: Metric,
    before: f64,
    after: f64,
    tolerance: f64,
}

impl FigurePair {
    fn new(before: &RunFigure, after: &[RunFigure]) -> Option<Self> {
        let found = after.iter().find(|one| one.is_same(before))?;
        let metric = before.metric;
        let tolerance = match metric {
            Metric::Time(_, Stat::P50) => TOLERANCE_P50,
            Metric::Time(..) => TOLERANCE_P99,
            _ => TOLERANCE,
        };
        let place = before.place.clone();
        Some(Self { place, metric, before: before.value, after: found.value, tolerance })
    }

    fn effect(&self) -> f64 {
        effect_of(self.metric)(self.before, self.after)
    }

    /// Faster by as much is as far from the same.
    fn is_within(&self) -> bool {
        let effect = self.effect();
        if self.metric.row().unit == MetricUnit::Ratio {
            return effect.abs() <= self.tolerance;
        }
        effect <= 1.0 + self.tolerance && effect >= 1.0 / (1.0 + self.tolerance)
    }
}

/// A run, and the same load again.
#[derive(Debug, Clone)]
pub struct Reproduction {
    verdicts: [Verdict; 2],
    differences: Vec<Difference>,
    pairs: Vec<FigurePair>,
}

/// Compares a run with the same load again.
///
/// # Errors
/// When a file of a folder cannot be read.
pub fn reproduced(before: &SavedRun, after: &SavedRun) -> Result<Reproduction, Error> {
    let (one, other) = (std::slice::from_ref(before), std::slice::from_ref(after));
    // An INVALID run may be repeated, too: then its figures are not judged.
    let differences = comparable::differences(one, other, &[DifferenceKind::Version]);
    let again = figures(after, &[]);
    let pairs = figures(before, &[]);
    Ok(Reproduction {
        verdicts: [before.judgement.verdict, after.judgement.verdict],
        differences,
        pairs: pairs.iter().filter_map(|one| FigurePair::new(one, &again)).collect(),
    })
}

impl Reproduction {
    /// `NotRegressed` where it was reproduced, `Regressed` where it was not, or `Incomparable`.
    pub fn outcome(&self) -> ComparisonOutcome {
        let [before, after] = self.verdicts;
        if self.pairs.is_empty() || self.differences.iter().any(|one| !one.accepted) {
            ComparisonOutcome::Incomparable
        } else if before == after && self.pairs.iter().all(FigurePair::is_within) {
            ComparisonOutcome::NotRegressed
        } else {
            ComparisonOutcome::Regressed
        }
    }
}

/// The table, and whether it was reproduced in the last line.
///
/// # Errors
/// When the page cannot be written to.
pub fn write_reproduction(of: &Reproduction, page: &mut Page<'_>) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::name(""),
        Column::left("metric"),
        Column::right("before"),
        Column::right("again"),
        Column::right("change"),
        Column::right("tolerance"),
        Column::left(""),
    ]);
    for pair in &of.pairs {
        let percent = pair.tolerance * 100.0;
        let tolerance = match pair.metric.row().unit {
            MetricUnit::Ratio => format!("{percent:.0} points"),
            _ => format!("{percent:.0}%"),
        };
        let (word, colour) = if pair.is_within() {
            ("within", AnsiColor::Green)
        } else {
            ("beyond", AnsiColor::Red)
        };
        let FigurePlace { scenario, stage } = &pair.place;
        table.row(vec![
            format!("{} · {}", visible(scenario), visible(stage)).into(),
            pair.metric.to_string().into(),
            pair.metric.figure(pair.before).into(),
            pair.metric.figure(pair.after).into(),
            effect(pair.metric, pair.effect()).into(),
            tolerance.into(),
            TableCell::styled(word, Style::new().fg_color(Some(colour.into()))),
        ]);
    }
    table.write(page, 2)?;
    for one in &of.differences {
        let word = if one.accepted { "note" } else { "incomparable" };
        page.hanging("  ", "    ", &format!("{word}: {}", one.detail), Style::new())?;
    }
    let [before, after] = of.verdicts;
    let beyond = of.pairs.iter().filter(|pair| !pair.is_within()).count();
    let said = match of.outcome() {
        ComparisonOutcome::Incomparable if of.pairs.is_empty() => {
            "INCOMPARABLE: no figure has enough samples in both runs".to_owned()
        }
        ComparisonOutcome::Incomparable => {
            "INCOMPARABLE: the runs were not made under the same conditions".to_owned()
        }
        ComparisonOutcome::NotRegressed => {
            format!("REPRODUCED: {after} again, every figure within its tolerance")
        }
        _ if before != after => format!("NOT REPRODUCED: {before} before, {after} now"),
        _ => {
            format!("NOT REPRODUCED: {beyond} of {} figures beyond their tolerance", of.pairs.len())
        }
    };
    writeln!(page)?;
    page.paragraph("", &said, Style::new().bold())
}
