//! Several hosts against one.

use super::world::{Ran, World, load, paced, ran, settings, time, users};
use super::*;
use crate::plan::{Level, Spacing};
use crate::schedule::HostShare;
use crate::units::Rate;

/// Hosts change neither what is counted nor what is measured: counters and histograms of all
/// workers of 1, 2 and 4 hosts, merged, are those of one worker.
#[test]
fn hosts_count_and_measure_together_what_one_does() {
    let (spacing, ramp) = (Spacing::Poisson, time(500));
    let arrivals = Level::Rate { rate: Rate::per_second(90), ramp, spacing };
    for levels in
        [vec![users(9, paced(7), 2_000), users(4, paced(5), 500)], vec![(arrivals, 2_000)]]
    {
        let whole = of_hosts(&levels, &[(1, 1)]);
        assert!(whole.get(Counter::Ok) > 70, "{:?}", whole.counters());
        for hosts in [&[(1, 2), (1, 1)][..], &[(1, 1); 4], &[(3, 2), (1, 1), (2, 3)]] {
            let parts = of_hosts(&levels, hosts);
            assert_eq!(parts.counters(), whole.counters(), "{hosts:?}");
            for (key, cell) in &whole.cells {
                for metric in [
                    TimeMetric::ScheduleLag,
                    TimeMetric::ResponseTime,
                    TimeMetric::ServiceTime,
                    TimeMetric::ConnectTime,
                ] {
                    let times = parts.cells[key].times.get(metric);
                    assert_eq!(times, cell.times.get(metric), "{hosts:?} {key:?} {metric:?}");
                }
            }
        }
    }
}

/// What the workers of all these hosts, each with a weight and workers, did together. Answers take
/// as long as the moment of sending says, so that times differ.
fn of_hosts(levels: &[(Level, u64)], hosts: &[(u32, u32)]) -> Ran {
    let share = |(weight, workers): &(u32, u32)| HostShare { weight: *weight, workers: *workers };
    let hosts: Vec<HostShare> = hosts.iter().map(share).collect();
    let mut all = Ran::default();
    for part in Partition::of_hosts(&hosts).expect("few lanes").concat() {
        let world = Rc::new(World::new(|sent| sent + 5 * MS + sent % (7 * MS)));
        // A connection for each request: which one is idle depends on who else is there.
        let http = Http {
            connection: ConnectionUse { max_requests: Some(1), max_age: None },
            ..settings()
        };
        all.merge(ran(&world, load(http, levels, part), &[]));
    }
    all
}
