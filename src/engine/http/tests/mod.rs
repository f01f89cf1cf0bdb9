mod fixed_work;
mod hosts;
mod real;
mod rows;
mod world;

use super::recorder::AttemptEnd;
use super::*;
use crate::catalogue::Whose;
use crate::plan::{ConnectionUse, Phase, Protocol, Ramp, Stat, ThinkTime, TimeMetric};
use crate::record::{CellKey, ConnectionEnd, Counter, Failure, Gauge, Transition};
use crate::schedule::Partition;
use crate::units::SECOND_NS;
use std::collections::BTreeMap;
use std::rc::Rc;
use world::{World, load, paced, ran, rate, request, settings, time, users};

const MS: u64 = 1_000_000;
const HOLD: CellKey = CellKey { stage: 0, phase: Phase::Hold };

#[test]
fn users_come_when_due_and_hold_their_level() {
    let world = Rc::new(World::new(|sent| sent + 9 * MS));
    let load = load(settings(), &[users(20, paced(10), 3_000)], Partition::WHOLE);
    let ran = ran(&world, load, &[]);
    let opened = world.opened.borrow();
    let expected: Vec<(u64, u64)> = (0..20).map(|user| (user * 100 * MS, user)).collect();
    assert_eq!(*opened, expected);
    let levels: Vec<u64> = ran.snapshots.iter().map(|s| s.gauges.get(Gauge::Users)).collect();
    assert_eq!(levels, [10, 20, 20, 20, 20, 0]);
    // A round of a user is its think time and its answer: 110 ms with the first connection, 109 ms
    // after.
    assert_eq!(ran.get(Counter::Due), world.sent.borrow().len() as u64);
    assert_eq!(ran.get(Counter::Unfinished), 0);
    let hold = &ran.cells[&HOLD];
    assert!(hold.counters.get(Counter::Ok) >= 20 * 27, "{:?}", hold.counters);
    assert!(hold.times.get(TimeMetric::ResponseTime).is_none());
    assert_eq!(ran.total().times.count(TimeMetric::ScheduleLag), 20);
    assert!(ran.snapshots.iter().all(|snapshot| snapshot.worker.lag_max_ns <= MS));
}

#[test]
fn two_shares_are_due_as_one_is() {
    for levels in [[users(9, paced(7), 2_000)], [rate(37, 2_000)]] {
        let mut due = Vec::new();
        for shares in [1, 2, 3] {
            let (mut count, mut sent) = (0, Vec::new());
            for index in 0..shares {
                let mut world = World::new(|sent| sent + 5 * MS);
                world.open_ns = Box::new(|since| since);
                let world = Rc::new(world);
                let load = load(settings(), &levels, Partition::equal(index, shares));
                count += ran(&world, load, &[]).get(Counter::Due);
                sent.extend(world.sent.borrow().iter().map(|(at, _)| *at));
            }
            sent.sort_unstable();
            due.push((count, sent));
        }
        assert!(due[0].0 > 70);
        assert_eq!(due[0], due[1]);
        assert_eq!(due[0], due[2]);
    }
}

#[test]
fn a_stall_of_the_server_shows_in_response_times_not_in_service_times() {
    // For one second of ten nothing is accepted and nothing answered.
    let stall = |took: u64| {
        move |since: u64| match since + took {
            end if (5 * SECOND_NS..6 * SECOND_NS).contains(&end) => 6 * SECOND_NS,
            end => end,
        }
    };
    let mut world = World::new(stall(2 * MS));
    world.open_ns = Box::new(stall(MS));
    let world = Rc::new(world);
    let ran = ran(&world, load(settings(), &[rate(100, 10_000)], Partition::WHOLE), &[]);
    assert_eq!(ran.get(Counter::Due), 1_000);
    assert_eq!(ran.get(Counter::Ok), 1_000);
    let times = ran.total().times;
    let p99 = |metric| times.stat(metric, Stat::P99).unwrap();
    assert!((880e6..930e6).contains(&p99(TimeMetric::ResponseTime)));
    assert!((880e6..930e6).contains(&p99(TimeMetric::QueueWait)));
    // Only the request that was in flight saw the stall itself.
    assert!(p99(TimeMetric::ServiceTime) < 5e6);
    let slow = times.get(TimeMetric::ServiceTime).unwrap();
    assert_eq!(slow.len() - slow.count_between(0, 100 * MS), 1);
}

#[test]
fn the_highest_users_leave_first_and_finish_their_requests() {
    let world = Rc::new(World::new(|sent| sent + 30 * MS));
    let stages = [users(10, paced(100), 1_000), users(4, paced(10), 1_000)];
    let ran = ran(&world, load(settings(), &stages, Partition::WHOLE), &[]);
    assert_eq!(ran.get(Counter::Ok), ran.get(Counter::Started));
    let last: BTreeMap<u64, u64> =
        world.sent.borrow().iter().map(|(at, user)| (*user, *at / MS)).collect();
    for user in 0..10 {
        // Down from 1,100 ms: user 9 at once, 8 a tenth of a second later, to user 4; the others
        // stay to the end at 2,700 ms.
        let gone = if user < 4 { 2_700 } else { 1_100 + (9 - user) * 100 };
        assert!((gone - 170..=gone).contains(&last[&user]), "{user}: {}", last[&user]);
    }
    assert!((2_700 * MS..2_740 * MS).contains(&ran.end_ns), "{}", ran.end_ns);
}

#[test]
fn users_and_arrivals_take_turns() {
    let world = Rc::new(World::new(|sent| sent + 9 * MS));
    let stages = [users(5, paced(100), 950), rate(100, 2_000), users(3, paced(100), 970)];
    let ran = ran(&world, load(settings(), &stages, Partition::WHOLE), &[]);
    assert_eq!(ran.get(Counter::Ok), ran.get(Counter::Due));
    let arrivals = &ran.cells[&CellKey { stage: 1, phase: Phase::Hold }];
    assert_eq!(arrivals.counters.get(Counter::Ok), 200);
    assert_eq!(arrivals.times.count(TimeMetric::ResponseTime), 200);
    let seconds = |gauge| ran.snapshots.iter().map(|s| s.gauges.get(gauge)).collect::<Vec<_>>();
    assert_eq!(seconds(Gauge::Users)[1..3], [0, 0]);
    assert_eq!(seconds(Gauge::Users)[3], 3);
    assert!(
        ran.cells.iter().all(|(key, cell)| {
            key.stage == 1 || cell.times.count(TimeMetric::ResponseTime) == 0
        })
    );
}

#[test]
fn an_unpaced_ramp_says_when_all_have_connected() {
    let mut world = World::new(|sent| sent + 9 * MS);
    world.open_ns = Box::new(|since| since + 40 * MS);
    let world = Rc::new(world);
    let stages = [users(600, Ramp::Unpaced, 500), users(100, Ramp::Unpaced, 500)];
    let ran = ran(&world, load(settings(), &stages, Partition::WHOLE), &[]);
    // 600 users in three rounds of at most 256; then 500 of them finish what they do.
    assert_eq!(ran.reached.iter().map(|(_, stage)| *stage).collect::<Vec<_>>(), [0, 1]);
    let (first, second) = (ran.reached[0].0 / MS, ran.reached[1].0 / MS);
    assert!((120..130).contains(&first), "{first}");
    assert!((first + 500..first + 512).contains(&second), "{second}");
    assert_eq!(ran.total().times.count(TimeMetric::ScheduleLag), 0);
    assert_eq!(ran.get(Counter::ConnectOk), 600);
    assert_eq!(ran.get(Counter::Unfinished), 0);
}

#[test]
fn the_drain_lets_requests_end_and_starts_none() {
    let world = Rc::new(World::new(|sent| sent + 700 * MS));
    let ran = ran(&world, load(settings(), &[rate(50, 2_000)], Partition::WHOLE), &[]);
    assert_eq!(ran.get(Counter::Due), 100);
    assert_eq!(ran.get(Counter::Ok), 100);
    assert!(world.sent.borrow().iter().all(|(at, _)| *at < 2 * SECOND_NS));
    // Everything belongs to the phase in which it was due.
    assert_eq!(ran.cells.keys().collect::<Vec<_>>(), [&HOLD]);
    assert!((2_680 * MS..2_690 * MS).contains(&ran.end_ns), "{}", ran.end_ns);
}

#[test]
fn what_is_never_answered_is_timed_out_at_the_time_it_took() {
    let world = Rc::new(World::new(|_| u64::MAX / 2));
    let http = Http { timeout: time(800), max_in_flight: 10, ..settings() };
    let ran = ran(&world, load(http, &[rate(50, 2_000)], Partition::WHOLE), &[]);
    // Ten at once, every 800 ms: the rest has no room.
    assert_eq!(ran.get(Counter::Due), 100);
    assert_eq!(ran.get(Counter::TimedOut), 30);
    assert_eq!(ran.get(Counter::Dropped), 70);
    // An attempt without a response has no time.
    let cell = ran.total();
    for time in TimeMetric::ALL.iter().filter(|time| time.row().whose != Whose::All) {
        assert_eq!(cell.times.count(*time), 0, "{time}");
    }
    let late: Vec<u64> = cell.failures.iter().map(|(_, tally)| tally.first_ns / MS).collect();
    assert!(matches!(late.as_slice(), [798..803]), "{late:?}");
}

#[test]
fn times_of_successes_and_of_failures_are_kept_apart() {
    // Half of the answers are errors that come at once; a success takes 40 ms.
    for level in [users(1, paced(1), 10_000), rate(10, 10_000)] {
        let mut world = World::new(|sent| sent + 40 * MS);
        world.wrong_every = 2;
        world.open_ns = Box::new(|since| since + 5 * MS);
        let world = Rc::new(world);
        let http = Http { within: vec![time(39), time(41), time(60)], ..settings() };
        let ran = ran(&world, load(http, &[level], Partition::WHOLE), &[]);
        let cell = ran.total();
        let (ok, failed) = (ran.get(Counter::Ok), ran.get(Counter::Failed));
        assert!(ok > 30 && failed > 30, "{ok} {failed}");
        let open = matches!(level.0, crate::plan::Level::Rate { .. });
        for metric in TimeMetric::ALL.iter().filter(|time| time.row().whose == Whose::Successes) {
            let some = *metric != TimeMetric::ResponseTime || open;
            assert_eq!(cell.times.count(*metric), if some { ok } else { 0 }, "{metric}");
        }
        assert!(cell.times.stat(TimeMetric::ServiceTime, Stat::Min).unwrap() > 39.9e6);
        assert_eq!(cell.times.count(TimeMetric::FailedTime), failed);
        assert!(cell.times.stat(TimeMetric::FailedTime, Stat::Max).unwrap() < 2e6);
        // An arrival that opens a connection first is due before it is sent.
        let within: Vec<u64> = cell.within.values().copied().collect();
        assert_eq!(within, if open { [ok - 1, ok] } else { [ok; 2] }, "{:?}", cell.within);
        let (gauges, protocol) = (crate::record::Gauges::default(), Protocol::Http(settings()));
        let span = crate::record::MeasuredSpan {
            protocol: &protocol,
            cell: &cell,
            gauges: &gauges,
            length_ns: SECOND_NS,
        };
        let ratio = |ms| {
            crate::record::measure(crate::plan::Metric::Within(time(ms)), &span)
                .and_then(|measure| measure.ratio)
        };
        assert_eq!(ratio(60), Some((ok, ok + failed)));
        assert_eq!(ratio(39), Some((0, ok + failed)));
    }
}

#[test]
fn an_early_drain_ends_well_and_a_halt_leaves_unfinished() {
    let drain =
        [(700 * MS, WorkerCommand::Transition { mark: Transition::Drain, at_ns: 700 * MS })];
    let world = Rc::new(World::new(|sent| sent + 100 * MS));
    let stages = [users(10, paced(100), 60_000)];
    let gentle = ran(&world, load(settings(), &stages, Partition::WHOLE), &drain);
    assert_eq!(gentle.get(Counter::Unfinished), 0);
    assert!((700 * MS..810 * MS).contains(&gentle.end_ns), "{}", gentle.end_ns);

    let halt = [(700 * MS, WorkerCommand::Halt)];
    let world = Rc::new(World::new(|sent| sent + 400 * MS));
    let hard = ran(&world, load(settings(), &stages, Partition::WHOLE), &halt);
    assert_eq!(hard.get(Counter::Unfinished), 10);
    assert!((700 * MS..703 * MS).contains(&hard.end_ns), "{}", hard.end_ns);
    assert_eq!(hard.total().times.count(TimeMetric::ServiceTime), hard.get(Counter::Ok));
    // Requests in flight have moved bytes as well: three each way out, one back where two make an
    // answer.
    assert_eq!(hard.get(Counter::BytesSent), 3 * hard.get(Counter::Started));
    assert_eq!(hard.get(Counter::BytesReceived), 2 * hard.get(Counter::Ok) + 10);
}

#[test]
fn users_that_are_refused_do_not_spin() {
    let http = Http { think_time: ThinkTime::default(), ..settings() };
    for (failure, most, local) in [(Failure::Refused, 18, 0), (Failure::TooManyFiles, 101, 101)] {
        let mut world = World::new(|sent| sent);
        world.open_ns = Box::new(|since| since);
        world.refused = Some(failure);
        let world = Rc::new(world);
        let one = load(http.clone(), &[users(1, paced(1), 10_000)], Partition::WHOLE);
        let ran = ran(&world, one, &[]);
        let failed = ran.get(Counter::Failed);
        assert!((most - 4..=most + 12).contains(&failed), "{failure}: {failed}");
        assert_eq!(ran.get(Counter::ConnectAttempts), failed);
        assert_eq!(ran.get(Counter::ConnectFailedLocal) > 0, local > 0);
        assert_eq!(ran.get(Counter::FailedLocal), if local > 0 { failed } else { 0 });
        assert_eq!(ran.total().times.count(TimeMetric::ServiceTime), 0);
    }
}

#[test]
fn who_finds_no_room_asks_again_as_long_as_it_may() {
    for (full_ms, failed) in [(700, 0), (1_500, 1)] {
        let mut world = World::new(|sent| sent + 9 * MS);
        world.full_until_ns = full_ms * MS;
        let world = Rc::new(world);
        let one = load(settings(), &[users(1, paced(1), 3_000)], Partition::WHOLE);
        let ran = ran(&world, one, &[]);
        // A connection may take a second.
        assert_eq!([ran.get(Counter::TimedOut), ran.get(Counter::ConnectFailed)], [failed; 2]);
        assert_eq!(ran.get(Counter::ConnectOk), 1);
        assert!(ran.get(Counter::Ok) > 10);
        // It neither spins nor sleeps.
        let knocks = *world.knocks.borrow();
        assert!((full_ms / 50..full_ms / 50 + 25).contains(&knocks), "{knocks}");
        let longest = ran.total().times.stat(TimeMetric::ConnectTime, Stat::Max).unwrap();
        let waited = [700.0..750.0, 400.0..550.0][usize::try_from(failed).unwrap()].clone();
        assert!(waited.contains(&(longest / 1e6)), "{longest}");
    }
}

#[test]
fn an_idle_close_is_retried_and_counted() {
    let mut world = World::new(|sent| sent + 9 * MS);
    world.idle_close_every = 3;
    let world = Rc::new(world);
    let one = load(settings(), &[users(1, paced(1), 10_000)], Partition::WHOLE);
    let ran = ran(&world, one, &[]);
    let retried = ran.get(Counter::Retried);
    assert!(retried > 20, "{retried}");
    assert_eq!(ran.get(Counter::Failed), 0);
    assert_eq!(ran.get(Counter::ConnectOk), retried + 1);
    let ends = [(ConnectionEnd::Idle, retried), (ConnectionEnd::Planned, 1)];
    assert_eq!(ran.total().ends, BTreeMap::from(ends));
    assert_eq!(world.sent.borrow().len() as u64, ran.get(Counter::Ok) + retried);

    // Again and again, until its time is over; and then it fails as it did at last.
    let mut world = World::new(|sent| sent + 9 * MS);
    world.idle_close_every = 1;
    let one = load(settings(), &[users(1, paced(1), 1_000)], Partition::WHOLE);
    let ran = self::ran(&Rc::new(world), one, &[]);
    assert_eq!([ran.get(Counter::Ok), ran.get(Counter::Failed)], [0, 1]);
    let retried = ran.get(Counter::Retried);
    // Sixteen at once, six pauses of 63 ms in all, and then one every 51 ms of the five seconds.
    assert!((100..120).contains(&retried), "{retried}");
    let total = ran.total();
    let (cause, tally) = total.failures.first().unwrap();
    assert_eq!(cause.failure, Failure::ClosedByServer);
    assert!(
        tally.sample.ends_with(&format!("it went elsewhere {retried} times, until its timeout"))
    );
    assert!((4_900..5_000).contains(&(ran.end_ns / MS)), "{}", ran.end_ns / MS);
}

#[test]
fn several_requests_are_told_apart() {
    let world = Rc::new(World::new(|sent| sent + 9 * MS));
    let http = Http { requests: vec![request("home", 9), request("save", 1)], ..settings() };
    let ran = ran(&world, load(http, &[rate(200, 5_000)], Partition::WHOLE), &[]);
    let requests = ran.total().requests;
    assert_eq!(requests[&0].ok + requests[&1].ok, 1_000);
    assert!((60..140).contains(&requests[&1].ok), "{}", requests[&1].ok);
    assert_eq!(requests[&1].times.count(TimeMetric::ServiceTime), requests[&1].ok);
    // Facts kept by request alone are in the total as well, once.
    let whole = ran.total();
    assert_eq!(whole.times.count(TimeMetric::ServiceTime), 1_000);
    assert_eq!(whole.statuses[&200], 1_000);
    assert_eq!(requests.values().map(|one| one.started).sum::<u64>(), 1_000);
    assert_eq!(requests.values().map(|one| one.statuses[&200]).sum::<u64>(), 1_000);
}

proptest::proptest! {
    #[test]
    fn response_is_lag_and_wait_and_service(
        due in 0..u64::MAX / 8, lag in 0..1_u64 << 50, wait in 0..1_u64 << 50,
        service in proptest::option::of(0..1_u64 << 50),
    ) {
        let begun_ns = due + lag;
        let sent_ns = service.map(|_| begun_ns + wait);
        let ended_ns = begun_ns + wait + service.unwrap_or(0);
        let split = AttemptEnd { begun_ns, sent_ns, ended_ns, ..AttemptEnd::default() }.split(due);
        proptest::prop_assert_eq!(split.service, service);
        proptest::prop_assert_eq!(split.lag + split.wait + split.service.unwrap_or(0), split.response);
    }
}

#[test]
fn connections_are_used_as_long_as_the_plan_says() {
    let run = |connection: ConnectionUse, level| {
        let world = Rc::new(World::new(|sent| sent + 9 * MS));
        let load = load(Http { connection, ..settings() }, &[level], Partition::WHOLE);
        let ran = ran(&world, load, &[]);
        assert_eq!(ran.get(Counter::Ok), world.sent.borrow().len() as u64);
        assert_eq!(ran.get(Counter::ConnectOk), world.opened.borrow().len() as u64);
        (ran.get(Counter::ConnectOk), ran.get(Counter::Ok))
    };
    let requests = |max| ConnectionUse { max_requests: Some(max), max_age: None };
    for level in [users(5, paced(100), 4_000), rate(50, 2_000)] {
        let (connections, sent) = run(requests(1), level);
        assert!(sent >= 100 && connections == sent, "{connections} {sent}");
    }
    // Five users, each with a connection for every third of its requests.
    let (connections, sent) = run(requests(3), users(5, paced(100), 4_000));
    assert!((sent / 3..=sent / 3 + 5).contains(&connections), "{connections} {sent}");
    // A user that thinks for 100 ms begins a new one every half second or a little later: at the
    // first request after that.
    let aged = ConnectionUse { max_requests: None, max_age: Some(time(500)) };
    let (connections, _) = run(aged, users(1, paced(100), 5_990));
    assert_eq!(connections, 11);
}

#[test]
fn an_unpaced_ramp_does_not_outrun_a_target_that_accepts_slowly() {
    let ramp = |answer_ns: u64| {
        let world = Rc::new(World::new(move |sent| sent + answer_ns));
        let http = Http { timeout: time(60_000), ..settings() };
        let load = load(http, &[users(3_000, Ramp::Unpaced, 2_000)], Partition::WHOLE);
        let ran = ran(&world, load, &[]);
        let opened: Vec<u64> = world.opened.borrow().iter().map(|(at, _)| *at).collect();
        (opened, ran.reached[0].0)
    };
    // A user that has waited for a response for 200 ms is timed out.
    let (opened, reached) = ramp(10_000 * MS);
    let first = opened[0];
    let by = |ms: u64| opened.iter().filter(|at| **at < first + ms * MS).count();
    assert_eq!((by(190), by(390), by(590)), (1_024, 2_048, 3_000));
    assert!((first + 600 * MS..first + 700 * MS).contains(&reached), "{reached}");
    // Quick answers make room at once.
    let (opened, reached) = ramp(5 * MS);
    assert_eq!(opened.iter().filter(|at| **at < 100 * MS).count(), 3_000);
    assert!(reached < 110 * MS, "{reached}");
}
