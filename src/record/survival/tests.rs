use super::*;
use proptest::prelude::*;

fn life(end: LifeEnd, seconds: u64) -> Life {
    Life { end, opened_ns: 0, heard_ns: 0, ended_ns: seconds * SECOND_NS }
}

fn lives(ends: &[(LifeEnd, u64)]) -> Survival {
    let mut survival = Survival::default();
    for (end, seconds) in ends {
        survival.record(&life(*end, *seconds));
    }
    survival
}

fn near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-12, "{one} is not {other}");
}

#[test]
fn a_curve_is_what_is_computed_by_hand() {
    // Ten connections: deaths at 1, 3, 3 and 6 s, observation ends at 2, 3, 5, 8, 8 and 8 s.
    let survival = lives(&[
        (LifeEnd::Rst, 1),
        (LifeEnd::Censored, 2),
        (LifeEnd::Fin, 3),
        (LifeEnd::Rst, 3),
        (LifeEnd::Censored, 3),
        (LifeEnd::Censored, 5),
        (LifeEnd::Silence, 6),
        (LifeEnd::Censored, 8),
        (LifeEnd::Censored, 8),
        (LifeEnd::Censored, 8),
    ]);
    let curve = Curve::of(&survival).unwrap();
    let risks: Vec<(u64, u64, u64)> =
        curve.points.iter().map(|point| (point.after_s, point.at_risk, point.died)).collect();
    assert_eq!(risks, [(2, 10, 1), (4, 8, 2), (7, 4, 1)]);
    let [one, two, three] = curve.points[..] else { panic!("three points") };
    near(one.survival, 0.9);
    near(two.survival, 0.9 * 0.75);
    near(three.survival, 0.9 * 0.75 * 0.75);
    near(one.error, 0.9 * (1.0 / 90.0_f64).sqrt());
    near(three.error, three.survival * (1.0 / 90.0 + 2.0 / 48.0 + 1.0 / 12.0_f64).sqrt());
    // FIN, RST, silence.
    near(three.incidence[0], 0.9 / 8.0);
    near(three.incidence[1], 0.1 + 0.9 / 8.0);
    near(three.incidence[2], 0.9 * 0.75 / 4.0);
    near(three.incidence.iter().sum::<f64>() + three.survival, 1.0);
    assert_eq!(curve.at(1), Some((1.0, 0.0)));
    assert_eq!(curve.at(5).map(|(survival, _)| survival), Some(two.survival));
    assert_eq!(curve.at(8).map(|(survival, _)| survival), Some(three.survival));
    assert_eq!(curve.at(9), None, "nobody was seen so long");
    assert_eq!(curve.median_s(), None);
}

#[test]
fn when_all_have_died_the_curve_is_zero_for_ever() {
    let curve = Curve::of(&lives(&[(LifeEnd::Fin, 1), (LifeEnd::Fin, 2)])).unwrap();
    assert_eq!(curve.median_s(), Some(2));
    assert_eq!(curve.at(3_600), Some((0.0, 0.0)));
    assert_eq!(Curve::of(&Survival::default()), None);
    let whole = Curve::of(&lives(&[(LifeEnd::Censored, 60), (LifeEnd::Censored, 61)])).unwrap();
    assert_eq!((whole.at(60), whole.at(62), whole.median_s()), (Some((1.0, 0.0)), None, None));
}

#[test]
fn long_lives_are_told_apart_by_the_minute_and_the_longest_share_a_bin() {
    let bounds = |ns: u64| (begins_s(bin(ns)), ends_s(bin(ns)));
    assert_eq!(bounds(59_999_999_999), (59, 60));
    assert_eq!(bounds(60 * SECOND_NS), (60, 61));
    assert_eq!(bounds(3_599 * SECOND_NS), (3_599, 3_600));
    assert_eq!(bounds(3_600 * SECOND_NS), (3_600, 3_660));
    assert_eq!(bounds(7_259 * SECOND_NS), (7_200, 7_260));
    assert_eq!(bounds(u64::MAX).1, 7 * 24 * 3_600);
}

fn said(survival: &Survival) -> Vec<String> {
    spikes(survival).iter().map(ToString::to_string).collect()
}

#[test]
fn an_idle_timeout_on_the_way_is_named() {
    let mut survival = Survival::default();
    for user in 0..1_000_u64 {
        // Opened over 100 s: what they share is their age.
        let opened_ns = user * SECOND_NS / 10;
        let (end, age_ms) = if user % 2 == 0 {
            (LifeEnd::Fin, 60_000 + user % 7)
        } else {
            (LifeEnd::Censored, 200_000)
        };
        survival.record(&Life {
            end,
            opened_ns,
            heard_ns: opened_ns,
            ended_ns: opened_ns + age_ms * 1_000_000,
        });
    }
    assert_eq!(said(&survival), ["500 connections died at 60 ± 1 s: an idle timeout on the way?"]);
}

#[test]
fn silence_before_death_is_told_from_age() {
    let mut survival = Survival::default();
    for user in 0..600_u64 {
        // Each heard its last message at another age, and died 350 s later.
        let opened_ns = user * SECOND_NS / 4;
        let heard_ns = opened_ns + (user * 7_919 % 600) * SECOND_NS;
        let ended_ns = heard_ns + 350 * SECOND_NS;
        survival.record(&Life { end: LifeEnd::Rst, opened_ns, heard_ns, ended_ns });
    }
    let words = "600 connections died after 350 ± 1 s of silence: an idle timeout on the way?";
    assert_eq!(said(&survival), [words]);
}

#[test]
fn a_restart_is_a_moment_of_the_run() {
    let mut survival = Survival::default();
    for user in 0..500_u64 {
        let opened_ns = user * SECOND_NS / 5;
        let ended_ns = 120 * SECOND_NS + user * 1_000_000;
        survival.record(&Life { end: LifeEnd::Rst, opened_ns, heard_ns: opened_ns, ended_ns });
    }
    let words = "500 connections died in the run's second 120 (± 1): a restart or a storm?";
    assert_eq!(said(&survival), [words]);
}

#[test]
fn a_ramp_of_deaths_is_no_storm() {
    let mut survival = Survival::default();
    for user in 0..300_u64 {
        // Opened at 30 a second, each dies at 10 s: 30 a second die, for 10 seconds.
        let opened_ns = user * SECOND_NS / 30;
        let ended_ns = opened_ns + 10 * SECOND_NS;
        survival.record(&Life { end: LifeEnd::Fin, opened_ns, heard_ns: opened_ns, ended_ns });
    }
    assert_eq!(said(&survival), ["300 connections died at 10 ± 1 s: a limit on their age?"]);
}

#[test]
fn deaths_that_are_spread_and_deaths_that_this_side_found_are_no_spikes() {
    let mut survival = Survival::default();
    for user in 0..3_000_u64 {
        let age = (user * 7_919 % 300) * SECOND_NS;
        let opened_ns = (user * 104_729 % 300) * SECOND_NS;
        let ended_ns = opened_ns + age;
        survival.record(&Life { end: LifeEnd::Rst, opened_ns, heard_ns: opened_ns, ended_ns });
        let ended_ns = opened_ns + 70 * SECOND_NS;
        survival.record(&Life { end: LifeEnd::Silence, opened_ns, heard_ns: opened_ns, ended_ns });
    }
    assert!(said(&survival).is_empty());
}

#[test]
fn connections_that_were_opened_and_died_together_may_share_their_age() {
    let mut survival = Survival::default();
    for user in 0..50_u64 {
        let opened_ns = user * SECOND_NS / 50;
        let ended_ns = opened_ns + 4 * SECOND_NS;
        survival.record(&Life { end: LifeEnd::Fin, opened_ns, heard_ns: opened_ns, ended_ns });
    }
    let words = "50 connections died in the run's second 4 (± 1), all of about the same age: a limit on their age, or a restart?";
    assert_eq!(said(&survival), [words]);
}

#[test]
fn deaths_by_what_this_side_sent_tell_of_no_restart() {
    for end in [LifeEnd::WrongData, LifeEnd::Rejected] {
        let mut survival = Survival::default();
        for user in 0..100_u64 {
            let opened_ns = user * SECOND_NS / 100;
            let ended_ns = opened_ns + 2 * SECOND_NS;
            survival.record(&Life { end, opened_ns, heard_ns: opened_ns, ended_ns });
        }
        assert!(said(&survival).is_empty(), "{end:?}");
    }
}

proptest! {
    #[test]
    fn parts_add_up_and_survive_both_formats(ends in proptest::collection::vec((0_usize..7, 0_u64..1_000_000, 0_u64..1_000), 0..60), cut in 0_usize..60) {
        let lives: Vec<Life> = ends.iter().map(|(end, seconds, quiet)| {
            let ended_ns = seconds * SECOND_NS;
            Life { end: LifeEnd::ALL[*end], opened_ns: 0, heard_ns: ended_ns.saturating_sub(quiet * SECOND_NS), ended_ns }
        }).collect();
        let (mut whole, mut one, mut other) = (Survival::default(), Survival::default(), Survival::default());
        for (number, life) in lives.iter().enumerate() {
            whole.record(life);
            if number < cut { one.record(life) } else { other.record(life) }
        }
        other.merge(&one);
        prop_assert_eq!(&other, &whole);
        prop_assert_eq!(whole.connections(), lives.len() as u64);
        let text = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Survival>(&text).unwrap(), &whole);
        let bytes = postcard::to_stdvec(&whole).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<Survival>(&bytes).unwrap(), &whole);
        if let Some(curve) = Curve::of(&whole) {
            let last = curve.points.last().map_or(1.0, |point| point.survival + point.incidence.iter().sum::<f64>());
            prop_assert!((last - 1.0).abs() < 1e-9);
            prop_assert!(curve.points.windows(2).all(|pair| pair[0].survival >= pair[1].survival));
        }
    }
}
