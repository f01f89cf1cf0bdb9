//! A scenario at full speed against a built-in server that answers at once: the load that this
//! machine can generate.

use crate::plan::{
    Builtin, Certificate, Churn, Close, Endpoint, Faults, Generator, HoldSettings, Http,
    HttpServer, Level, OnInvalid, Plan, Protocol, Ramp, RowOrder, Scenario, Stage, StartAfter,
    Target, TcpHoldServer, ThinkTime, Tls, WebSocketServer,
};
use crate::units::Time;
use std::time::Duration;

/// Users of http: enough that a processor always has something to send.
const USERS: u64 = 64;

/// How long requests are sent.
const SENDING: Time = Time(Duration::from_secs(2));

impl Plan {
    /// One scenario of this plan without pauses, checks and reconnects, against a built-in server
    /// in place of its target: http sends requests for two seconds, others open `connections` and
    /// close them.
    #[must_use]
    pub fn against_null_target(&self, scenario: usize, connections: u64) -> Self {
        let of = &self.scenarios[scenario];
        let target = self.target(of);
        let certificate = secured(target).then_some(Certificate::Own);
        let (protocol, server, users, hold) = match &of.protocol {
            Protocol::Http(http) => {
                let server = HttpServer {
                    body: "ok".to_owned(),
                    tls: certificate,
                    faults: Faults::default(),
                };
                (Protocol::Http(busy(http)), Builtin::Http(server), USERS, SENDING)
            }
            Protocol::Hold(hold) => {
                let server = Builtin::TcpHold(silent_server(hold, certificate));
                (Protocol::Hold(only_open(hold)), server, connections, Time::default())
            }
        };
        let tls = secured(target).then(|| Tls {
            resumes: target.tls.as_ref().is_none_or(|tls| tls.resumes),
            ..Tls::default()
        });
        let level = Level::Users { users, ramp: Ramp::Unpaced };
        Self {
            targets: vec![Target {
                name: target.name.clone(),
                endpoint: Endpoint::Builtin(server),
                shown: Vec::new(),
                tls,
                // Nothing of the path is measured.
                proxy_protocol: None,
                proxy: None,
                resolve: Vec::new(),
                dns: None,
                probe: false,
            }],
            scenarios: vec![Scenario {
                name: of.name.clone(),
                target: 0,
                start_after: StartAfter::Delay(Time::default()),
                protocol,
                stages: vec![Stage {
                    name: "1".to_owned(),
                    level,
                    hold,
                    warmup: false,
                    work: None,
                }],
                thresholds: Vec::new(),
            }],
            monitors: Vec::new(),
            generator: Generator {
                workers: self.generator.workers,
                on_invalid: OnInvalid::Continue,
                ..Generator::default()
            },
            search: None,
            repeat: None,
            compare: None,
            baseline: None,
            ..self.clone()
        }
    }
}

/// Whether connections to a target are secured.
fn secured(target: &Target) -> bool {
    let by_scheme = match &target.endpoint {
        Endpoint::Urls(urls) => urls.iter().any(|url| url.is_secure),
        Endpoint::Hosts(_) | Endpoint::Builtin(_) => false,
    };
    target.tls.is_some() || by_scheme
}

fn busy(http: &Http) -> Http {
    let mut busy = http.clone();
    busy.think_time = ThinkTime::default();
    busy.within.clear();
    (busy.proxy, busy.tunnels) = (None, false);
    for request in &mut busy.requests {
        request.think_time = None;
        request.checks.clear();
    }
    // Rows must not run out.
    if let Some(data) = busy.data.as_mut().filter(|data| data.order == RowOrder::Unique) {
        data.order = RowOrder::Sequential;
    }
    busy
}

fn only_open(hold: &HoldSettings) -> HoldSettings {
    HoldSettings {
        opening: None,
        expect: None,
        greeting: None,
        heartbeat: None,
        send_every: None,
        // Ports of connections that end by FIN would be taken for a minute.
        close: Close::Rst,
        churn: Churn::default(),
        ..hold.clone()
    }
}

fn silent_server(hold: &HoldSettings, tls: Option<Certificate>) -> TcpHoldServer {
    let websocket = hold.websocket.as_ref().map(|websocket| WebSocketServer {
        subprotocol: websocket.subprotocols.first().cloned(),
        pings: false,
    });
    TcpHoldServer {
        message: b"ok".to_vec(),
        greet: false,
        every: None,
        reply_to: None,
        tls,
        faults: Faults::default(),
        websocket,
    }
}
