//! Two typical plans, by which `doctor` without a plan rates a machine: a million held connections,
//! with both ends here and with one.
//!
//! **Invariant:** nothing is ever sent by these plans; only the rows of their preflight are looked
//! at.

use crate::plan::{
    Builtin, Close, Endpoint, Faults, Generator, Heartbeat, HoldSettings, HostPort, Level, Plan,
    Protocol, Ramp, Scenario, Stage, StartAfter, Target, TcpHoldServer,
};
use crate::units::Time;
use std::time::Duration;

/// How many connections are asked about; the reach does not depend on it, but for whole processes.
const CONNECTIONS: u64 = 1_000_000;

/// Holds connections to a server on this machine.
pub fn both_ends_here() -> Plan {
    let server = TcpHoldServer {
        message: b"ok".to_vec(),
        greet: true,
        every: Some(minute()),
        reply_to: None,
        tls: None,
        faults: Faults::default(),
        websocket: None,
    };
    held(Endpoint::Builtin(Builtin::TcpHold(server)))
}

/// Holds connections to one address elsewhere, from one source; the address is one that
/// documentation uses.
pub fn one_end_here() -> Plan {
    held(Endpoint::Hosts(vec![HostPort { host: "192.0.2.1".to_owned(), port: 80 }]))
}

fn minute() -> Time {
    Time(Duration::from_mins(1))
}

fn held(endpoint: Endpoint) -> Plan {
    let protocol = HoldSettings {
        expect: Some("ok".into()),
        greeting: Some(minute()),
        heartbeat: Some(Heartbeat::Server { every: minute(), grace: minute() }),
        connect_timeout: Time(Duration::from_secs(10)),
        close: Close::Rst,
        churn: crate::plan::Churn::default(),
        ..HoldSettings::default()
    };
    let level = Level::Users { users: CONNECTIONS, ramp: Ramp::Unpaced };
    let scenario = Scenario {
        name: "hold".to_owned(),
        target: 0,
        start_after: StartAfter::Delay(Time::default()),
        protocol: Protocol::Hold(protocol),
        stages: vec![Stage {
            name: "1".to_owned(),
            level,
            hold: minute(),
            warmup: false,
            work: None,
        }],
        thresholds: Vec::new(),
    };
    Plan {
        name: "this machine".to_owned(),
        description: None,
        seed: 42,
        targets: vec![Target {
            name: "target".to_owned(),
            shown: Vec::new(),
            endpoint,
            tls: None,
            proxy_protocol: None,
            proxy: None,
            resolve: Vec::new(),
            dns: None,
            probe: true,
        }],
        scenarios: vec![scenario],
        monitors: Vec::new(),
        generator: Generator::default(),
        search: None,
        repeat: None,
        compare: None,
        baseline: None,
    }
}
