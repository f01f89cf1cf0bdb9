//! Runs that never took place, watched.

mod cost;
mod frames;
mod hosts;
mod script;
mod shares;
mod sparse;
mod view;
mod watched;

use super::json::JsonFormat;
use super::lines::{LineFormat, OutputLine};
use super::notification::Notification;
use super::observer::Follower;
use super::terminal::PermanentLines;
use super::text::TextStyle;
use super::view::View;
use crate::engine::Event;
use crate::plan::Plan;
use crate::record::Recording;
use crate::verdict::{Finding, ThresholdState};
use script::both;
use std::sync::Arc;

/// A run that is followed, with the facts that a coordinator would have.
struct Followed {
    follower: Follower,
    facts: Recording,
}

impl Followed {
    fn new(plan: &Plan) -> Self {
        Self {
            follower: Follower::new(plan, "results/x/1".into()),
            facts: Recording::new(plan.scenarios.len()),
        }
    }

    fn follow(&mut self, event: &Event) -> (Arc<View>, Vec<Notification>) {
        if let Event::Recorded(entry) = event {
            self.facts.add(entry);
        }
        self.follower.follow(event, &self.facts)
    }
}

/// The view after some events; before the first there is none.
fn view_after<'a>(plan: &Plan, events: impl Iterator<Item = &'a Event>) -> Option<Arc<View>> {
    let mut run = Followed::new(plan);
    events.map(|event| run.follow(event).0).last()
}

/// The words for `events`, as `say` writes them.
fn told(
    plan: &Plan,
    events: &[Event],
    mut say: impl FnMut(&View, u64, &Notification) -> Vec<OutputLine>,
) -> Vec<String> {
    let mut run = Followed::new(plan);
    let mut all = Vec::new();
    for event in events {
        let (view, news) = run.follow(event);
        for one in news {
            all.extend(say(&view, view.now_ns, &one).into_iter().map(|said| said.text));
        }
    }
    all
}

fn lines_of(plan: &Plan, events: &[Event], look: TextStyle) -> Vec<String> {
    let mut lines = LineFormat::new(look);
    told(plan, events, |view, now_ns, news| lines.tell(view, now_ns, news))
}

fn json_of(plan: &Plan, events: &[Event]) -> Vec<String> {
    told(plan, events, |view, now_ns, news| vec![JsonFormat::tell(view, now_ns, news)])
}

#[test]
fn lines_tell_the_run() {
    let (plan, events) = both();
    insta::assert_snapshot!(lines_of(&plan, &events, TextStyle::default()).join("\n"));
}

#[test]
fn a_threshold_that_no_sample_reaches_is_broken_and_does_not_hold_again() {
    let (plan, mut events) = both();
    events.truncate(4);
    let unreached = ThresholdState::Unreached { needed: 368, failed: 400 };
    let found = script::finding(0, 0, unreached, 0.0);
    events.push(script::judged(vec![Finding { value: None, samples: 0, ..found }]));
    let mut bar = PermanentLines::new(TextStyle::default());
    let mut shown = Vec::new();
    told(&plan, &events, |view, now_ns, news| {
        shown.extend(bar.tell(view, now_ns, 200, news));
        Vec::new()
    });
    for last in [lines_of(&plan, &events, TextStyle::default()).pop(), shown.pop()] {
        let last = last.unwrap();
        assert!(last.contains("broken: "), "{last}");
        assert!(last.ends_with("(no samples, 400 failed)"), "{last}");
    }
}

#[test]
fn lines_in_ascii_are_ascii() {
    let (plan, events) = both();
    let lines = lines_of(&plan, &events, TextStyle { ascii: true, colour: false });
    assert!(lines.iter().all(|line| line.is_ascii()));
}

#[test]
fn every_line_has_its_time_and_nothing_that_steers() {
    let (plan, events) = both();
    for line in lines_of(&plan, &events, TextStyle::default()) {
        assert!(line.chars().all(crate::units::is_printable), "{line}");
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), 7, "{line}");
        assert!(rest.chars().next().unwrap().is_ascii_lowercase(), "{line}");
    }
}

#[test]
fn the_lines_that_stay_on_a_terminal() {
    let (plan, events) = both();
    let mut bar = PermanentLines::new(TextStyle::default());
    let staying = told(&plan, &events, |view, now_ns, news| {
        let lines = bar.tell(view, now_ns, 80, news).into_iter();
        lines.map(|text| OutputLine { text, beat: false }).collect()
    });
    let version = env!("CARGO_PKG_VERSION");
    insta::assert_snapshot!(staying.join("\n").replacen(version, "VERSION", 1));
}

#[test]
fn json_is_an_object_a_line_with_the_schema_in_the_first() {
    let (plan, events) = both();
    let lines = json_of(&plan, &events);
    let objects: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0]["schema"], "planrun.progress/1");
    assert!(objects[1..].iter().all(|object| object.get("schema").is_none()));
    assert!(lines.iter().all(|line| line.chars().all(crate::units::is_printable)));
    let at = |object: &serde_json::Value| object["at_ns"].as_u64().unwrap();
    assert!(objects.windows(2).all(|pair| at(&pair[0]) <= at(&pair[1])));
    let of = |event: &str| objects.iter().filter(|object| object["event"] == event).count();
    assert_eq!(
        (of("progress"), of("first_failure"), of("worker_lost"), of("threshold")),
        (23, 1, 1, 2)
    );
    assert_eq!((of("stage_over"), of("stopping"), of("stopped"), of("finished")), (3, 1, 1, 1));
    let sample = objects.iter().find(|object| object["event"] == "first_failure").unwrap();
    assert_eq!(sample["sample"], "connection 17 to 127.0.0.1:8080\x1b[2J\u{202e}");
}

#[test]
fn json_heartbeats_carry_what_was_measured() {
    let (plan, events) = both();
    let lines = json_of(&plan, &events);
    let mut beats = lines.iter().filter(|line| line.contains("\"progress\""));
    let beat = beats.nth(19).unwrap();
    let beat: serde_json::Value = serde_json::from_str(beat).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&beat).unwrap());
}
