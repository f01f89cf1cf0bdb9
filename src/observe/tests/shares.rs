//! Shares of processor time where workers are silent for a while.

use super::Followed;
use super::script::{self, SECOND, boundary, did, recorded, stage};
use crate::record::{Entry, ScenarioSecond, Second, Transition};
use std::collections::BTreeMap;

/// Two workers use 0.7 of a processor each. One of them is silent in seconds 2 to 4.
fn share_after(seconds: u32) -> Option<f64> {
    let plan = script::plan(vec![script::web(vec![stage("s", 100, 100, 60)])]);
    let mut run = Followed::new(&plan);
    run.follow(&script::started(&plan));
    let mut view = run.follow(&boundary(0, Transition::Ramp(0), 0)).0;
    for second in 0..seconds {
        let [_, web] = did(second);
        let silent = (2..5).contains(&second);
        let mut facts = ScenarioSecond { at_work: 2, ..web.facts(second) };
        let told = |second: u32| u64::from(second + 1) * SECOND / 10 * 7;
        facts.workers.cpu_ns = told(second) + told(if silent { 1 } else { second });
        facts.reporting = if silent { 1 } else { 2 };
        let scenarios = BTreeMap::from([(0, facts)]);
        let second = Second { second, scenarios, hosts: Vec::new(), parts: Vec::new() };
        view = run.follow(&recorded(Entry::Second(second))).0;
    }
    view.generator.cpu_ratio
}

#[test]
fn a_silent_worker_does_not_change_the_share_of_the_processor() {
    for seconds in [2, 6, 7] {
        let share = share_after(seconds).expect("all workers reported");
        assert!((share - 0.7).abs() < 1e-9, "after {seconds} s: {share}");
    }
    for seconds in [1, 3, 4, 5] {
        assert_eq!(share_after(seconds), None, "after {seconds} s");
    }
}
