//! Scenarios for tests.

use super::Schedule;
use crate::plan::{
    Close, Endpoint, Generator, HoldSettings, Http, Level, Plan, Protocol, Ramp, Scenario, Stage,
    StartAfter, Target, ThinkTime,
};
use crate::units::Time;
use std::time::Duration;

pub(crate) fn time(ms: u64) -> Time {
    Time(Duration::from_millis(ms))
}

pub(crate) fn scenario(protocol: Protocol, levels: &[(Level, u64)]) -> Scenario {
    let stages = levels.iter().enumerate().map(|(i, (level, hold_ms))| Stage {
        name: (i + 1).to_string(),
        level: *level,
        hold: time(*hold_ms),
        warmup: false,
        work: None,
    });
    Scenario {
        name: "s".into(),
        target: 0,
        start_after: StartAfter::Delay(time(0)),
        protocol,
        stages: stages.collect(),
        thresholds: Vec::new(),
    }
}

pub(crate) fn hold() -> Protocol {
    Protocol::Hold(HoldSettings {
        expect: None,
        greeting: None,
        heartbeat: None,
        connect_timeout: time(10_000),
        close: Close::Fin,
        churn: crate::plan::Churn::default(),
        ..HoldSettings::default()
    })
}

pub(crate) fn http() -> Protocol {
    Protocol::Http(Http {
        requests: Vec::new(),
        think_time: ThinkTime::default(),
        timeout: time(30_000),
        connect_timeout: time(10_000),
        first_byte_timeout: time(30_000),
        max_in_flight: 1_000,
        ..Http::default()
    })
}

/// A plan of one scenario.
pub(crate) fn plan(scenario: Scenario) -> Plan {
    Plan {
        monitors: Vec::new(),
        name: "test".into(),
        description: None,
        seed: 1,
        targets: vec![Target {
            name: "t".into(),
            shown: Vec::new(),
            endpoint: Endpoint::Hosts(Vec::new()),
            tls: None,
            proxy_protocol: None,
            proxy: None,
            resolve: Vec::new(),
            dns: None,
            probe: true,
        }],
        scenarios: vec![scenario],
        generator: Generator::default(),
        search: None,
        repeat: None,
        compare: None,
        baseline: None,
    }
}

/// Held connections, all opened as fast as the machine can.
pub(crate) fn unpaced(users: u64) -> Schedule {
    Schedule::new(&plan(scenario(hold(), &[(Level::Users { users, ramp: Ramp::Unpaced }, 1_000)])))
}
