//! Tests of the cost of connections while they are held.

use super::script::{self, Did, SECOND, boundary, hold, recorded, second, stage, started};
use super::{json_of, lines_of, view_after};
use crate::engine::Event;
use crate::observe::terminal::{Size, frame};
use crate::observe::text::TextStyle;
use crate::plan::{Phase, Plan};
use crate::record::{Counter, Entry, Gauge, HostSample, Transition, WorkerFacts};
use std::sync::Arc;

/// Two seconds of ramp to this many connections, then 20 seconds of hold; nothing was there before.
fn held(users: u64) -> (Plan, Vec<Event>) {
    let plan = script::plan(vec![hold(vec![stage("up", users, users / 2, 60)])]);
    let idle = WorkerFacts { rss_bytes: (128 << 20) - users * 64, ..WorkerFacts::default() };
    let baseline = HostSample {
        kernel_bytes: Some(10_000_000),
        workers: [(0, idle)].into(),
        ..HostSample::default()
    };
    let mut events = vec![
        started(&plan),
        recorded(Entry::Baseline(Box::new(baseline))),
        boundary(0, Transition::Ramp(0), 0),
    ];
    for now in 0..22_u32 {
        if now == 2 {
            events.push(boundary(0, Transition::Hold(0), 2 * SECOND));
        }
        let (part, fresh, beats) =
            if now < 2 { (Phase::Ramp, users / 2, 0) } else { (Phase::Hold, 0, users) };
        let open = users.min(u64::from(now + 1) * users / 2);
        let mut event = second(
            now,
            &[Did {
                phase: Some(part),
                counts: vec![
                    (Counter::Due, fresh),
                    (Counter::Started, fresh),
                    (Counter::ConnectAttempts, fresh),
                    (Counter::ConnectOk, fresh),
                    (Counter::HeartbeatReceived, beats),
                    (Counter::MessagesReceived, beats),
                ],
                gauges: vec![(Gauge::Open, open)],
                ..Did::default()
            }],
        );
        if let Event::Recorded(entry) = &mut event
            && let Entry::Second(second) = Arc::make_mut(entry)
        {
            let kernel_bytes = Some(10_000_000 + open * 8_330);
            second.hosts = vec![HostSample { kernel_bytes, ..HostSample::default() }];
        }
        events.push(event);
    }
    (plan, events)
}

#[test]
fn a_frame_has_a_line_for_it() {
    let draw = |users| {
        let (plan, events) = held(users);
        let view = view_after(&plan, events.iter()).unwrap();
        let size = Size { height: 24, width: 80 };
        let lines = frame(&view, 22 * SECOND, size, TextStyle::default());
        lines
            .iter()
            .map(|line| line.render(80, TextStyle::default()))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(draw(20_000));
    assert!(!draw(900).contains("a connection"), "pages weigh more than connections");
}

#[test]
fn lines_and_json_have_it() {
    let (plan, events) = held(20_000);
    let lines = lines_of(&plan, &events, TextStyle::default());
    let beat = lines.iter().rfind(|line| line.contains(" progress ")).unwrap();
    assert!(
        beat.contains("generator 64 B, kernel 8.13 KiB a connection, cpu 71.0 ms/1k"),
        "{beat}"
    );
    let json = json_of(&plan, &events);
    let beat = json.iter().rfind(|line| line.contains("\"progress\"")).unwrap();
    let beat: serde_json::Value = serde_json::from_str(beat).unwrap();
    let cost = &beat["scenarios"][0]["cost"];
    assert_eq!(cost["connections"], 20_000);
    assert_eq!(cost["generator.rss_bytes_per_connection"], 64.0);
    assert_eq!(cost["kernel_bytes_per_connection"], 8_330.0);
}
