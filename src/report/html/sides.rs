//! Turns two sets of runs of one load into charts of one over the other: the median of the runs of
//! a side at each moment, and how far they lie apart.

use super::axis::Axis;
use super::chart::{Chart, ChartSeries};
use super::chart_unit::ChartUnit;
use super::run_axis::RunAxis;
use crate::plan::{Stat, TimeMetric};
use crate::record::{Counter, Gauge};
use crate::report::section::{ScenarioFacts, Section};
use crate::report::text::times::main_time;
use crate::store::{SavedRun, TimelinePoint};
use maud::{Markup, html};

/// A scenario of one run.
struct OfRun<'a> {
    run: &'a SavedRun,
    index: usize,
}

impl<'a> OfRun<'a> {
    fn whole(&self) -> Section<'a> {
        ScenarioFacts::new(self.run, self.index).whole()
    }
}

/// The charts of a scenario, over the stages of the first run of A; none where a run lacks it.
pub fn scenario(sides: [&[SavedRun]; 2], name: &str) -> Option<Markup> {
    let of = |runs: &'_ [SavedRun]| -> Option<Vec<(usize, usize)>> {
        let place = |(at, run): (usize, &SavedRun)| {
            Some((at, run.plan.scenarios.iter().position(|one| one.name == name)?))
        };
        runs.iter().enumerate().map(place).collect()
    };
    let found = [of(sides[0])?, of(sides[1])?];
    let each = |side: usize| -> Vec<OfRun<'_>> {
        found[side]
            .iter()
            .map(|(at, index)| OfRun { run: &sides[side][*at], index: *index })
            .collect()
    };
    let runs = [each(0), each(1)];
    let first = runs[0].first()?;
    let settings = &first.run.plan.scenarios[first.index];
    let main = main_time(settings, &first.whole());
    let axis = RunAxis::new(first.run, first.index);
    let [level, rate] = settings.protocol.row().charts;
    let (good, open) = (settings.protocol.row().good, settings.protocol.row().level);
    let over = |value: &dyn Fn(&TimelinePoint) -> Option<f64>| over_time(&runs, &axis.x, value);
    let per_second = |counter: Counter| {
        over(&move |point| Some(point.counters.get(counter) as f64 / f64::from(point.seconds)))
    };
    let stat = |stat: Stat| {
        over(&move |point| {
            let enough = point.times.count(main) >= stat.sample_floor();
            enough.then(|| point.times.stat(main, stat))?
        })
    };
    let time = |wanted: Stat| Chart {
        log: true,
        ..axis.chart(format!("{main}.{wanted} over time"), ChartUnit::Time, stat(wanted))
    };
    let gauge = |gauge: Gauge| over(&move |point| Some(point.gauges.get(gauge) as f64));
    let charts = [
        distribution(&runs, main),
        time(Stat::P50),
        time(Stat::P99),
        axis.chart(rate, ChartUnit::PerSecond, per_second(good)),
        axis.chart("Failures a second", ChartUnit::PerSecond, per_second(Counter::Failed)),
        axis.chart(level, ChartUnit::Count, gauge(open)),
    ];
    Some(
        html! { div.charts { @for chart in charts { @if let Some(chart) = chart.markup() { (chart) } } } },
    )
}

/// Both sides at each x: the median of their runs, and the lowest and the highest.
fn series(values: [Vec<Vec<Option<f64>>>; 2]) -> Vec<ChartSeries> {
    let side = |(name, runs): (&str, Vec<Vec<Option<f64>>>)| {
        let length = runs.iter().map(Vec::len).max().unwrap_or(0);
        let at = |at: usize| -> Vec<f64> {
            let mut all: Vec<f64> =
                runs.iter().filter_map(|run| run.get(at).copied().flatten()).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let sorted: Vec<Vec<f64>> = (0..length).map(at).collect();
        let spread = sorted.iter().map(|all| Some((*all.first()?, *all.last()?))).collect();
        let several = runs.len() > 1;
        ChartSeries {
            spread: if several { spread } else { Vec::new() },
            ..ChartSeries::new(name, sorted.iter().map(|all| middle(all)).collect())
        }
    };
    ["A", "B"].into_iter().zip(values).map(side).collect()
}

/// The middle of sorted values, of two the mean.
fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[half - 1], upper) })
}

fn over_time(
    runs: &[Vec<OfRun<'_>>; 2],
    x: &[f64],
    value: &dyn Fn(&TimelinePoint) -> Option<f64>,
) -> Vec<ChartSeries> {
    let of = |one: &OfRun<'_>| -> Vec<Option<f64>> {
        let points = one.run.timeline.points(one.index);
        let width = f64::from(one.run.timeline.width());
        let at = |x: &f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a moment of a run"
            )]
            let point = points.get((x / width) as usize)?;
            (point.seconds > 0).then(|| value(point))?
        };
        x.iter().map(at).collect()
    };
    series([0, 1].map(|side| runs[side].iter().map(of).collect()))
}

/// Percentile by percentile, as far as every run has samples for them.
fn distribution(runs: &[Vec<OfRun<'_>>; 2], metric: TimeMetric) -> Chart {
    let sections: [Vec<Section<'_>>; 2] =
        [0, 1].map(|side: usize| runs[side].iter().map(OfRun::whole).collect());
    let counts = sections.iter().flatten().map(|section| section.cell.times.count(metric));
    let nines = (counts.min().unwrap_or(0).max(10) as f64).log10().clamp(1.0, 6.0);
    let x: Vec<f64> = (0..=120).map(|step| nines * f64::from(step) / 120.0).collect();
    let of = |section: &Section<'_>| -> Vec<Option<f64>> {
        let histogram = section.cell.times.get(metric);
        let value = |x: &f64| {
            let histogram = histogram.filter(|one| one.len() as f64 >= 10_f64.powf(*x))?;
            Some(histogram.value_at_quantile(1.0 - 10_f64.powf(-x)) as f64)
        };
        x.iter().map(value).collect()
    };
    let values = [0, 1].map(|side: usize| sections[side].iter().map(of).collect());
    Chart {
        title: format!("{metric} by percentile"),
        unit: ChartUnit::Time,
        axis: Axis::Nines(nines),
        series: series(values),
        x,
        stacked: false,
        log: true,
        bands: Vec::new(),
        heat: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_the_median_of_its_runs_and_their_spread() {
        let runs = |all: &[f64]| all.iter().map(|one| vec![Some(*one), None]).collect::<Vec<_>>();
        let both = series([runs(&[3.0, 1.0, 2.0]), runs(&[5.0, 7.0])]);
        assert_eq!(both[0].values, [Some(2.0), None]);
        assert_eq!(both[0].spread, [Some((1.0, 3.0)), None]);
        assert_eq!(both[1].values, [Some(6.0), None]);
        // One run has no spread.
        assert!(series([runs(&[1.0]), Vec::new()])[0].spread.is_empty());
    }
}
