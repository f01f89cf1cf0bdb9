//! Tests of the view as data.

use super::script::both;
use super::{Followed, view_after};
use crate::plan::{Overrides, Plan, Source};
use crate::verdict::Verdict;
use serde_json::Value;

#[test]
fn a_view_is_data_that_other_programs_can_draw() {
    let (plan, events) = both();
    let twenty = events.iter().position(|event| format!("{event:?}").contains("second: 20"));
    let view = view_after(&plan, events.iter().take(twenty.unwrap() + 1)).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&*view).unwrap());
}

#[test]
fn the_outline_names_scenarios_stages_and_conditions() {
    let (plan, events) = both();
    let view = view_after(&plan, events.iter().take(1)).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&*view.outline).unwrap());
}

#[test]
fn nothing_that_may_be_secret_is_in_a_view() {
    let text = "name = \"x\"\n[targets.t]\naddress = \"http://127.0.0.1:1/\"\n[scenarios.s]\n\
        protocol = \"http\"\nstages = [{ users = 1, hold = \"1s\" }]\n[[scenarios.s.requests]]\n\
        name = \"login\"\nmethod = \"POST\"\npath = \"/?token=hush\"\nbody = \"password=hush\"\n\
        headers = { Authorization = \"Bearer hush\" }\n";
    let source = Source { name: "x.toml".into(), text: text.into() };
    let plan = Plan::parse(&source, &Overrides::default(), &|_| None)
        .unwrap_or_else(|errors| panic!("{:?}", errors.iter().collect::<Vec<_>>()));
    let view = Followed::new(&plan).follow(&super::script::started(&plan)).0;
    let text =
        serde_json::to_string(&*view).unwrap() + &serde_json::to_string(&*view.outline).unwrap();
    assert!(text.contains("login") && !text.contains("hush"), "{text}");
}

#[test]
fn the_verdict_so_far_is_that_of_the_findings_and_rules() {
    let (plan, events) = both();
    let mut run = Followed::new(&plan);
    let verdicts: Vec<Option<Verdict>> =
        events.iter().map(|event| run.follow(event).0.verdict).collect();
    let mut changes = verdicts.clone();
    changes.dedup();
    let (fail, pass) = (Some(Verdict::Fail), Some(Verdict::Pass));
    assert_eq!(changes, [None, fail, pass, Some(Verdict::Invalid)]);
}

#[test]
fn a_view_has_the_log_with_the_latest_last() {
    let (plan, events) = both();
    let view = view_after(&plan, events.iter()).unwrap();
    let log = serde_json::to_value(&view.log).unwrap();
    let log: Vec<&Value> = log.as_array().unwrap().iter().collect();
    assert_eq!(log[0]["kind"], "started");
    assert_eq!(log.last().unwrap()["kind"], "finished");
    let times: Vec<u64> = log.iter().map(|one| one["at_ns"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}
