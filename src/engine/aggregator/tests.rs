use super::{Aggregator, PATIENCE_NS};
use crate::plan::{Http, Level, Phase, Protocol, Ramp, Request, Spacing};
use crate::record::{
    Cell, CellKey, Counter, Entry, Gauge, Gauges, HostId, HostPart, Recording, RequestTally,
    Second, Snapshot, StageTransition, Transition, WorkerFacts,
};
use crate::schedule::{Partition, Schedule, testing};
use crate::units::Rate;
use crate::units::SECOND_NS;

const RAMP: CellKey = CellKey { stage: 0, phase: Phase::Ramp };

fn snapshot(second: u32, counts: &[(Counter, u64)], open: u64) -> Snapshot {
    let mut cell = Cell::default();
    for (counter, count) in counts {
        cell.counters.add(*counter, *count);
    }
    let mut gauges = Gauges::default();
    gauges.set(Gauge::Open, open);
    let worker = WorkerFacts { cpu_ns: 5, rss_bytes: 100, lag_max_ns: 1, ..WorkerFacts::default() };
    Snapshot { second, cells: vec![(RAMP, cell)], gauges, worker, ..Snapshot::default() }
}

fn aggregator(workers: usize) -> Aggregator {
    let mut aggregator = Aggregator::new(PATIENCE_NS);
    for worker in 0..workers {
        assert_eq!(aggregator.add_reporter(0, 1, HostId::COORDINATOR), worker);
    }
    aggregator
}

fn get(second: &Second, counter: Counter) -> u64 {
    second.scenarios[&0].cells.iter().map(|(_, cell)| cell.counters.get(counter)).sum()
}

fn open(second: &Second) -> u64 {
    second.scenarios[&0].gauges.get(Gauge::Open)
}

#[test]
fn a_second_is_written_when_all_have_told_of_it() {
    let mut aggregator = aggregator(2);
    aggregator.add(0, &snapshot(0, &[(Counter::Due, 3), (Counter::Started, 3)], 3), 1);
    assert_eq!(aggregator.complete_second(SECOND_NS), None);
    aggregator.add(1, &snapshot(0, &[(Counter::Due, 4), (Counter::Started, 4)], 4), 1);
    let second = aggregator.complete_second(SECOND_NS).unwrap();
    assert_eq!((get(&second, Counter::Due), open(&second)), (7, 7));
    assert_eq!(second.scenarios[&0].workers.rss_bytes, 200);
    assert_eq!(aggregator.complete_second(SECOND_NS), None);
}

#[test]
fn a_late_worker_keeps_its_levels_and_loses_no_facts() {
    let mut aggregator = aggregator(2);
    for worker in 0..2 {
        aggregator.add(worker, &snapshot(0, &[(Counter::Due, 1)], 10), 1);
    }
    assert_eq!(open(&aggregator.complete_second(SECOND_NS).unwrap()), 20);
    aggregator.add(0, &snapshot(1, &[(Counter::Due, 1)], 11), 1);
    let without = aggregator.complete_second(4 * SECOND_NS).unwrap();
    assert_eq!((without.second, get(&without, Counter::Due), open(&without)), (1, 1, 21));
    aggregator.add(1, &snapshot(1, &[(Counter::Due, 5)], 12), 1);
    aggregator.add(1, &snapshot(2, &[(Counter::Due, 7)], 13), 1);
    aggregator.add(0, &snapshot(2, &[(Counter::Due, 1)], 12), 1);
    let after = aggregator.complete_second(4 * SECOND_NS).unwrap();
    assert_eq!((after.second, get(&after, Counter::Due), open(&after)), (2, 13, 25));
}

#[test]
fn a_stall_that_is_told_late_is_told_once() {
    let mut aggregator = aggregator(2);
    for worker in 0..2 {
        aggregator.add(worker, &snapshot(0, &[], 10), 1);
    }
    assert!(aggregator.complete_second(SECOND_NS).is_some());
    aggregator.add(0, &snapshot(1, &[], 10), 1);
    let without = aggregator.complete_second(4 * SECOND_NS).unwrap();
    assert_eq!(without.scenarios[&0].workers.stalled_ns, 0);
    let mut late = snapshot(1, &[], 10);
    (late.worker.stall_max_ns, late.worker.stalled_ns) = (Some(7), 7);
    aggregator.add(1, &late, 1);
    aggregator.add(0, &snapshot(2, &[], 10), 1);
    aggregator.add(1, &snapshot(2, &[], 10), 1);
    let workers = aggregator.complete_second(4 * SECOND_NS).unwrap().scenarios[&0].workers;
    assert_eq!((workers.stall_max_ns, workers.stalled_ns), (Some(7), 7));
    aggregator.add(0, &snapshot(3, &[], 10), 1);
    assert_eq!(
        aggregator.complete_second(9 * SECOND_NS).unwrap().scenarios[&0].workers.stalled_ns,
        0
    );
}

#[test]
fn a_second_in_which_a_worker_stood_still_is_part_of_all_the_time() {
    let mut aggregator = aggregator(1);
    let mut recording = Recording::new(1);
    for (mark, at_ns) in [(Transition::Ramp(0), 0), (Transition::Hold(0), 0)] {
        recording.add(&Entry::Transition(StageTransition { scenario: 0, transition: mark, at_ns }));
    }
    aggregator.add(0, &snapshot(0, &[], 10), 1);
    recording.add(&Entry::Second(aggregator.complete_second(SECOND_NS).unwrap()));
    // Three seconds of silence, reported in the fifth.
    for _ in 0..3 {
        let silent = aggregator.complete_second(60 * SECOND_NS).unwrap();
        let facts = &silent.scenarios[&0];
        assert_eq!((facts.reporting, facts.at_work), (0, 1));
        recording.add(&Entry::Second(silent));
    }
    let mut awake = snapshot(4, &[], 10);
    (awake.worker.stall_max_ns, awake.worker.stalled_ns) = (Some(3 * SECOND_NS), 3 * SECOND_NS);
    aggregator.add(0, &awake, 1);
    recording.add(&Entry::Second(aggregator.complete_second(60 * SECOND_NS).unwrap()));
    let hold = CellKey { stage: 0, phase: Phase::Hold };
    assert_eq!(recording.scenarios[0].generator_load[&hold].stalled_share(), Some(0.6));
}

#[test]
fn what_a_lost_worker_had_begun_is_unfinished_and_what_it_never_began_is_dropped() {
    let rate = Ramp::SpawnRate(Rate::per_second(128));
    let plan = testing::plan(testing::scenario(
        testing::hold(),
        &[(Level::Users { users: 256, ramp: rate }, 9_000)],
    ));
    let schedule = Schedule::new(&plan);
    let mut aggregator = aggregator(2);
    let begun = [
        (Counter::Due, 40),
        (Counter::Started, 40),
        (Counter::ConnectAttempts, 40),
        (Counter::ConnectOk, 36),
        (Counter::ConnectFailed, 2),
        (Counter::Failed, 5),
        (Counter::Ok, 1),
    ];
    aggregator.add(1, &snapshot(0, &begun, 32), 1);
    aggregator.lose(1, &plan.scenarios[0].protocol);
    aggregator.add(0, &snapshot(0, &[], 0), 1);
    let second = aggregator.complete_second(SECOND_NS).unwrap();
    assert_eq!(get(&second, Counter::Unfinished), 34);
    // Opened 36, of which 3 were lost and 1 ended well.
    assert_eq!(get(&second, Counter::UnfinishedOpen), 32);
    let partition = Partition::equal(1, 2);
    aggregator.drop_partitions(
        1,
        &[partition],
        schedule.scenario(0),
        (&[Some(0)], 2 * SECOND_NS),
        |_| None,
    );
    let rest = aggregator.remaining_second().unwrap();
    assert_eq!(get(&rest, Counter::Dropped), 128 - 40);
    assert_eq!(get(&rest, Counter::Due), 128 - 40);
    assert!(aggregator.remaining_second().is_none());
}

#[test]
fn each_request_of_a_lost_worker_adds_up() {
    let http = Http { requests: vec![Request::default(), Request::default()], ..Http::default() };
    let protocol = Protocol::Http(http);
    let level = Level::Rate {
        rate: Rate::per_second(10),
        ramp: testing::time(0),
        spacing: Spacing::Constant,
    };
    let plan = testing::plan(testing::scenario(protocol.clone(), &[(level, 9_000)]));
    let schedule = Schedule::new(&plan);
    let key = CellKey { stage: 0, phase: Phase::Hold };
    let told = |second, tallies: [(u64, u64); 2]| {
        let mut cell = Cell::default();
        for (request, (started, ok)) in (0..).zip(tallies) {
            cell.counters.add(Counter::Due, started);
            cell.counters.add(Counter::Started, started);
            cell.counters.add(Counter::Ok, ok);
            cell.requests.insert(request, RequestTally { started, ok, ..RequestTally::default() });
        }
        Snapshot { second, cells: vec![(key, cell)], ..Snapshot::default() }
    };
    let mut aggregator = aggregator(1);
    aggregator.add(0, &told(0, [(5, 3), (3, 0)]), 1);
    // More of the first one ended in this second than began.
    aggregator.add(0, &told(1, [(0, 1), (2, 4)]), 1);
    aggregator.lose(0, &protocol);
    let (partition, begun) = (Partition::WHOLE, [Some(0)]);
    let until = (begun.as_slice(), 2 * SECOND_NS);
    aggregator.drop_partitions(0, &[partition], schedule.scenario(0), until, |number| {
        Some(u16::from(number % 5 > 2))
    });
    let mut all = Cell::default();
    while let Some(second) = aggregator.remaining_second() {
        second.scenarios[&0].cells.iter().for_each(|(_, cell)| all.merge(cell));
    }
    let get = |request| {
        let cell = all.of_request(request, false);
        let counters = [Counter::Due, Counter::Started, Counter::Dropped, Counter::Ok];
        let counters = counters.into_iter().chain([Counter::Unfinished]);
        counters.map(|one| cell.counters.get(one)).collect::<Vec<_>>()
    };
    // Of the twenty that were due in two seconds, the last ten were dropped: six and four.
    assert_eq!(get(None), [20, 10, 10, 8, 2]);
    assert_eq!(get(Some(0)), [11, 5, 6, 4, 1]);
    assert_eq!(get(Some(1)), [9, 5, 4, 4, 1]);
}

#[test]
fn each_host_has_its_part_of_a_second() {
    let hosts = [1, 2].map(HostId::numbered);
    let mut aggregator = Aggregator::new(PATIENCE_NS);
    for (reporter, host) in hosts.iter().enumerate() {
        assert_eq!(aggregator.add_reporter(0, 2, *host), reporter);
    }
    let due = |count| [(Counter::Due, count), (Counter::Started, count)];
    aggregator.add(0, &snapshot(0, &due(3), 3), 2);
    aggregator.add(1, &snapshot(0, &due(4), 4), 2);
    let parts = aggregator.complete_second(SECOND_NS).unwrap().parts;
    let figures = |parts: &[HostPart]| -> Vec<(HostId, u64, u64, u32, u32)> {
        let figure = |part: &HostPart| {
            let (due, open) = (part.counters.get(Counter::Due), part.gauges.get(Gauge::Open));
            (part.host, due, open, part.reporting, part.at_work)
        };
        parts.iter().map(figure).collect()
    };
    assert_eq!(figures(&parts), [(hosts[0], 3, 3, 2, 2), (hosts[1], 4, 4, 2, 2)]);
    // One is late: it still holds what it held, and what it counted stands in a later second.
    aggregator.add(0, &snapshot(1, &due(1), 4), 2);
    let parts = aggregator.complete_second(4 * SECOND_NS).unwrap().parts;
    assert_eq!(figures(&parts), [(hosts[0], 1, 4, 2, 2), (hosts[1], 0, 4, 0, 2)]);
    aggregator.add(1, &snapshot(1, &due(7), 5), 2);
    let parts = aggregator.complete_second(5 * SECOND_NS).unwrap().parts;
    assert_eq!(parts[1].counters.get(Counter::Due), 7);
    // One is lost: what it had open is its own, too.
    aggregator.lose(1, &testing::hold());
    let parts = aggregator.complete_second(9 * SECOND_NS).unwrap().parts;
    assert_eq!(parts[1].counters.get(Counter::Unfinished), 11);
    assert_eq!((parts[1].at_work, parts[0].at_work), (0, 2));
}
