use super::testing::{hold, http, scenario, time};
use super::*;
use crate::record::Transition;
use crate::units::SECOND_NS;
use proptest::prelude::*;

fn users(users: u64, ramp: Ramp) -> Level {
    Level::Users { users, ramp }
}

fn scheduled(scenario: &Scenario) -> ScenarioSchedule {
    ScenarioSchedule::new(scenario, 42, 0)
}

fn walked(
    schedule: &ScenarioSchedule,
    stage: usize,
    share: Partition,
) -> Vec<(ScheduledEvent, u64)> {
    let mut cursor = schedule.cursor(stage, share);
    std::iter::from_fn(|| {
        let next = cursor.peek();
        cursor.advance();
        next
    })
    .collect()
}

#[test]
fn spawn_rate_is_kept_exactly_in_every_second() {
    let rate = Ramp::SpawnRate(Rate::per_second(2_000));
    let schedule = scheduled(&scenario(hold(), &[(users(10_000, rate), 1_000)]));
    let due = walked(&schedule, 0, Partition::WHOLE);
    for second in 0..5 {
        let in_second = due.iter().filter(|(_, at)| at / SECOND_NS == second).count();
        assert_eq!(in_second, 2_000, "second {second}");
    }
    assert_eq!(schedule.segments[0].ramp_ns(), Some(5 * SECOND_NS));
}

#[test]
fn lower_levels_go_newest_first() {
    let over = Ramp::Over(time(1_000));
    let schedule =
        scheduled(&scenario(http(), &[(users(4, Ramp::Unpaced), 0), (users(1, over), 0)]));
    let third = SECOND_NS / 3;
    assert_eq!(
        walked(&schedule, 1, Partition::WHOLE),
        [
            (ScheduledEvent::UserStop(3), 0),
            (ScheduledEvent::UserStop(2), third),
            (ScheduledEvent::UserStop(1), 2 * third)
        ]
    );
}

#[test]
fn arrivals_follow_the_rate_through_ramp_and_hold() {
    let to = |rate, ramp_ms| Level::Rate {
        rate: Rate::per_second(rate),
        ramp: time(ramp_ms),
        spacing: Spacing::Constant,
    };
    let schedule = scheduled(&scenario(http(), &[(to(100, 2_000), 1_000), (to(50, 0), 1_000)]));
    let first = walked(&schedule, 0, Partition::WHOLE);
    // Half of 100/s for two seconds, then all of it for one.
    assert_eq!(first.len(), 200);
    assert_eq!(schedule.segments[0].attempts(), 200);
    assert_eq!(first.iter().filter(|(_, at)| *at < SECOND_NS).count(), 25);
    let second = walked(&schedule, 1, Partition::WHOLE);
    assert_eq!(second.first(), Some(&(ScheduledEvent::Arrival(200), 0)));
    assert_eq!(second.len(), 50);
    assert!(second.windows(2).all(|pair| pair[1].1 - pair[0].1 == 20_000_000));
}

#[test]
fn marks_are_known_up_to_an_unpaced_ramp_and_learned_after_it() {
    let plan = scenario(
        hold(),
        &[(users(10, Ramp::Unpaced), 1_000), (users(20, Ramp::Over(time(500))), 1_000)],
    );
    let mut timeline = StageTimes::new(&scheduled(&plan));
    assert_eq!(timeline.marks(), [(Transition::Ramp(0), 0)]);
    timeline.learn(Transition::Hold(0), 70);
    let second = SECOND_NS;
    assert_eq!(
        timeline.marks(),
        [
            (Transition::Ramp(0), 0),
            (Transition::Hold(0), 70),
            (Transition::Ramp(1), second + 70),
            (Transition::Hold(1), second + second / 2 + 70),
            (Transition::Drain, 2 * second + second / 2 + 70),
        ]
    );
    timeline.learn(Transition::Drain, second + 100);
    assert_eq!(timeline.marks().last(), Some(&(Transition::Drain, second + 100)));
    assert_eq!(timeline.at(Transition::Hold(1)), None);
    assert_eq!(timeline.part_at(second + 200), Some(CellKeyOf::drain(1)));
}

struct CellKeyOf;

impl CellKeyOf {
    fn drain(stage: u16) -> crate::record::CellKey {
        crate::record::CellKey { stage, phase: crate::plan::Phase::Drain }
    }
}

/// How hosts share a scenario: 1, 2 and 4 alike, and with weights; with workers each.
fn hosts(workers: [u32; 4]) -> Vec<Vec<HostShare>> {
    let weights = [&[1][..], &[1, 1], &[1, 1, 1, 1], &[3, 1, 2]];
    let share = |(weight, workers): (&u32, &u32)| HostShare { weight: *weight, workers: *workers };
    weights.map(|weights| weights.iter().zip(&workers).map(share).collect()).to_vec()
}

/// The due times of all workers of all hosts, in order.
fn walked_by_all(
    schedule: &ScenarioSchedule,
    stage: usize,
    hosts: &[HostShare],
) -> Vec<(ScheduledEvent, u64)> {
    let parts = Partition::of_hosts(hosts).expect("few lanes").concat();
    assert!(schedule.is_shared_by(parts.iter().copied()));
    let mut due: Vec<_> = parts.iter().flat_map(|part| walked(schedule, stage, *part)).collect();
    due.sort_by_key(|(due, at)| match due {
        ScheduledEvent::UserStop(user) => (*at, u64::MAX - user),
        ScheduledEvent::UserStart(number) | ScheduledEvent::Arrival(number) => (*at, *number),
    });
    due
}

proptest! {
    #[test]
    fn what_is_due_when_depends_on_neither_hosts_nor_workers_nor_weights(
        workers in prop::array::uniform4(1_u32..5),
        from in 0_u64..500, to in 0_u64..500, rate in 1_u64..5_000, is_http: bool, chance: bool,
    ) {
        let protocol = if is_http { http() } else { hold() };
        let pace = Ramp::SpawnRate(Rate::per_second(rate));
        let spacing = if chance { Spacing::Poisson } else { Spacing::Constant };
        let arrivals = |rate| Level::Rate { rate: Rate::per_second(rate), ramp: time(300), spacing };
        let both = [[users(from, pace), users(to, pace)], [arrivals(from.max(1)), arrivals(to.max(1))]];
        for [first, second] in both {
            let schedule = scheduled(&scenario(protocol.clone(), &[(first, 200), (second, 500)]));
            for stage in 0..2 {
                let one = walked(&schedule, stage, Partition::WHOLE);
                for hosts in hosts(workers) {
                    prop_assert_eq!(&walked_by_all(&schedule, stage, &hosts), &one, "{:?}", hosts);
                }
            }
        }
    }

    #[test]
    fn shares_are_an_exact_partition(of in 1_u32..9, from in 0_u64..500, to in 0_u64..500, rate in 1_u64..5_000, is_http: bool) {
        let protocol = if is_http { http() } else { hold() };
        let pace = Ramp::SpawnRate(Rate::per_second(rate));
        let schedule = scheduled(&scenario(protocol, &[(users(from, pace), 0), (users(to, pace), 0)]));
        for stage in 0..2 {
            let whole = walked(&schedule, stage, Partition::WHOLE);
            let mut parts: Vec<_> = (0..of).flat_map(|index| walked(&schedule, stage, Partition::equal(index, of))).collect();
            parts.sort_by_key(|(due, at)| (*at, match due { ScheduledEvent::UserStop(user) => u64::MAX - user, ScheduledEvent::UserStart(n) | ScheduledEvent::Arrival(n) => *n }));
            prop_assert_eq!(whole, parts);
        }
        let total: u64 = (0..of).map(|index| Partition::equal(index, of).part_of(from, schedule.block)).sum();
        prop_assert_eq!(total, from);
    }

    #[test]
    fn arrivals_are_an_exact_partition_in_order(of in 1_u32..5, from in 1_u64..300, to in 1_u64..300, ramp in 0_u64..3_000, hold_ms in 0_u64..2_000, chance: bool) {
        let spacing = if chance { Spacing::Poisson } else { Spacing::Constant };
        let level = |rate, ramp| Level::Rate { rate: Rate::per_second(rate), ramp: time(ramp), spacing };
        let schedule = scheduled(&scenario(http(), &[(level(from, 0), 700), (level(to, ramp), hold_ms)]));
        let mut number = 0;
        for stage in 0..2 {
            let whole = walked(&schedule, stage, Partition::WHOLE);
            prop_assert!(whole.windows(2).all(|pair| pair[0].1 <= pair[1].1));
            for (due, _) in &whole {
                prop_assert_eq!(*due, ScheduledEvent::Arrival(number));
                number += 1;
            }
            prop_assert_eq!(whole.len() as u64, schedule.segments[stage].attempts());
            let mut parts: Vec<_> = (0..of).flat_map(|index| walked(&schedule, stage, Partition::equal(index, of))).collect();
            parts.sort_by_key(|(due, at)| (*at, match due { ScheduledEvent::Arrival(n) | ScheduledEvent::UserStart(n) | ScheduledEvent::UserStop(n) => *n }));
            prop_assert!(whole.iter().all(|(_, at)| *at < schedule.segments[stage].rate_ns()));
            prop_assert_eq!(parts, whole);
        }
    }
}

fn by_chance(seed: u64) -> Vec<(ScheduledEvent, u64)> {
    let level = Level::Rate {
        rate: Rate::per_second(1_000),
        ramp: time(20_000),
        spacing: Spacing::Poisson,
    };
    walked(
        &ScenarioSchedule::new(&scenario(http(), &[(level, 20_000)]), seed, 0),
        0,
        Partition::WHOLE,
    )
}

#[test]
fn arrivals_by_chance_are_as_many_as_planned_and_follow_the_ramp() {
    let due = by_chance(42);
    assert_eq!(due.len(), 30_000);
    let by = |ns: u64| due.partition_point(|(_, at)| *at < ns) as f64;
    // A quarter of the ramp's arrivals lie in its first half; four standard deviations of a
    // binomial count on either side.
    assert!((by(10 * SECOND_NS) - 2_500.0).abs() < 4.0 * 48.0, "{}", by(10 * SECOND_NS));
    assert!((by(20 * SECOND_NS) - 10_000.0).abs() < 4.0 * 82.0, "{}", by(20 * SECOND_NS));
}

#[test]
fn distances_by_chance_are_exponential_and_counts_as_spread_as_poissons() {
    let due: Vec<u64> =
        by_chance(42).into_iter().map(|(_, at)| at).filter(|at| *at >= 20 * SECOND_NS).collect();
    // Kolmogorov and Smirnov: the largest distance from 1 - exp(-rate t), times the root of the
    // number, is below 1.63 in 99 of 100.
    let mut gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
    gaps.sort_by(f64::total_cmp);
    let (count, mean) = (gaps.len() as f64, gaps.iter().sum::<f64>() / gaps.len() as f64);
    let distance = (1_u32..).zip(&gaps).map(|(i, gap)| {
        let exact = 1.0 - (-gap / mean).exp();
        (exact - f64::from(i) / count).abs().max((exact - f64::from(i - 1) / count).abs())
    });
    let worst = distance.fold(0.0, f64::max);
    assert!(worst * count.sqrt() < 1.63, "{worst}");
    // The variance of counts in a tenth of a second is their mean; evenly spaced ones have none.
    let mut tenths = vec![0.0; 200];
    for at in &due {
        tenths[usize::try_from((at - 20 * SECOND_NS) / (SECOND_NS / 10)).unwrap()] += 1.0;
    }
    let mean = tenths.iter().sum::<f64>() / 200.0;
    let variance = tenths.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 199.0;
    assert!((0.6..1.5).contains(&(variance / mean)), "{}", variance / mean);
}

#[test]
fn chance_is_the_seeds_and_the_same_everywhere() {
    assert_eq!(by_chance(42), by_chance(42));
    assert_ne!(by_chance(42), by_chance(43));
    let first: Vec<u64> = by_chance(42).iter().take(4).map(|(_, at)| *at).collect();
    // As calculated apart from this program, from the definition of ChaCha8.
    assert_eq!(first, [205_407_234, 303_815_261, 347_209_762, 400_690_076]);
}
