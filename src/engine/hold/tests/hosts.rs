//! Several hosts against one.

use super::simulation::run_part;
use super::*;
use crate::plan::Protocol;
use crate::record::{Cell, CellKey, Counters};
use crate::schedule::{HostShare, Partition};
use crate::workload::hold::raw::RawTcp;

/// The cells of the workers of all these hosts, each with a weight and workers, merged.
fn of_hosts(hosts: &[(u32, u32)]) -> BTreeMap<CellKey, Cell> {
    let share = |(weight, workers): &(u32, u32)| HostShare { weight: *weight, workers: *workers };
    let hosts: Vec<HostShare> = hosts.iter().map(share).collect();
    let mut all: BTreeMap<CellKey, Cell> = BTreeMap::new();
    for part in Partition::of_hosts(&hosts).expect("few lanes").concat() {
        // The fate of a user depends on the user alone: some are refused, some lost.
        let script: Script = Box::new(|simulation, slot, user| {
            let now = simulation.now_ns;
            match user % 7 {
                0 => simulation.plan(now + user * 1_000, slot, Act::Refuse),
                one => {
                    simulation.plan(now + user * 1_003, slot, Act::Open);
                    let end = if one < 3 { Act::Reset } else { Act::Say(b"ok") };
                    simulation.plan(now + SECOND_NS + user * 1_000, slot, end);
                }
            }
        });
        let stages = vec![stage(900, paced(700), 2), stage(300, paced(900), 1)];
        let plan = plan(settings(None), stages);
        let Protocol::Hold(settings) = &plan.scenarios[0].protocol else { unreachable!() };
        let raw = RawTcp::new(settings);
        let ran = run_part(plan, part, Vec::new(), (script, nothing()), raw);
        for (key, cell) in &ran.recording.scenarios[0].cells {
            all.entry(*key).or_default().merge(cell);
        }
    }
    all
}

#[test]
fn hosts_count_and_measure_together_what_one_does() {
    let whole = of_hosts(&[(1, 1)]);
    let time = [Counter::TimeDelivered, Counter::TimePromised];
    let counters = |cells: &BTreeMap<CellKey, Cell>| -> Vec<Counters> {
        let mut all: Vec<Counters> = cells.values().map(|cell| cell.counters).collect();
        for counters in &mut all {
            for one in time {
                counters.set(one, 0);
            }
        }
        all
    };
    for hosts in [&[(1, 2), (1, 1)][..], &[(1, 1); 4], &[(3, 2), (1, 1), (2, 3)]] {
        let parts = of_hosts(hosts);
        assert_eq!(counters(&parts), counters(&whole), "{hosts:?}");
        for (key, cell) in &whole {
            // Each worker rounds its time to milliseconds once a second.
            for one in time {
                let (part, all) = (parts[key].counters.get(one), cell.counters.get(one));
                assert!(part.abs_diff(all) <= 30, "{hosts:?} {key:?} {one:?}: {part}, {all}");
            }
            for metric in [TimeMetric::ScheduleLag, TimeMetric::ConnectTime] {
                let times = parts[key].times.get(metric);
                assert_eq!(times, cell.times.get(metric), "{hosts:?} {key:?} {metric:?}");
            }
        }
    }
    assert!(whole.values().any(|cell| cell.times.count(TimeMetric::ConnectTime) > 500));
}
