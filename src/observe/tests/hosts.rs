//! Several hosts on the screen, in lines and as JSON.

use super::script::{self, SECOND, boundary, did, recorded, second, stage, started};
use super::{json_of, lines_of, view_after};
use crate::engine::Event;
use crate::observe::terminal::{Size, frame};
use crate::observe::text::TextStyle;
use crate::plan::Plan;
use crate::record::{Counter, Entry, Gauge, HostId, HostPart, HostSample, Transition, WorkerFacts};
use std::sync::Arc;

/// Eleven seconds of so many hosts: the second starts late, the third says nothing, the last is
/// lost.
fn run_on(hosts: u16) -> (Plan, Vec<Event>) {
    let plan = script::plan(vec![script::web(vec![stage("only", 100, 100, 60)])]);
    let names = (1..=hosts).map(|number| format!("client{number}")).collect();
    let mut events = vec![
        started(&plan),
        recorded(Entry::StartSkew { bound_ns: 1_000, hosts: names }),
        boundary(0, Transition::Ramp(0), 0),
    ];
    for now in 0..11 {
        let [_, web] = did(now);
        let mut event = second(now, &[web]);
        if let Event::Recorded(entry) = &mut event
            && let Entry::Second(second) = Arc::make_mut(entry)
        {
            (second.parts, second.hosts) = (1..=hosts).map(|host| part(now, host, hosts)).unzip();
        }
        events.push(event);
    }
    let why = format!("host client{hosts} (slot 9): sent nothing for 10 s");
    let host = HostId::numbered(hosts);
    let at_ns = 10 * SECOND;
    events.push(recorded(Entry::WorkerLost { scenario: 0, worker: 0, host, at_ns, why }));
    let [_, web] = did(11);
    events.push(second(11, &[web]));
    (plan, events)
}

fn part(now: u32, number: u16, hosts: u16) -> (HostPart, HostSample) {
    let host = HostId::numbered(number);
    let lag_max_ns = if number == 2 { 30_000_000 } else { 1_000_000 };
    let workers = WorkerFacts { lag_max_ns, ..WorkerFacts::default() };
    let reporting = u32::from(number != 3) * 2;
    let mut part = HostPart { host, workers, reporting, at_work: 2, ..HostPart::default() };
    part.counters.add(Counter::Started, 1_000 / u64::from(hosts));
    part.counters.add(Counter::Ok, 990 / u64::from(hosts));
    part.counters.add(Counter::Failed, 10 / u64::from(hosts));
    part.gauges.set(Gauge::Users, 100 / u64::from(hosts));
    let at_ns = u64::from(now + 1) * SECOND;
    // A tenth of a processor for each.
    let own_cpu_ns = at_ns * u64::from(number) / 10;
    (part, HostSample { host, at_ns, own_cpu_ns, processors: 2, ..HostSample::default() })
}

fn drawn(hosts: u16, height: usize) -> String {
    let (plan, events) = run_on(hosts);
    let view = view_after(&plan, events.iter()).unwrap();
    let size = Size { height, width: 100 };
    let lines = frame(&view, 12 * SECOND, size, TextStyle::default());
    assert!(lines.len() < height, "{}", lines.len());
    let lines = lines.iter().map(|line| line.render(100, TextStyle::default()));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_host_has_a_line_the_worst_first_as_many_as_fit() {
    let pages = [drawn(4, 24), drawn(21, 24), drawn(21, 9)];
    insta::assert_snapshot!(pages.join("\n\n"));
}

#[test]
fn logs_have_the_hosts_in_one_line() {
    let (plan, events) = run_on(21);
    let lines = lines_of(&plan, &events, TextStyle::default());
    let hosts: Vec<&String> = lines.iter().filter(|line| line.contains(" hosts ")).collect();
    assert!(hosts[0].contains("hosts     client3: late, cpu 15%, lag 1.00 ms, "), "{hosts:?}");
    assert!(hosts[0].ends_with("; and 18 more"), "{hosts:?}");
}

#[test]
fn json_has_all_hosts() {
    let (plan, events) = run_on(4);
    let lines = json_of(&plan, &events);
    let last = lines.iter().rfind(|line| line.contains("\"progress\"")).unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    let hosts = last["hosts"].as_array().unwrap();
    let names: Vec<&str> = hosts.iter().map(|host| host["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["client4", "client3", "client2", "client1"]);
    assert_eq!(hosts[0]["state"], "lost");
    assert_eq!(hosts[2]["lag_max_ns"], 30_000_000);
    assert_eq!(hosts[3]["failure_ratio"], 2.0 / 249.0);
}
