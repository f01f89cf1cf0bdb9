//! Fixed work: the users of a stage share its iterations, and the stage ends when they are done.

use super::*;
use crate::engine::rows::{RowSource, Supply};
use crate::plan::{FixedWork, Level, Phase};
use crate::record::CellKey;

/// A world without pauses of its own: each response takes 9 ms.
fn world() -> Rc<World> {
    let mut world = World::new(|sent| sent + 9 * MS);
    world.open_ns = Box::new(|since| since);
    Rc::new(world)
}

/// The first stage has so many iterations, of which some are granted at first.
fn shared(levels: &[(Level, u64)], count: u64, granted: u64) -> Load {
    let mut load = load(settings(), levels, Partition::WHOLE);
    load.plan.scenarios[0].stages[0].work = Some(FixedWork::Iterations(count));
    load.iterations = vec![(0, granted)];
    load
}

const ITERATIONS: Supply = Supply::Iterations { stage: 0 };

fn nothing_left(at_ms: u64) -> (u64, WorkerCommand) {
    (at_ms * MS, WorkerCommand::NothingLeft { of: ITERATIONS })
}

fn begins(mark: Transition, at_ms: u64) -> (u64, WorkerCommand) {
    (at_ms * MS, WorkerCommand::Transition { mark, at_ns: at_ms * MS })
}

#[test]
fn users_share_iterations_and_the_work_is_done_with_the_last_response() {
    let world = world();
    let load = shared(&[users(2, paced(1_000), 5_000)], 7, 7);
    let ran = ran(&world, load, &[nothing_left(600), begins(Transition::Drain, 700)]);
    // Three rounds of both, and one more request; each takes 109 ms.
    assert_eq!(world.sent.borrow().len(), 7);
    assert_eq!((ran.get(Counter::Iterations), ran.get(Counter::Ok)), (7, 7));
    assert_eq!(ran.get(Counter::Unfinished), 0);
    assert_eq!(ran.done, [(600 * MS, 0)]);
    assert!((700 * MS..710 * MS).contains(&ran.end_ns), "{}", ran.end_ns);
}

#[test]
fn work_is_not_done_while_an_iteration_goes_on() {
    let world = world();
    let load = shared(&[users(2, paced(1_000), 5_000)], 3, 3);
    // The third begins at 109 ms, and ends at 118 ms.
    let ran = ran(&world, load, &[nothing_left(112), begins(Transition::Drain, 200)]);
    assert_eq!(ran.done, [(118 * MS, 0)]);
    assert_eq!(ran.get(Counter::Iterations), 3);
}

#[test]
fn users_without_an_iteration_wait_for_the_next_stage() {
    let world = world();
    let load = shared(&[users(2, paced(1_000), 5_000), users(2, Ramp::Unpaced, 300)], 2, 2);
    let orders = [nothing_left(50), begins(Transition::Ramp(1), 400)];
    let ran = ran(&world, load, &orders);
    let sent: Vec<u64> = world.sent.borrow().iter().map(|(at, _)| at / MS).collect();
    assert_eq!(sent, [0, 1, 400, 400, 509, 509, 618, 618]);
    assert_eq!(ran.get(Counter::Iterations), 2);
    assert_eq!(ran.end_ns / MS, 700);
}

#[test]
fn what_the_hold_cuts_off_was_planned_and_not_completed() {
    let world = world();
    let load = shared(&[users(1, paced(1_000), 300)], 100, 100);
    let ran = ran(&world, load, &[]);
    assert_eq!(ran.get(Counter::Iterations), world.sent.borrow().len() as u64);
    assert_eq!((ran.get(Counter::Iterations), ran.done.len()), (3, 0));
}

#[test]
fn a_worker_asks_for_more_and_its_users_go_on_with_what_comes() {
    let world = world();
    let load = shared(&[users(2, paced(1_000), 5_000)], 10, 2);
    let more = (500 * MS, WorkerCommand::Grant { of: ITERATIONS, first: 2, count: 3 });
    let ran = ran(&world, load, &[more, nothing_left(900), begins(Transition::Drain, 1_000)]);
    let sent: Vec<u64> = world.sent.borrow().iter().map(|(at, _)| at / MS).collect();
    assert_eq!(sent, [0, 1, 500, 500, 609]);
    assert_eq!((ran.get(Counter::Iterations), ran.done.len()), (5, 1));
    // Ahead of need, and never twice without an answer.
    assert_eq!(ran.asked, [(0, false), (500 * MS, false)]);
}

#[test]
fn an_iteration_of_several_steps_is_completed_by_its_last_one() {
    let world = world();
    let mut load = shared(&[users(1, paced(1_000), 250)], 5, 5);
    let steps =
        Http { requests: vec![request("one", 1), request("two", 1)], in_steps: true, ..settings() };
    load.plan.scenarios[0].protocol = crate::plan::Protocol::Http(steps);
    let ran = ran(&world, load, &[]);
    // 0 and 109 ms; 218 ms, and its second step would begin after the end.
    assert_eq!((world.sent.borrow().len(), ran.get(Counter::Iterations)), (3, 1));
    let cell = &ran.cells[&CellKey { stage: 0, phase: Phase::Hold }];
    assert_eq!(cell.counters.get(Counter::Iterations), 1);
}

#[test]
fn a_stage_that_lasts_until_the_data_is_used_up_has_an_iteration_for_each_row() {
    let world = world();
    let mut load = super::rows::granted(&[users(2, paced(1_000), 5_000)], 4);
    assert_eq!(load.rows, RowSource::Granted { first: 0, count: 4 });
    load.plan.scenarios[0].stages[0].work = Some(FixedWork::Data);
    let orders = [
        (400 * MS, WorkerCommand::NothingLeft { of: Supply::Rows }),
        begins(Transition::Drain, 500),
    ];
    let ran = ran(&world, load, &orders);
    let planned = ran.get(Counter::IterationsPlanned);
    assert_eq!((planned, ran.get(Counter::Iterations), ran.get(Counter::Ok)), (4, 4, 4));
    assert_eq!((ran.done.as_slice(), ran.get(Counter::Failed)), (&[(400 * MS, 0)][..], 0));
}
