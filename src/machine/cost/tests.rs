use super::*;
use crate::catalogue::{COSTS, FigureRow};
use crate::record::{
    Cell, CellKey, Counter, Entry, Gauge, ScenarioSecond, Second, StageTransition, Transition,
};
use crate::schedule::testing;
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn plan(scenarios: usize) -> Plan {
    let mut plan = testing::plan(testing::scenario(testing::hold(), &[]));
    plan.scenarios = vec![plan.scenarios[0].clone(); scenarios];
    plan
}

fn looked(second: u32, open: u64) -> HostSample {
    HostSample {
        at_ns: u64::from(second + 1) * SECOND,
        servers_cpu_ns: u64::from(second + 1) * 30 * MS,
        servers_rss_bytes: 8_000_000 + open * 32,
        kernel_bytes: Some(1_000_000 + open * 8_330),
        ..HostSample::default()
    }
}

/// Two seconds of ramp to 1,000 connections, three of hold with 500 heartbeats each.
fn recording(scenarios: u16) -> Recording {
    let mut recording = Recording::new(usize::from(scenarios));
    let idle = WorkerFacts { rss_bytes: 6_000_000, cpu_ns: 5 * MS, ..WorkerFacts::default() };
    let workers = (0..scenarios).map(|index| (index, idle)).collect::<BTreeMap<_, _>>();
    let baseline =
        HostSample { servers_cpu_ns: 0, kernel_bytes: Some(1_000_000), workers, ..looked(0, 0) };
    recording.add(&Entry::Baseline(Box::new(baseline)));
    let pass = |scenario, mark, at_ns| {
        Entry::Transition(StageTransition { scenario, transition: mark, at_ns })
    };
    for index in 0..scenarios {
        recording.add(&pass(index, Transition::Ramp(0), 0));
    }
    for number in 0..6_u32 {
        for index in (0..scenarios).filter(|_| number == 2 || number == 5) {
            let mark = if number == 2 { Transition::Hold(0) } else { Transition::Drain };
            recording.add(&pass(index, mark, u64::from(number) * SECOND));
        }
        let phase = if number < 2 { Phase::Ramp } else { Phase::Hold };
        let open = if number == 5 { 0 } else { u64::from(number + 1).min(2) * 500 };
        let mut cell = Cell::default();
        cell.counters.add(Counter::ConnectOk, if number < 2 { 500 } else { 0 });
        cell.counters
            .add(Counter::HeartbeatReceived, if (2..5).contains(&number) { 500 } else { 0 });
        let mut second = Second {
            second: number,
            hosts: vec![looked(number, open * u64::from(scenarios))],
            ..Second::default()
        };
        for index in 0..scenarios {
            let mut facts = ScenarioSecond { reporting: 2, ..ScenarioSecond::default() };
            facts.cells.push((CellKey { stage: 0, phase }, cell.clone()));
            facts.gauges.set(Gauge::Open, open);
            facts.workers.rss_bytes = 6_000_000 + open * 64;
            facts.workers.cpu_ns = (5 + u64::from(number + 1) * 10) * MS;
            second.scenarios.insert(index, facts);
        }
        recording.add(&Entry::Second(second));
    }
    recording
}

#[test]
fn a_scenario_alone_is_charged_for_everything() {
    let total = ResourceCost::of_scenario(&plan(1), &recording(1), 0).unwrap();
    assert_eq!(total.connections, 1_000);
    assert_eq!(total.kernel_per_connection, Some(8_330.0));
    let generator = total.generator;
    assert_eq!((generator.rss_bytes, generator.fixed_bytes), (6_064_000, Some(6_000_000)));
    assert_eq!(generator.cost.rss_per_connection, Some(64.0));
    assert_eq!(generator.rss_share(1_000), Some(6_064.0));
    assert_eq!(generator.cost.cpu_per_thousand_connections, Some(0.02));
    assert_eq!(generator.cost.cpu_per_heartbeat, Some(0.02 / 1_000.0));
    let target = total.target.unwrap();
    assert_eq!(target.cost.rss_per_connection, Some(32.0));
    assert_eq!(target.cost.cpu_per_thousand_connections, Some(0.06));
    assert!(ResourceCost::of_run(&plan(1), &recording(1)).is_none(), "it is said once");
}

/// What each figure is in the recording above, and what comes out when it is divided by, or leaves
/// in, what first comes to mind.
fn figures() -> Vec<(&'static str, Option<f64>, f64, f64)> {
    let total = ResourceCost::of_scenario(&plan(1), &recording(1), 0).unwrap();
    let (generator, workers) = (total.generator, 2);
    let fixed = generator.fixed_bytes.map(|bytes| bytes as f64 / f64::from(workers));
    vec![
        // With what the kernel had before.
        ("kernel_bytes_per_connection", total.kernel_per_connection, 8_330.0, 9_330.0),
        // With what is fixed.
        ("rss_bytes_per_connection", generator.cost.rss_per_connection, 64.0, 6_064.0),
        // Without it.
        ("total_rss_bytes_per_connection", generator.rss_share(1_000), 6_064.0, 64.0),
        // By all of it.
        ("fixed_rss_bytes_per_process", fixed, 3_000_000.0, 3_032_000.0),
        // By the time of the whole run, that of the hold too.
        (
            "cpu_seconds_per_thousand_connections",
            generator.cost.cpu_per_thousand_connections,
            0.02,
            0.06,
        ),
        // By all heartbeats and all time.
        ("cpu_seconds_per_heartbeat", generator.cost.cpu_per_heartbeat, 0.02 / 1e3, 0.06 / 1.5e3),
    ]
}

#[test]
fn each_cost_is_of_what_its_row_says() {
    let figures = figures();
    let keys: Vec<&str> = figures.iter().map(|(key, ..)| *key).collect();
    assert_eq!(keys, COSTS.iter().map(|row: &FigureRow| row.key).collect::<Vec<_>>());
    for (key, is, right, naive) in figures {
        let is = is.unwrap_or_else(|| panic!("{key}"));
        assert!((is - right).abs() < right * 1e-9, "{key}: {is} is not {right}");
        assert!((is - naive).abs() > right * 0.01, "{key}: {naive} is another figure");
    }
}

#[test]
fn several_scenarios_share_the_kernel_and_the_servers() {
    let (plan, recording) = (plan(2), recording(2));
    let one = ResourceCost::of_scenario(&plan, &recording, 1).unwrap();
    assert_eq!((one.connections, one.kernel_per_connection, one.target), (1_000, None, None));
    assert_eq!(one.generator.cost.rss_per_connection, Some(64.0));
    let all = ResourceCost::of_run(&plan, &recording).unwrap();
    assert_eq!((all.connections, all.kernel_per_connection), (2_000, Some(8_330.0)));
    assert_eq!(all.generator.cost.rss_per_connection, Some(64.0));
    assert_eq!(all.generator.cost.cpu_per_thousand_connections, Some(0.02));
    let target = all.target.unwrap();
    assert_eq!(target.cost.rss_per_connection, Some(32.0));
    assert_eq!(target.cost.cpu_per_thousand_connections, None);
}

#[test]
fn what_was_not_read_has_no_cost() {
    let mut unread = recording(1);
    unread.baseline = None;
    let total = ResourceCost::of_scenario(&plan(1), &unread, 0).unwrap();
    assert_eq!((total.kernel_per_connection, total.target), (None, None));
    assert_eq!(total.generator.cost, Cost::default());
    assert_eq!(total.generator.rss_bytes, 6_064_000);
    assert!(ResourceCost::of_scenario(&plan(1), &Recording::new(1), 0).is_none());
}

#[test]
fn a_look_after_the_end_of_a_level_is_not_taken_for_it() {
    // The last second at the level is looked at when connections may be closed already.
    let peak = recording(1).scenarios[0].peak.clone().unwrap();
    assert_eq!((peak.open, peak.host.at_ns), (1_000, 3 * SECOND));
}
