//! Eight hours of a run in under 100 KiB, however it goes.

use super::script::{self, SECOND, boundary, did, finding, recorded, second, stage};
use super::{json_of, lines_of};
use crate::engine::Event;
use crate::observe::text::TextStyle;
use crate::plan::Plan;
use crate::record::{Cause, Entry, Failure, FailureStage, StopReason, Transition};
use crate::verdict::{Judgement, ThresholdState, Verdict};

const EIGHT_HOURS: u32 = 28_800;

/// Eight hours of `scenarios` scenarios; `more` adds what goes wrong in a second.
fn eight_hours(scenarios: u16, more: impl Fn(u32) -> Vec<Event>) -> (Plan, Vec<Event>) {
    let scenario = |number: u16| {
        let mut web = script::web(vec![stage("all day", 100, 100, 28_799)]);
        web.name = format!("scenario-with-quite-a-long-name-{number}");
        web
    };
    let plan = script::plan((0..scenarios).map(scenario).collect());
    let mut events = vec![script::started(&plan)];
    events.extend((0..scenarios).map(|of| boundary(of, Transition::Ramp(0), 0)));
    events.extend((0..scenarios).map(|of| boundary(of, Transition::Hold(0), SECOND)));
    let [_, mut web] = did(6);
    // Histograms make no difference to lengths and all of it to the time that this takes.
    web.time = None;
    for now in 0..EIGHT_HOURS {
        events.push(second(now, &vec![web.clone(); usize::from(scenarios)]));
        events.extend(more(now));
    }
    let verdict = Judgement {
        verdict: Verdict::Fail,
        findings: Vec::new(),
        breaches: Vec::new(),
        health: Vec::new(),
    };
    events.push(recorded(Entry::Stopped {
        at_ns: u64::from(EIGHT_HOURS) * SECOND,
        reason: StopReason::Completed,
    }));
    events.push(Event::Finished { verdict, servers: Vec::new() });
    (plan, events)
}

fn bytes(lines: &[String]) -> usize {
    lines.iter().map(|line| line.len() + 1).sum()
}

/// Thresholds that flap every second, a new cause every second, a worker lost every minute.
fn everything_wrong(now: u32) -> Vec<Event> {
    let at_ns = u64::from(now) * SECOND;
    let state = if now.is_multiple_of(2) { ThresholdState::Broken } else { ThresholdState::Held };
    let code = i32::try_from(now).unwrap();
    let mut events = vec![
        script::judged(vec![finding(0, 0, state, 0.0011), finding(0, 1, state, 2e8)]),
        Event::FirstFailure {
            scenario: 0,
            cause: Cause { failure: Failure::Status, at: FailureStage::Request, code },
            at_ns,
            sample: "\x1b".repeat(10_000),
        },
    ];
    if now.is_multiple_of(60) {
        let why = "no word for 4 s".repeat(100);
        let worker = u16::try_from(now / 60).unwrap();
        events.push(recorded(Entry::WorkerLost {
            scenario: 0,
            worker,
            host: crate::record::HostId::COORDINATOR,
            at_ns,
            why,
        }));
    }
    events
}

#[test]
fn a_quiet_run() {
    let (plan, events) = eight_hours(1, |_| Vec::new());
    let lines = lines_of(&plan, &events, TextStyle::default());
    assert!(lines.len() > 505, "{}", lines.len());
    assert!(bytes(&lines) < 100 * 1_024, "{}", bytes(&lines));
    let beats = |text: &[String]| text.iter().filter(|line| line.contains("progress")).count();
    assert_eq!(beats(&lines), 505);
    let progress = r#""event":"progress""#;
    let json = json_of(&plan, &events);
    let seconds = json.iter().filter(|line| line.contains(progress)).count();
    assert_eq!(seconds, EIGHT_HOURS as usize, "JSON leaves out nothing");
}

#[test]
fn a_run_in_which_everything_goes_wrong_all_the_time() {
    let (plan, events) = eight_hours(1, everything_wrong);
    let lines = lines_of(&plan, &events, TextStyle::default());
    assert!(bytes(&lines) < 100 * 1_024, "{}", bytes(&lines));
    assert!(lines.iter().filter(|line| line.contains(" threshold ")).count() >= 12);
    assert!(
        lines.iter().any(|line| line.contains("lines suppressed")),
        "it says what it does not say"
    );
    assert!(lines.last().unwrap().contains("finished"), "the end is always told");
}

#[test]
fn a_run_of_many_scenarios() {
    let (plan, events) = eight_hours(6, everything_wrong);
    let lines = lines_of(&plan, &events, TextStyle::default());
    assert!(bytes(&lines) < 100 * 1_024, "{}", bytes(&lines));
    for number in 0..6 {
        let name = format!("long-name-{number}/all day");
        assert!(
            lines.iter().any(|line| line.contains("progress") && line.contains(&name)),
            "{name}"
        );
    }
}
