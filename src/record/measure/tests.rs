//! Every ratio and rate of the catalogue: what it is, in facts in which the figure that first comes
//! to mind is wrong.

use super::*;
use crate::catalogue::{Metric, MetricUnit, RateMetric, Stat};
use crate::plan::{Overrides, Plan, Source};
use crate::record::{CheckTally, Life, LifeEnd};
use crate::units::Time;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// The protocol of a plan's only scenario.
fn protocol(target: &str, keys: &str) -> Protocol {
    let text = format!(
        "name = \"measured\"\ntargets.t.builtin = \"{target}\"\n[scenarios.s]\nprotocol = \"{target}\"\n{keys}\n"
    );
    let source = Source { name: "plan.toml".to_owned(), text };
    let plan = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap();
    plan.scenarios[0].protocol.clone()
}

fn requests() -> Protocol {
    protocol("http", "stages = [{ rate = \"10/s\", hold = \"10s\" }]")
}

fn held() -> Protocol {
    protocol("tcp-hold", "stages = [{ users = 10, hold = \"10s\" }]")
}

fn counted(counters: &[(Counter, u64)]) -> Cell {
    let mut cell = Cell::default();
    for (counter, count) in counters {
        cell.counters.add(*counter, *count);
    }
    cell
}

/// Ten seconds in which 100 were due: 10 of them not started, 60 good, 15 failed of which 3 by this
/// side's own fault, 10 too late, 5 not over.
fn of_requests() -> Cell {
    let mut cell = counted(&[
        (Counter::Due, 100),
        (Counter::Dropped, 10),
        (Counter::Started, 90),
        (Counter::Ok, 60),
        (Counter::Failed, 15),
        (Counter::FailedLocal, 3),
        (Counter::TimedOut, 10),
        (Counter::Unfinished, 5),
        (Counter::Iterations, 70),
        (Counter::IterationsPlanned, 100),
        (Counter::BytesReceived, 5_000),
        (Counter::BytesSent, 9_000),
    ]);
    cell.statuses = [(200, 40), (204, 14), (301, 6), (404, 4), (503, 8)].into();
    cell.within = [(200_000_000, 45)].into();
    cell.checks = vec![CheckTally { passed: 60, failed: 0 }, CheckTally { passed: 5, failed: 15 }];
    cell
}

/// Ten seconds of connections: 100 due, 20 never open for reasons of both sides, 4 still opening;
/// of 76 that opened 6 were lost.
fn of_connections() -> Cell {
    let mut cell = counted(&[
        (Counter::Due, 100),
        (Counter::Started, 100),
        (Counter::ConnectAttempts, 100),
        (Counter::ConnectOk, 76),
        (Counter::ConnectFailed, 15),
        (Counter::ConnectFailedLocal, 5),
        (Counter::Failed, 26),
        (Counter::FailedLocal, 5),
        (Counter::Unfinished, 4),
        (Counter::HoldEntered, 70),
        (Counter::Lost, 6),
        (Counter::TimeDelivered, 600_000),
        (Counter::TimePromised, 700_000),
        (Counter::StormDropped, 40),
        (Counter::StormRecovered, 24),
        (Counter::StormUnrecovered, 8),
        (Counter::HeartbeatReceived, 630),
        (Counter::HeartbeatMissed, 70),
    ]);
    // Of ten, five were seen for half a minute; three of the others died, two outlived the run.
    for (end, seconds, count) in [
        (LifeEnd::Censored, 30, 5),
        (LifeEnd::Rst, 50, 1),
        (LifeEnd::Rst, 300, 1),
        (LifeEnd::Rst, 2_000, 1),
        (LifeEnd::Censored, 4_000, 2),
    ] {
        for _ in 0..count {
            let (opened_ns, heard_ns) = (0, 0);
            let life = Life { end, opened_ns, heard_ns, ended_ns: seconds * SECOND };
            cell.survival.record(&life);
        }
    }
    cell
}

/// A value that is right, and one that is not: another denominator, numerator or span.
struct Line {
    right: f64,
    naive: f64,
    /// The mistake of the naive formula.
    why: &'static str,
}

/// The line of each metric; a new one without a line does not compile, or fails.
fn line(metric: Metric) -> Line {
    let (right, naive, why) = match metric {
        Metric::Ratio(ratio) => match ratio {
            RatioMetric::Success => (60.0 / 87.0, 60.0 / 90.0, "own failures are in no number"),
            RatioMetric::Failure => (22.0 / 87.0, 25.0 / 85.0, "unfinished ones are among all"),
            RatioMetric::ConnectSuccess => (76.0 / 91.0, 0.76, "own failures, and still opening"),
            RatioMetric::ConnectFailure => (15.0 / 91.0, 0.2, "own failures, and still opening"),
            RatioMetric::HoldSurvival => (64.0 / 70.0, 70.0 / 76.0, "of those open in the hold"),
            RatioMetric::HoldTime => (6.0 / 7.0, 64.0 / 70.0, "of time, not of connections"),
            RatioMetric::Survival1m => (0.8, 0.9, "who was not seen so long is not at risk"),
            RatioMetric::Survival10m => (0.6, 0.8, "who was not seen so long is not at risk"),
            RatioMetric::Survival1h => (0.4, 0.7, "who was not seen so long is not at risk"),
            RatioMetric::Recovery => (0.75, 0.6, "of those whose fate is known"),
            RatioMetric::HeartbeatSuccess => (0.9, 630.0 / 760.0, "of those due, not of 10 each"),
            RatioMetric::IterationsCompleted => (0.7, 1.0, "of those planned, not of those begun"),
            RatioMetric::Checks => (65.0 / 80.0, 0.625, "of all checks, no mean of ratios"),
            RatioMetric::Status2xx => (54.0 / 72.0, 54.0 / 90.0, "of responses, not of requests"),
            RatioMetric::Status3xx => (6.0 / 72.0, 6.0 / 90.0, "of responses, not of requests"),
            RatioMetric::Status4xx => (4.0 / 72.0, 4.0 / 90.0, "of responses, not of requests"),
            RatioMetric::Status5xx => (8.0 / 72.0, 8.0 / 90.0, "of responses, not of requests"),
        },
        Metric::Check(_) => (0.25, 5.0 / 60.0, "of the times it was made, not of successes"),
        Metric::Within(_) => (45.0 / 87.0, 0.75, "of all that ended, not of successes"),
        Metric::Rate(rate) => match rate {
            RateMetric::Connect => (10.0, 7.6, "tried, not opened"),
            RateMetric::Requests => (9.0, 10.0, "started, not planned"),
            RateMetric::BytesReceived => (500.0, 1_400.0, "received, not both ways"),
        },
        Metric::Count(_) | Metric::Time(..) | Metric::Monitor { .. } => panic!("{metric}"),
    };
    Line { right, naive, why }
}

#[test]
fn each_ratio_and_rate_is_of_what_its_row_says() {
    let (requests, held) = (requests(), held());
    let (of_requests, of_connections) = (of_requests(), of_connections());
    let time = Time(Duration::from_millis(200));
    let all = RatioMetric::ALL.iter().map(|one| Metric::Ratio(*one));
    let all = all.chain(RateMetric::ALL.iter().map(|one| Metric::Rate(*one)));
    for metric in all.chain([Metric::Check(1), Metric::Within(time)]) {
        let row = metric.row();
        let (protocol, cell) = if row.is_of(requests.kind()) {
            (&requests, &of_requests)
        } else {
            (&held, &of_connections)
        };
        let gauges = Gauges::default();
        let span = MeasuredSpan { protocol, cell, gauges: &gauges, length_ns: 10 * SECOND };
        let measured = measure(metric, &span).unwrap_or_else(|| panic!("{metric}"));
        let Line { right, naive, why } = line(metric);
        assert!(
            (measured.value - right).abs() < 1e-12,
            "{metric}: {} is not {right}",
            measured.value
        );
        assert!((measured.value - naive).abs() > 1e-3, "{metric}: {why}");
        if let Some((numerator, denominator)) = measured.ratio {
            let divided = numerator as f64 / denominator as f64;
            assert!((measured.value - divided).abs() < 1e-12, "{metric}");
            assert_eq!(measured.samples, denominator, "{metric}");
            assert!(numerator <= denominator, "{metric}");
        }
        assert!(row.unit != MetricUnit::Ratio || measured.value <= 1.0, "{metric}");
    }
}

#[test]
fn what_a_full_cap_refuses_is_a_failure_where_the_plan_says_so() {
    let strict =
        protocol("http", "on_full = \"fail\"\nstages = [{ rate = \"10/s\", hold = \"10s\" }]");
    let (cell, gauges) = (of_requests(), Gauges::default());
    let span = MeasuredSpan { protocol: &strict, cell: &cell, gauges: &gauges, length_ns: SECOND };
    let of = |ratio| measure(Metric::Ratio(ratio), &span).unwrap().ratio;
    assert_eq!(of(RatioMetric::Failure), Some((32, 97)));
    assert_eq!(of(RatioMetric::Success), Some((60, 97)));
}

#[test]
fn where_nothing_was_measured_there_is_no_figure() {
    let gauges = Gauges::default();
    for protocol in [requests(), held()] {
        let cell = Cell::default();
        let span =
            MeasuredSpan { protocol: &protocol, cell: &cell, gauges: &gauges, length_ns: SECOND };
        for metric in Metric::all().filter(|one| one.row().is_of(protocol.kind())) {
            assert_eq!(measure(metric, &span), None, "{metric}");
        }
    }
    // A phase without length has no rate, whatever was counted in it.
    let (protocol, cell) = (requests(), of_requests());
    let span = MeasuredSpan { protocol: &protocol, cell: &cell, gauges: &gauges, length_ns: 0 };
    assert_eq!(measure(Metric::Rate(RateMetric::Requests), &span), None);
    assert_eq!(measure(Metric::Time(TimeMetric::ServiceTime, Stat::P50), &span), None);
}
