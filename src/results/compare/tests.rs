//! Decisions, and how often they are right: simulated sets of runs.

use super::figures::{FigurePlace, RunFigure};
use super::*;
use crate::plan::{RateMetric, RatioMetric, Stat, TimeMetric};
use std::fmt::Write as _;

const P99: Metric = Metric::Time(TimeMetric::ServiceTime, Stat::P99);
const RATE: Metric = Metric::Rate(RateMetric::Requests);
const FAILURES: Metric = Metric::Ratio(RatioMetric::Failure);

fn change(metric: Metric, base: &[f64], new: &[f64]) -> Change {
    let place = FigurePlace { scenario: "web".to_owned(), stage: "1".to_owned() };
    let figure = RunFigure { place, metric, value: base[0] };
    Change::new(&figure, base.to_vec(), new.to_vec(), Margin::default())
}

#[test]
fn worse_is_higher_for_times_and_lower_for_rates() {
    let base = [100.0, 101.0, 99.0, 100.5, 99.5];
    let of = |metric, factor: f64| change(metric, &base, &base.map(|one| one * factor)).outcome;
    assert_eq!(of(P99, 1.2), ComparisonOutcome::Regressed);
    assert_eq!(of(P99, 0.8), ComparisonOutcome::Improved);
    assert_eq!(of(RATE, 1.2), ComparisonOutcome::Improved);
    assert_eq!(of(RATE, 0.8), ComparisonOutcome::Regressed);
    assert_eq!(of(P99, 1.0), ComparisonOutcome::NotRegressed);
    assert_eq!(of(RATE, 1.0), ComparisonOutcome::NotRegressed);
    // The interval reaches over the margin of 5 %.
    assert_eq!(of(P99, 1.05), ComparisonOutcome::Inconclusive);
}

#[test]
fn ratios_differ_by_points_also_from_zero() {
    let none = [0.0; 5];
    assert_eq!(change(FAILURES, &none, &none).outcome, ComparisonOutcome::NotRegressed);
    assert_eq!(change(FAILURES, &none, &[0.0005; 5]).outcome, ComparisonOutcome::NotRegressed);
    assert_eq!(change(FAILURES, &none, &[0.01; 5]).outcome, ComparisonOutcome::Regressed);
    assert_eq!(change(FAILURES, &[0.01; 5], &none).outcome, ComparisonOutcome::Improved);
}

#[test]
fn few_runs_decide_nothing() {
    let of = change(P99, &[100.0; 3], &[200.0; 5]);
    assert_eq!((of.interval, of.outcome), (None, ComparisonOutcome::Inconclusive));
    assert!((of.effect - 2.0).abs() < 1e-12);
    assert_eq!(overall(&[]), ComparisonOutcome::Inconclusive);
}

#[test]
fn the_same_figures_give_the_same_interval() {
    let of = || change(P99, &[1.0, 2.0, 3.0, 4.0], &[2.0, 3.0, 4.0, 5.0]);
    assert_eq!(of().interval, of().interval);
    let ConfidenceInterval { low, high } = of().interval.unwrap();
    assert!(low < of().effect && of().effect < high, "{low} {high}");
}

/// The results of comparing sets of this many runs a side, whose figures vary by `noise` from run
/// to run: the parts that are regressed, not regressed and inconclusive.
fn simulated(runs: usize, noise: f64, slower: f64) -> [f64; 3] {
    const SETS: u32 = 200;
    let mut random = fastrand::Rng::with_seed(7);
    let mut figure = |level: f64| {
        // A normal variate of twelve uniform ones.
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        level * (noise * normal).exp()
    };
    let mut counts = [0_u32; 3];
    for _ in 0..SETS {
        let base: Vec<f64> = (0..runs).map(|_| figure(1e6)).collect();
        let new: Vec<f64> = (0..runs).map(|_| figure(1e6 * (1.0 + slower))).collect();
        // Fewer draws than a comparison makes: the ends of its interval are rougher.
        let interval = bootstrap::interval_by(500, &base, &new, effect_of(P99)).unwrap();
        counts[match decide(P99, interval, Margin::default()) {
            ComparisonOutcome::Regressed => 0,
            ComparisonOutcome::NotRegressed | ComparisonOutcome::Improved => 1,
            ComparisonOutcome::Inconclusive | ComparisonOutcome::Incomparable => 2,
        }] += 1;
    }
    counts.map(|count| f64::from(count) / f64::from(SETS))
}

/// The table of docs/comparing.md; where that is another one, the message has it.
#[test]
fn false_alarms_and_detection_rates_are_as_documented() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/comparing.md"));
    let page = page.unwrap_or_default();
    let mut rows = String::new();
    for (noise, runs) in [(0.01, 5), (0.01, 10), (0.03, 5), (0.03, 10), (0.10, 5), (0.10, 10)] {
        let [alarm, _, open] = simulated(runs, noise, 0.0);
        // A change within the margin is no regression; at no change a false alarm is rare.
        assert!(alarm <= 0.025, "{noise} {runs}: {alarm}");
        let found = [0.05, 0.10, 0.20].map(|slower| simulated(runs, noise, slower)[0]);
        assert!(found[0] <= found[1] && found[1] <= found[2], "{found:?}");
        let percent = |part: f64| format!("{:.1}%", part * 100.0);
        let cells = [alarm, open, found[0], found[1], found[2]].map(percent).join(" | ");
        writeln!(rows, "| {:.0}% | {runs} | {cells} |", noise * 100.0).unwrap();
    }
    assert!(page.contains(&rows), "docs/comparing.md is to have:\n{rows}");
    // The power of the default: noise of 1 %, five runs, 10 % slower.
    assert!(simulated(5, 0.01, 0.10)[0] >= 0.95);
}
