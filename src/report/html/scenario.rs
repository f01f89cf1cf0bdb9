//! Turns one scenario into charts over time, its distribution, and its tables.

use super::axis::Axis;
use super::chart::{Chart, ChartSeries, Heat};
use super::chart_unit::ChartUnit;
use super::run_axis::RunAxis;
use crate::plan::{Level, Phase, Scenario, Stat, TimeMetric};
use crate::record::{Cause, CellKey, Counter, Curve, Gauge, ScenarioRecording, Transition};
use crate::report::exchanges;
use crate::report::foreign::visible;
use crate::report::section::{ScenarioFacts, Section};
use crate::report::text::Detail;
use crate::report::text::addresses::address_table;
use crate::report::text::requests::request_table;
use crate::report::text::scenario::{cause_table, shown_times, stage_table, time_table};
use crate::report::text::times::main_time;
use crate::store::{SavedRun, TimelinePoint};
use hdrhistogram::Histogram;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::ops::Range;

/// Columns and rows of a heat map.
const HEAT: (usize, usize) = (100, 28);

/// Causes that a chart tells apart; the others are one.
const MOST_CAUSES: usize = 6;

pub(super) fn scenario(run: &SavedRun, index: usize) -> Markup {
    let scenario = &run.plan.scenarios[index];
    let facts = ScenarioFacts::new(run, index);
    let whole = facts.whole();
    let view = ScenarioCharts {
        run,
        index,
        scenario,
        facts: &run.recording.scenarios[index],
        whole: &whole,
        points: run.timeline.points(index),
        axis: RunAxis::new(run, index),
    };
    let charts: Vec<Markup> = view.charts().into_iter().filter_map(Chart::markup).collect();
    let requests = request_table(scenario, &whole, Detail::Full);
    let addresses = address_table(&whole, Detail::Full);
    let causes = cause_table(scenario, &whole, Detail::Full);
    let kept = exchanges::names(run, index);
    html! {
        section.scenario {
            h2 { (visible(&scenario.name)) " " span.quiet { (scenario.protocol.name()) } }
            (stage_table(scenario, &facts, &whole, Detail::Full).html())
            @if let Some(text) = shown_times(scenario, &facts, &whole) { p.quiet { (text) } }
            div.charts { @for chart in charts { (chart) } }
            @if let Some(table) = time_table(&whole) { h3 { "Times" } (table.html()) }
            @if let Some((table, _)) = requests { h3 { "Requests" } (table.html()) }
            @if let Some((table, more)) = addresses {
                h3 { "Addresses" }
                (table.html())
                @if more > 0 { p.quiet { "and " (more) " more in addresses.csv" } }
            }
            @if let Some((table, more)) = causes {
                h3 { "Why attempts failed" }
                (table.html())
                @if more > 0 { p.quiet { "and " (more) " more causes in failures.csv" } }
                @if !kept.is_empty() {
                    details {
                        summary { "Requests and responses that failed: " (kept.len()) " kept" }
                        ul { @for name in &kept { li { a href=(name) { (name) } } } }
                    }
                }
            }
        }
    }
}

/// The data of a scenario's charts.
pub(super) struct ScenarioCharts<'a> {
    pub(super) run: &'a SavedRun,
    pub(super) index: usize,
    pub(super) scenario: &'a Scenario,
    facts: &'a ScenarioRecording,
    whole: &'a Section<'a>,
    pub(super) points: &'a [TimelinePoint],
    pub(super) axis: RunAxis,
}

impl ScenarioCharts<'_> {
    fn charts(&self) -> Vec<Chart> {
        let [level, rate] = self.scenario.protocol.row().charts;
        let mut charts = vec![
            self.axis.chart(level, ChartUnit::Count, self.levels()),
            self.axis.chart(rate, ChartUnit::PerSecond, self.rates()),
            Chart {
                stacked: true,
                ..self.axis.chart(
                    "Failures a second, by cause",
                    ChartUnit::PerSecond,
                    self.failures(),
                )
            },
        ];
        let main = main_time(self.scenario, self.whole);
        for metric in
            [main, TimeMetric::FailedTime, TimeMetric::HeartbeatGap, TimeMetric::HeartbeatRtt]
        {
            let title = format!("{metric} over time");
            let chart = self.axis.chart(&title, ChartUnit::Time, self.percentiles(metric));
            charts.push(Chart { log: true, ..chart });
        }
        charts.extend(self.heat(main));
        charts.extend([self.distribution(&[main, TimeMetric::FailedTime]), self.survival()]);
        charts.extend(self.of_workers());
        charts
    }

    /// A value at each point that was measured.
    pub(super) fn each(&self, value: impl Fn(&TimelinePoint) -> Option<f64>) -> Vec<Option<f64>> {
        self.points.iter().map(|point| (point.seconds > 0).then(|| value(point))?).collect()
    }

    /// How many a second; the run may have ended within the last one.
    pub(super) fn per_second(&self, amount: impl Fn(&TimelinePoint) -> f64) -> Vec<Option<f64>> {
        let half = self.axis.x.first().copied().unwrap_or(0.5);
        let end = self.axis.end_s;
        let lengths = self.axis.x.iter().map(|middle| (middle + half).min(end) - (middle - half));
        let amounts = self.each(|point| Some(amount(point)));
        let rate = |(amount, length): (Option<f64>, f64)| {
            // A tenth of a second says nothing about a second.
            Some(amount?).filter(|_| length > 0.1).map(|amount| amount / length)
        };
        amounts.into_iter().zip(lengths).map(rate).collect()
    }

    fn levels(&self) -> Vec<ChartSeries> {
        let gauge = |gauge: Gauge| {
            ChartSeries::new(gauge.name(), self.each(|point| Some(point.gauges.get(gauge) as f64)))
        };
        let planned =
            ChartSeries { planned: true, ..ChartSeries::new("planned", self.planned(false)) };
        let protocol = self.scenario.protocol.row();
        vec![gauge(protocol.level), gauge(protocol.pending), planned]
    }

    fn rates(&self) -> Vec<ChartSeries> {
        let count =
            |counter: Counter| self.per_second(move |point| point.counters.get(counter) as f64);
        let protocol = self.scenario.protocol.row();
        vec![
            ChartSeries::new("started", count(Counter::Started)),
            ChartSeries::new(protocol.good_words[0], count(protocol.good)),
            ChartSeries::new("dropped", count(Counter::Dropped)),
            ChartSeries { planned: true, ..ChartSeries::new("planned", self.planned(true)) },
        ]
    }

    /// The planned level at each point, between the marks that the run reached: users, or arrivals
    /// a second.
    fn planned(&self, rates: bool) -> Vec<Option<f64>> {
        let level = |stage: u16| match self.scenario.stages.get(usize::from(stage))?.level {
            Level::Users { users, .. } => (!rates).then_some(users as f64),
            Level::Rate { rate, .. } => rates.then_some(rate.value()),
        };
        let at = |key: CellKey| match key.phase {
            Phase::Ramp => self.facts.at(Transition::Ramp(key.stage)),
            Phase::Hold => self.facts.at(Transition::Hold(key.stage)),
            Phase::Drain => None,
        };
        let one = |x: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "seconds of a run"
            )]
            let key = self.facts.phase_at((x * 1e9) as u64)?;
            let own = level(key.stage)?;
            let before = key.stage.checked_sub(1).and_then(level).unwrap_or(0.0);
            match key.phase {
                Phase::Hold => Some(own),
                Phase::Drain => None,
                Phase::Ramp => {
                    let start = at(key)? as f64 / 1e9;
                    let hold = at(CellKey { phase: Phase::Hold, ..key });
                    let end = hold.map_or(self.axis.end_s, |ns| ns as f64 / 1e9);
                    let done = if end > start { (x - start) / (end - start) } else { 1.0 };
                    Some(before + (own - before) * done.clamp(0.0, 1.0))
                }
            }
        };
        self.axis.x.iter().map(|x| one(*x)).collect()
    }

    fn failures(&self) -> Vec<ChartSeries> {
        let mut all: BTreeMap<Cause, u64> = BTreeMap::new();
        for (cause, count) in self.points.iter().flat_map(|point| &point.failures) {
            *all.entry(*cause).or_default() += count;
        }
        let mut causes: Vec<(Cause, u64)> = all.into_iter().collect();
        causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), *cause));
        let (shown, other) = causes.split_at(causes.len().min(MOST_CAUSES));
        let count = |cause: Cause| {
            self.per_second(move |point| point.failures.get(&cause).copied().unwrap_or(0) as f64)
        };
        let mut series: Vec<ChartSeries> = shown
            .iter()
            .map(|(cause, _)| ChartSeries::new(cause.to_string(), count(*cause)))
            .collect();
        let of_others = |point: &TimelinePoint| {
            other.iter().filter_map(|(cause, _)| point.failures.get(cause)).sum::<u64>() as f64
        };
        series.push(ChartSeries::new("other causes", self.per_second(of_others)));
        series
    }

    fn percentiles(&self, metric: TimeMetric) -> Vec<ChartSeries> {
        let stat = |stat: Stat| {
            let value = |point: &TimelinePoint| {
                let enough = point.times.count(metric) >= stat.sample_floor();
                enough.then(|| point.times.stat(metric, stat))?
            };
            ChartSeries::new(stat.name(), self.each(value))
        };
        [Stat::P50, Stat::P90, Stat::P99, Stat::P999, Stat::Max].map(stat).to_vec()
    }

    /// How many samples of a distribution fell when and where.
    fn heat(&self, metric: TimeMetric) -> Option<Chart> {
        let of = |point: &TimelinePoint, range: &Range<f64>, counts: &mut Vec<u64>| {
            let Some(histogram) = point.times.get(metric) else { return };
            for step in histogram.iter_recorded() {
                let value = (step.value_iterated_to() as f64).clamp(range.start, range.end);
                let share = (value / range.start).ln() / (range.end / range.start).ln();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and the number of rows"
                )]
                let row = ((share * HEAT.1 as f64) as usize).min(HEAT.1 - 1);
                counts[row] += step.count_since_last_iteration();
            }
        };
        let histograms = || self.points.iter().filter_map(|point| point.times.get(metric));
        let low = histograms().map(|one| one.min().max(1)).min()? as f64;
        let high = (histograms().map(Histogram::max).max()? as f64).max(low * 2.0);
        let range = low..high;
        let each = self.points.len().div_ceil(HEAT.0).max(1);
        let columns = self.points.chunks(each).map(|points| {
            let mut counts = vec![0; HEAT.1];
            for point in points {
                of(point, &range, &mut counts);
            }
            counts
        });
        let heat = Heat { columns: columns.collect(), range };
        let title = format!("{metric}: heat map of samples");
        // The columns cover all points, whose last one may reach beyond the end of the run.
        let end_s = self
            .axis
            .x
            .last()
            .zip(self.axis.x.first())
            .map_or(self.axis.end_s, |(last, first)| last + first);
        let axis = Axis::Seconds(end_s);
        Some(Chart {
            heat: Some(heat),
            axis,
            ..self.axis.chart(&title, ChartUnit::Time, Vec::new())
        })
    }

    /// Percentile by percentile, as far as there are samples for them.
    fn distribution(&self, metrics: &[TimeMetric]) -> Chart {
        let most = metrics.iter().map(|one| self.whole.cell.times.count(*one)).max().unwrap_or(0);
        let nines = (most.max(10) as f64).log10().clamp(1.0, 6.0);
        let x: Vec<f64> = (0..=120).map(|step| nines * f64::from(step) / 120.0).collect();
        let of = |metric: &TimeMetric| {
            let histogram = self.whole.cell.times.get(*metric);
            let value = |x: &f64| {
                let histogram = histogram.filter(|one| one.len() as f64 >= 10_f64.powf(*x))?;
                Some(histogram.value_at_quantile(1.0 - 10_f64.powf(-x)) as f64)
            };
            ChartSeries::new(metric.name(), x.iter().map(value).collect())
        };
        Chart {
            title: "Times by percentile".to_owned(),
            unit: ChartUnit::Time,
            axis: Axis::Nines(nines),
            series: metrics.iter().map(of).collect(),
            x,
            stacked: false,
            log: true,
            bands: Vec::new(),
            heat: None,
        }
    }

    /// The part of connections that live longer than so long.
    fn survival(&self) -> Chart {
        let curve = Curve::of(&self.whole.cell.survival).filter(|one| !one.points.is_empty());
        let seen = curve.as_ref().map_or(1, |curve| {
            curve.seen_s.max(curve.points.last().map_or(1, |last| last.after_s)).max(1)
        });
        let x: Vec<f64> = (0..=200).map(|step| seen as f64 * f64::from(step) / 200.0).collect();
        let value = |x: &f64| {
            let points = &curve.as_ref()?.points;
            let point = points.iter().rfind(|point| point.after_s as f64 <= *x);
            Some(point.map_or(1.0, |point| point.survival))
        };
        let series = vec![ChartSeries::new("connections alive", x.iter().map(value).collect())];
        Chart {
            title: "Survival curve: connections alive after".to_owned(),
            unit: ChartUnit::Ratio,
            axis: Axis::Seconds(seen as f64),
            series,
            x,
            stacked: false,
            log: false,
            bands: Vec::new(),
            heat: None,
        }
    }
}
