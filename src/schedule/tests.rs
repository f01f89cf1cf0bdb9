use super::testing::{hold, http, scenario, time};
use super::*;
use crate::record::Mark;
use proptest::prelude::*;

fn users(users: u64, ramp: Ramp) -> Level {
    Level::Users { users, ramp }
}

fn walked(schedule: &ScenarioSchedule, stage: usize, share: Share) -> Vec<(Due, u64)> {
    let mut walk = schedule.walk(stage, share);
    std::iter::from_fn(|| {
        let next = walk.peek();
        walk.advance();
        next
    })
    .collect()
}

#[test]
fn spawn_rate_is_kept_exactly_in_every_second() {
    let rate = Ramp::SpawnRate(Rate::per_second(2_000));
    let schedule = ScenarioSchedule::new(&scenario(hold(), &[(users(10_000, rate), 1_000)]));
    let due = walked(&schedule, 0, Share::WHOLE);
    for second in 0..5 {
        let in_second = due.iter().filter(|(_, at)| at / SECOND_NS == second).count();
        assert_eq!(in_second, 2_000, "second {second}");
    }
    assert_eq!(schedule.segments[0].ramp_ns(), Some(5 * SECOND_NS));
}

#[test]
fn lower_levels_go_newest_first() {
    let over = Ramp::Over(time(1_000));
    let schedule = ScenarioSchedule::new(&scenario(
        http(),
        &[(users(4, Ramp::Unpaced), 0), (users(1, over), 0)],
    ));
    let third = SECOND_NS / 3;
    assert_eq!(
        walked(&schedule, 1, Share::WHOLE),
        [(Due::Down(3), 0), (Due::Down(2), third), (Due::Down(1), 2 * third)]
    );
}

#[test]
fn arrivals_follow_the_rate_through_ramp_and_hold() {
    let to = |rate, ramp_ms| Level::Rate { rate: Rate::per_second(rate), ramp: time(ramp_ms) };
    let schedule =
        ScenarioSchedule::new(&scenario(http(), &[(to(100, 2_000), 1_000), (to(50, 0), 1_000)]));
    let first = walked(&schedule, 0, Share::WHOLE);
    // Half of 100/s for two seconds, then all of it for one.
    assert_eq!(first.len(), 200);
    assert_eq!(schedule.segments[0].attempts(), 200);
    assert_eq!(first.iter().filter(|(_, at)| *at < SECOND_NS).count(), 25);
    let second = walked(&schedule, 1, Share::WHOLE);
    assert_eq!(second.first(), Some(&(Due::Arrival(200), 0)));
    assert_eq!(second.len(), 50);
    assert!(second.windows(2).all(|pair| pair[1].1 - pair[0].1 == 20_000_000));
}

#[test]
fn marks_are_known_up_to_an_unpaced_ramp_and_learned_after_it() {
    let plan = scenario(
        hold(),
        &[(users(10, Ramp::Unpaced), 1_000), (users(20, Ramp::Over(time(500))), 1_000)],
    );
    let mut timeline = Timeline::new(&ScenarioSchedule::new(&plan));
    assert_eq!(timeline.marks(), [(Mark::Ramp(0), 0)]);
    timeline.learn(Mark::Hold(0), 70);
    let second = SECOND_NS;
    assert_eq!(
        timeline.marks(),
        [
            (Mark::Ramp(0), 0),
            (Mark::Hold(0), 70),
            (Mark::Ramp(1), second + 70),
            (Mark::Hold(1), second + second / 2 + 70),
            (Mark::Drain, 2 * second + second / 2 + 70),
        ]
    );
    timeline.learn(Mark::Drain, second + 100);
    assert_eq!(timeline.marks().last(), Some(&(Mark::Drain, second + 100)));
    assert_eq!(timeline.at(Mark::Hold(1)), None);
    assert_eq!(timeline.part_at(second + 200), Some(CellKeyOf::drain(1)));
}

struct CellKeyOf;

impl CellKeyOf {
    fn drain(stage: u16) -> crate::record::CellKey {
        crate::record::CellKey { stage, part: crate::plan::Part::Drain }
    }
}

proptest! {
    #[test]
    fn shares_are_an_exact_partition(of in 1_u32..9, from in 0_u64..500, to in 0_u64..500, rate in 1_u64..5_000, is_http: bool) {
        let protocol = if is_http { http() } else { hold() };
        let pace = Ramp::SpawnRate(Rate::per_second(rate));
        let schedule = ScenarioSchedule::new(&scenario(protocol, &[(users(from, pace), 0), (users(to, pace), 0)]));
        for stage in 0..2 {
            let whole = walked(&schedule, stage, Share::WHOLE);
            let mut parts: Vec<_> = (0..of).flat_map(|index| walked(&schedule, stage, Share { index, of })).collect();
            parts.sort_by_key(|(due, at)| (*at, match due { Due::Down(user) => u64::MAX - user, Due::Up(n) | Due::Arrival(n) => *n }));
            prop_assert_eq!(whole, parts);
        }
        let total: u64 = (0..of).map(|index| Share { index, of }.part_of(from, schedule.block)).sum();
        prop_assert_eq!(total, from);
    }

    #[test]
    fn arrivals_are_an_exact_partition_in_order(of in 1_u32..5, from in 1_u64..300, to in 1_u64..300, ramp in 0_u64..3_000, hold_ms in 0_u64..2_000) {
        let level = |rate, ramp| Level::Rate { rate: Rate::per_second(rate), ramp: time(ramp) };
        let schedule = ScenarioSchedule::new(&scenario(http(), &[(level(from, 0), 700), (level(to, ramp), hold_ms)]));
        let mut number = 0;
        for stage in 0..2 {
            let whole = walked(&schedule, stage, Share::WHOLE);
            prop_assert!(whole.windows(2).all(|pair| pair[0].1 <= pair[1].1));
            for (due, _) in &whole {
                prop_assert_eq!(*due, Due::Arrival(number));
                number += 1;
            }
            prop_assert_eq!(whole.len() as u64, schedule.segments[stage].attempts());
            let parts: usize = (0..of).map(|index| walked(&schedule, stage, Share { index, of }).len()).sum();
            prop_assert_eq!(parts, whole.len());
        }
    }
}
