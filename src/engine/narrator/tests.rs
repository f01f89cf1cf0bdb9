//! Tests of events with entries of runs that never took place.

use super::*;
use crate::machine::MachineLimits;
use crate::plan::{Overrides, Phase, Source};
use crate::record::{
    Cell, CellKey, Counter, Failure, FailureStage, ScenarioSecond, StageTransition,
};

fn plan(more: &str) -> Plan {
    let text = format!(
        "name = \"narrated\"\n[targets.t]\naddress = \"http://127.0.0.1:1/\"\n[scenarios.web]\n\
         protocol = \"http\"\ntarget = \"t\"\nrequests = [{{ path = \"/\" }}]\n\
         stages = [{{ users = 10, spawn_rate = \"10/s\", hold = \"60s\" }}]\n{more}\n"
    );
    let source = Source { name: "narrated.toml".into(), text };
    Plan::parse(&source, &Overrides::default(), &|_| None).expect("a plan")
}

const REFUSED: Cause = Cause { failure: Failure::Refused, at: FailureStage::Connect, code: 111 };

fn second(number: u32, counts: &[(Counter, u64)], failures: u64) -> Entry {
    let mut cell = Cell::default();
    for (counter, amount) in counts {
        cell.counters.add(*counter, *amount);
    }
    let at_ns = u64::from(number) * SECOND_NS;
    (0..failures).for_each(|_| cell.add_failure(REFUSED, at_ns, || "a sample".to_owned()));
    let key = CellKey { stage: 0, phase: Phase::Hold };
    let facts = ScenarioSecond { cells: vec![(key, cell)], reporting: 1, ..Default::default() };
    Entry::Second(Second {
        second: number,
        scenarios: [(0, facts)].into(),
        hosts: Vec::new(),
        parts: Vec::new(),
    })
}

fn began() -> Vec<Entry> {
    let mark =
        |transition| Entry::Transition(StageTransition { scenario: 0, transition, at_ns: 0 });
    vec![Entry::Baseline(Box::default()), mark(Transition::Ramp(0)), mark(Transition::Hold(0))]
}

/// The events of a run but its recorded facts.
fn told(plan: &Plan, entries: &[Entry]) -> Vec<Event> {
    let mut narrator = Narrator::new(plan);
    let events = entries.iter().flat_map(|entry| narrator.narrate(entry.clone()));
    events.filter(|event| !matches!(event, Event::Recorded(_))).collect()
}

fn of_kind(events: &[Event], kind: fn(&Event) -> bool) -> Vec<&Event> {
    events.iter().filter(|event| kind(event)).collect()
}

#[test]
fn a_cause_of_failure_is_told_once_and_every_second_is_judged() {
    let plan = plan("");
    let started = [(Counter::Due, 10), (Counter::Started, 10), (Counter::Failed, 2)];
    let mut entries = began();
    entries.extend((0..5).map(|number| second(number, &started, 2)));
    let events = told(&plan, &entries);
    let first = of_kind(&events, |event| matches!(event, Event::FirstFailure { .. }));
    let [Event::FirstFailure { scenario: 0, cause: REFUSED, at_ns: 0, sample }] = first[..] else {
        panic!("{events:?}");
    };
    assert_eq!(sample, "a sample");
    assert_eq!(of_kind(&events, |event| matches!(event, Event::Judged { .. })).len(), 5);
}

#[test]
fn a_root_cause_is_told_once_it_was_found_twice_or_at_the_end() {
    let plan = plan("");
    let diagnosed = |second: u32, count: u64| {
        let failures = [(REFUSED, count)];
        let mut recording = Recording::new(1);
        let cell = recording.scenarios[0].cells.entry(CellKey { stage: 0, phase: Phase::Hold });
        let cell = cell.or_default();
        (0..failures[0].1).for_each(|_| cell.add_failure(REFUSED, 0, String::new));
        let limits = MachineLimits::default();
        let diagnoses = crate::machine::diagnose_scenario(&plan, &recording, 0, &limits, None);
        assert_eq!(diagnoses[0].root_cause, RootCause::Refused);
        Entry::Diagnosed { scenario: 0, at_ns: u64::from(second) * SECOND_NS, diagnoses }
    };
    let is_diagnosed: fn(&Event) -> bool = |event| matches!(event, Event::Diagnosed { .. });
    let once = told(&plan, &[diagnosed(1, 3)]);
    assert_eq!(of_kind(&once, is_diagnosed).len(), 0, "the first failures may mislead");
    let thrice = told(&plan, &[diagnosed(1, 3), diagnosed(2, 7), diagnosed(3, 9)]);
    let [Event::Diagnosed { scenario: 0, at_ns, diagnosis }] = of_kind(&thrice, is_diagnosed)[..]
    else {
        panic!("{thrice:?}");
    };
    assert_eq!((*at_ns, diagnosis.count), (2 * SECOND_NS, 7));
    let stopped = Entry::Stopped { at_ns: 5 * SECOND_NS, reason: StopReason::Completed };
    let at_end = told(&plan, &[diagnosed(1, 3), stopped]);
    assert_eq!(of_kind(&at_end, is_diagnosed).len(), 1);
}

#[test]
fn a_broken_threshold_with_abort_asks_for_the_end_once() {
    let plan = plan(
        "thresholds = [{ condition = \"failure_ratio < 10%\", abort = true, grace = \"3s\" }]",
    );
    let counts = [(Counter::Due, 10), (Counter::Started, 10), (Counter::Failed, 10)];
    let mut entries = began();
    entries.extend((0..6).map(|number| second(number, &counts, 10)));
    let mut narrator = Narrator::new(&plan);
    let mut asked = Vec::new();
    for entry in entries {
        let at = narrator.recording().seconds;
        let events = narrator.narrate(entry);
        asked.extend(events.into_iter().filter_map(|event| match event {
            Event::Stopping { reason, at_once: false } => Some((at + 1, reason)),
            _ => None,
        }));
    }
    let reason = StopReason::Aborted { scenario: 0, threshold: 0 };
    assert_eq!(asked, [(3, reason)], "with the second in which its grace ends");
}

#[test]
fn a_run_that_can_only_be_invalid_is_given_up_ten_seconds_later_unless_the_plan_goes_on() {
    let given_up = |more: &str| {
        let plan = plan(more);
        let counts = [(Counter::Due, 10), (Counter::Started, 9), (Counter::Dropped, 1)];
        let mut entries = began();
        entries.extend((0..20).map(|number| second(number, &counts, 0)));
        let events = told(&plan, &entries);
        let judged = events.iter().scan(0, |seconds, event| {
            *seconds += u32::from(matches!(event, Event::Judged { .. }));
            Some((*seconds, event))
        });
        let mut stops = judged.filter(|(_, event)| matches!(event, Event::Stopping { .. }));
        let stop = stops.next().map(|(seconds, event)| (seconds, event.clone()));
        assert!(stops.next().is_none());
        stop
    };
    let reason = StopReason::BeyondRepair { rule: "dropped".into() };
    assert_eq!(given_up(""), Some((11, Event::Stopping { reason, at_once: false })));
    assert_eq!(given_up("[generator]\non_invalid = \"continue\""), None);
}

#[test]
fn events_can_be_serialised() {
    let plan = plan("");
    let counts = [(Counter::Due, 10), (Counter::Started, 10), (Counter::Failed, 2)];
    let mut entries = began();
    entries.push(second(0, &counts, 2));
    entries.push(Entry::Stopped { at_ns: SECOND_NS, reason: StopReason::Completed });
    let mut events = told(&plan, &entries);
    let verdict = Narrator::new(&plan).judgement();
    events.push(Event::Finished { verdict, servers: Vec::new() });
    let objects: Vec<serde_json::Value> =
        events.iter().map(|event| serde_json::to_value(event).expect("an object")).collect();
    assert_eq!(objects[0]["first_failure"]["cause"]["failure"], "refused");
    assert_eq!(objects.last().expect("the last")["finished"]["verdict"]["verdict"], "INVALID");
}
