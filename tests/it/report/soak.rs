//! How fast the files of a long run grow, and that nothing is lost on the way.

use super::{again, canned, contents};
use planrun::machine::Environment;
use planrun::plan::{Phase, Stat, TimeMetric};
use planrun::record::{
    Cell, CellKey, Counter, Entry, HostSample, ScenarioSecond, Second, StageTransition, StopReason,
    Transition,
};
use planrun::report::RowSeries;
use planrun::store::{NewRun, SavedRun, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const HTTP: [TimeMetric; 5] = [
    TimeMetric::ServiceTime,
    TimeMetric::ResponseTime,
    TimeMetric::FirstByte,
    TimeMetric::TransferTime,
    TimeMetric::ScheduleLag,
];
const HOLD: [TimeMetric; 2] = [TimeMetric::HeartbeatGap, TimeMetric::HeartbeatRtt];

/// A second in which much took all kinds of times.
fn busy(random: &mut fastrand::Rng, metrics: &[TimeMetric], samples: u32) -> ScenarioSecond {
    let mut cell = Cell::default();
    for metric in metrics {
        for _ in 0..samples {
            // From a tenth of a millisecond to seconds.
            let time = Duration::from_secs_f64(1e-4 * (random.f64() * 10.0).exp());
            cell.time(*metric, u64::try_from(time.as_nanos()).unwrap());
        }
    }
    cell.counters.add(Counter::Ok, u64::from(samples));
    let key = CellKey { stage: 0, phase: Phase::Hold };
    ScenarioSecond { cells: vec![(key, cell)], reporting: 2, ..ScenarioSecond::default() }
}

fn size(folder: &Path) -> u64 {
    contents(folder).iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

/// The entries of a soak of this many seconds: a hold and a busy http scenario side by side.
fn soak(seconds: u32, visit: &mut dyn FnMut(Entry)) {
    let mut random = fastrand::Rng::with_seed(7);
    for scenario in 0..2 {
        visit(Entry::Transition(StageTransition {
            scenario,
            transition: Transition::Hold(0),
            at_ns: 0,
        }));
    }
    for second in 0..seconds {
        let scenarios =
            [(0, busy(&mut random, &HOLD, 1_000)), (1, busy(&mut random, &HTTP, 1_000))];
        let host = HostSample { at_ns: u64::from(second) * 1_000_000_000, ..HostSample::default() };
        visit(Entry::Second(Second {
            second,
            scenarios: scenarios.into(),
            hosts: vec![host],
            parts: Vec::new(),
        }));
    }
    let at_ns = u64::from(seconds) * 1_000_000_000;
    visit(Entry::Stopped { at_ns, reason: StopReason::Completed });
}

#[test]
fn a_soak_grows_by_two_kilobytes_a_second_and_scenario_at_most() {
    let out = tempfile::tempdir().unwrap();
    let plan = canned::plan();
    let run = NewRun {
        plan: &plan,
        baseline: None,
        text: canned::TEXT,
        overrides: &canned::overrides(),
        now: super::NOW.parse().unwrap(),
        environment: &Environment::default(),
    };
    let mut store = Store::create(out.path(), &run, Box::new(RowSeries::new(&plan))).unwrap();
    store.started(canned::started());
    let folder = store.folder().to_owned();
    let (from, to) = (420, 660);
    let mut sizes = Vec::new();
    let (mut whole, mut number) = (Cell::default(), 0);
    soak(to, &mut |entry| {
        if let Entry::Second(second) = &entry {
            second.scenarios[&1].cells.iter().for_each(|(_, cell)| whole.merge(cell));
            number = second.second + 1;
        }
        store.add(&Arc::new(entry));
        if number % 30 == 0 {
            // The store writes in a separate thread.
            let written = || SavedRun::open(&folder).unwrap().recording.seconds;
            while written() < number {
                std::thread::sleep(Duration::from_millis(20));
            }
            sizes.push((number, size(&folder)));
        }
    });
    let closed = store.finish(canned::finished()).unwrap();
    assert!(closed.problems.is_empty(), "{:?}", closed.problems);
    let at = |wanted: u32| sizes.iter().find(|(number, _)| *number == wanted).unwrap().1;
    let rate = (at(to) - at(from)) / u64::from(to - from);
    assert!(rate <= 2 * 2_000, "{rate} bytes a second");
    assert!(rate > 200, "{rate} bytes a second are too few to be all");
    // Every sample is there, and every percentile the same.
    let saved =
        &closed.saved.recording.scenarios[1].cells[&CellKey { stage: 0, phase: Phase::Hold }];
    for metric in HTTP {
        assert_eq!(saved.times.count(metric), u64::from(to) * 1_000);
        for stat in Stat::ALL {
            assert_eq!(saved.times.stat(metric, *stat), whole.times.stat(metric, *stat));
        }
    }
    drop(closed);
    let before = contents(&folder);
    again(&folder).unwrap();
    let after = contents(&folder);
    for (name, bytes) in before.iter().filter(|(name, _)| name.starts_with(['l', 't'])) {
        assert!(after.iter().any(|(other, same)| other == name && same == bytes), "{name}");
    }
    println!("{rate} bytes a second of two scenarios");
}
