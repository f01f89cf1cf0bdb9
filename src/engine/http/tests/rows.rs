//! Rows that are used once: passes wait for those that are on their way, and only then.

use super::*;
use crate::engine::rows::{RowSource, Supply};
use crate::plan::{Data, Level};
use crate::workload::http::{ScenarioFiles, TestData};

/// A load whose passes take rows of a file of ten, of which some are granted at first.
pub(super) fn granted(levels: &[(Level, u64)], count: u64) -> Load {
    let data = Data {
        file: "x.csv".into(),
        order: crate::plan::RowOrder::Unique,
        separator: b',',
        spot: None,
    };
    let http = Http { data: Some(data), ..settings() };
    let file = b"id\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n".to_vec();
    let files = ScenarioFiles { data: Some(file), ..ScenarioFiles::default() };
    let stock = TestData::new(http.data.as_ref(), files).unwrap().into();
    let rows = RowSource::Granted { first: 0, count };
    Load { stock, rows, ..load(http, levels, Partition::WHOLE) }
}

fn rows(first: u64, count: u64) -> WorkerCommand {
    WorkerCommand::Grant { of: Supply::Rows, first, count }
}

#[test]
fn a_user_waits_for_its_row_and_goes_on_when_it_comes() {
    let mut world = World::new(|sent| sent + 9 * MS);
    world.open_ns = Box::new(|since| since);
    let world = Rc::new(world);
    let load = granted(&[users(2, paced(1_000), 1_000)], 2);
    let orders = [(300 * MS, rows(2, 2)), (700 * MS, rows(4, 3))];
    let ran = ran(&world, load, &orders);
    let sent: Vec<u64> = world.sent.borrow().iter().map(|(at, _)| at / MS).collect();
    // Each pass takes 109 ms where it has its row.
    assert_eq!(sent, [0, 1, 300, 300, 700, 700, 809]);
    assert_eq!((ran.get(Counter::Ok), ran.get(Counter::Unfinished)), (7, 0));
    // Asked ahead of need; once more when a pass waits; never twice without an answer.
    assert_eq!(ran.asked.len(), 3, "{:?}", ran.asked);
    assert_eq!(ran.returned, []);
}

#[test]
fn an_arrival_that_waits_for_its_row_is_late_or_dropped_and_never_lost() {
    let mut world = World::new(|sent| sent + MS);
    world.open_ns = Box::new(|since| since);
    let world = Rc::new(world);
    let load = granted(&[rate(10, 1_000)], 3);
    let ran = ran(&world, load, &[(500 * MS, rows(3, 2))]);
    let sent: Vec<u64> = world.sent.borrow().iter().map(|(at, _)| at / MS).collect();
    assert_eq!(sent, [0, 100, 200, 500, 500]);
    assert_eq!((ran.get(Counter::Ok), ran.get(Counter::Dropped)), (5, 5));
    let total = ran.total();
    let lag = total.times.get(TimeMetric::ScheduleLag).unwrap().max();
    assert!((195 * MS..205 * MS).contains(&lag), "{lag}");
}

#[test]
fn what_no_pass_has_taken_is_given_back_at_the_end() {
    let world = Rc::new(World::new(|sent| sent + MS));
    let load = granted(&[rate(10, 300)], 8);
    let ran = ran(&world, load, &[(150 * MS, WorkerCommand::GiveBack { of: Supply::Rows })]);
    // Two are taken by then, and three of the other six given back; one more is taken before the
    // end.
    assert_eq!(ran.returned, [(5, 3), (3, 2)]);
    assert_eq!(ran.get(Counter::Ok), 3);
}
