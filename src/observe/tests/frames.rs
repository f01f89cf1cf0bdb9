//! The lines that move, as text.

use super::script::{self, SECOND, both, boundary, did, second, stage};
use super::view_after;
use crate::engine::Event;
use crate::observe::terminal::{Size, frame};
use crate::observe::text::TextStyle;
use crate::plan::{Level, Plan, Ramp, StartAfter};
use crate::record::{Entry, Transition};
use crate::units::Rate;

const SMALL: Size = Size { height: 24, width: 80 };
const LARGE: Size = Size { height: 40, width: 120 };

fn at(plan: &Plan, events: &[Event], now_ns: u64, size: Size, look: TextStyle) -> String {
    let early = |event: &&Event| match event {
        Event::Recorded(entry) => match &**entry {
            Entry::Second(second) => (u64::from(second.second) + 1) * SECOND <= now_ns,
            Entry::Transition(boundary) => boundary.at_ns <= now_ns,
            _ => true,
        },
        _ => true,
    };
    let view = view_after(plan, events.iter().take_while(early));
    let lines = view.map_or_else(Vec::new, |view| frame(&view, now_ns, size, look));
    assert!(lines.len() <= 10.min(size.height), "{}", lines.len());
    let lines: Vec<String> = lines.iter().map(|line| line.render(size.width, look)).collect();
    for line in &lines {
        assert!(console::measure_text_width(line) <= size.width, "{line}");
    }
    lines.join("\n")
}

fn one() -> (Plan, Vec<Event>) {
    let (mut plan, _) = both();
    plan.scenarios.remove(0);
    plan.scenarios[0].stages = vec![
        stage("10k", 10_000, 10_000, 10),
        stage("15k", 15_000, 10_000, 30),
        stage("20k", 20_000, 10_000, 30),
    ];
    let mut events = vec![
        script::started(&plan),
        boundary(0, Transition::Ramp(0), 0),
        boundary(0, Transition::Hold(0), SECOND),
    ];
    for now in 0..20 {
        if now == 11 {
            events.push(boundary(0, Transition::Ramp(1), 11 * SECOND));
            events.push(boundary(0, Transition::Hold(1), 11 * SECOND + SECOND / 2));
        }
        let [_, web] = did(now);
        events.push(second(now, &[web]));
    }
    (plan, events)
}

#[test]
fn nothing_before_the_start() {
    let (plan, _) = one();
    assert_eq!(at(&plan, &[], 0, SMALL, TextStyle::default()), "");
}

#[test]
fn one_scenario_in_its_second_stage() {
    let (plan, mut events) = one();
    events.insert(
        1,
        both()
            .1
            .into_iter()
            .rfind(|event| matches!(event, Event::Judged { .. }))
            .map(|event| match event {
                Event::Judged { findings, .. } => script::judged(
                    findings
                        .into_iter()
                        .filter(|one| one.scenario == 1)
                        .map(|one| crate::verdict::Finding { scenario: 0, ..one })
                        .collect(),
                ),
                other => other,
            })
            .unwrap(),
    );
    let now = 17 * SECOND + 300_000_000;
    let small = at(&plan, &events, now, SMALL, TextStyle::default());
    let large = at(&plan, &events, now, LARGE, TextStyle::default());
    let ascii = at(&plan, &events, now, SMALL, TextStyle { ascii: true, colour: false });
    let tiny = at(&plan, &events, now, Size { height: 6, width: 40 }, TextStyle::default());
    assert!(ascii.is_ascii());
    insta::assert_snapshot!(format!("{small}\n\n{large}\n\n{ascii}\n\n{tiny}"));
}

#[test]
fn two_scenarios_ramping_holding_and_stopping() {
    let (plan, events) = both();
    let frames =
        [7, 16, 22].map(|now| at(&plan, &events, now * SECOND, SMALL, TextStyle::default()));
    insta::assert_snapshot!(frames.join("\n\n"));
}

#[test]
fn many_scenarios_get_a_line_each() {
    let scenario = |number: usize| {
        let mut web = script::web(vec![stage("only", 100, 100, 60)]);
        web.name = format!("web-{number}");
        web
    };
    let plan = script::plan((0..12).map(scenario).collect());
    let mut events = vec![script::started(&plan)];
    events.extend((0..12).map(|of| boundary(of, Transition::Ramp(0), 0)));
    let [_, web] = did(0);
    events.extend((0..20).map(|now| second(now, &vec![web.clone(); 12])));
    insta::assert_snapshot!(at(&plan, &events, 20 * SECOND, SMALL, TextStyle::default()));
}

#[test]
fn an_open_stage_against_its_plan_and_a_scenario_that_waits() {
    let (mut plan, _) = both();
    plan.scenarios.swap(0, 1);
    plan.scenarios[0].stages[0].level = Level::Rate {
        rate: Rate::per_second(16_000),
        ramp: script::seconds(10),
        spacing: crate::plan::Spacing::Constant,
    };
    plan.scenarios[1].start_after = StartAfter::Hold;
    let mut events = vec![script::started(&plan), boundary(0, Transition::Ramp(0), 0)];
    for now in 0..8 {
        let [_, web] = did(0);
        events.push(second(now, &[web]));
    }
    insta::assert_snapshot!(at(
        &plan,
        &events,
        7 * SECOND + 500_000_000,
        SMALL,
        TextStyle::default()
    ));
}

#[test]
fn an_unpaced_ramp_goes_by_those_that_are_there() {
    let mut only = script::hold(vec![stage("all", 40_000, 1, 60)]);
    only.stages[0].level = Level::Users { users: 40_000, ramp: Ramp::Unpaced };
    let plan = script::plan(vec![only]);
    let mut events = vec![script::started(&plan), boundary(0, Transition::Ramp(0), 0)];
    events.extend((0..10).map(|now| second(now, &did(now)[..1])));
    insta::assert_snapshot!(at(&plan, &events, 5 * SECOND, SMALL, TextStyle::default()));
}
