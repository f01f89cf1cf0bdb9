//! One pass of a scenario, seen exchange by exchange: by the worker, the templates, the parser and
//! the connections of a run, under a host that takes notes.
//!
//! **Invariant:** nothing is sent here that a run does not send. What a run adds is time: think
//! times are left out, and so are weights: each request is sent once.

mod frames;

pub(super) use frames::messages;
pub use frames::{HoldMessage, MessageKind};

use super::Link;
use super::hold::one_connection;
use super::http::one_pass;
use super::load::Load;
use super::manifest::WorkerManifest;
use super::rows::RowSource;
use super::wire::Assignment;
use super::worker_process::{websocket, writer};
use crate::plan::{
    Churn, Level, OnFailure, Plan, Protocol, Ramp, RowOrder, Stage, StartAfter, ThinkTime,
};
use crate::record::Cause;
use crate::schedule::Partition;
use crate::units::Time;
use crate::workload::hold::dialogue::TcpDialogue;
use crate::workload::hold::raw::RawTcp;
use crate::workload::hold::websocket::WebSocketClient;
use crate::workload::http::{CapturedResponse, RequestSetError, SentRequest};
use nix::unistd::pipe;
use std::io;
use std::os::fd::OwnedFd;

/// How much is kept of the body of a response: bytes.
pub(super) const MOST_BODY: usize = 1 << 20;

/// Why a pass could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The kernel refuses what is needed.
    #[error("cannot try the scenario: {0}")]
    Io(#[from] io::Error),
    /// A request cannot be built from the plan's data.
    #[error(transparent)]
    Request(#[from] RequestSetError),
    /// Something that the scenario needs cannot be prepared.
    #[error("cannot try the scenario: {0}")]
    Prepare(String),
}

/// A connection that was opened for an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenedConnection {
    /// Its address.
    pub to: String,
    /// How long it took to open, without TLS.
    pub connect_ns: Option<u64>,
    /// How long a forward proxy took to open the tunnel; `None`: there is none.
    pub proxy_ns: Option<u64>,
    /// How long its TLS handshake took; `None` without TLS.
    pub tls_ns: Option<u64>,
    /// Whether it went on with an earlier session.
    pub is_resumed: bool,
}

/// The end of an attempt, which one or more exchanges belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialEnd {
    /// The error in words; `None`: it succeeded.
    pub error: Option<String>,
    /// The checks that do not hold, as bits by their place in the request; `None` without a whole
    /// response.
    pub failed_checks: Option<u64>,
}

/// One request and its response. Times are on one clock, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpExchange {
    /// Which request: an index into those of the plan.
    pub request: usize,
    /// The connection that was opened for it; `None`: it went over one that was open.
    pub connection: Option<OpenedConnection>,
    /// The request; `None`: nothing was sent.
    pub sent: Option<SentRequest>,
    /// When.
    pub sent_ns: u64,
    /// The response, as far as it arrived.
    pub response: Option<CapturedResponse>,
    /// When its first byte came.
    pub first_byte_ns: Option<u64>,
    /// When its last byte came, or the failure.
    pub ended_ns: Option<u64>,
    /// Names and values that were extracted from it.
    pub extracted: Vec<(String, String)>,
    /// Other events: cookies that were not kept, a redirect that is followed.
    pub notes: Vec<String>,
    /// The error of this exchange, if another one follows for the same attempt.
    pub error: Option<String>,
    /// How the attempt ended with it; `None`: another exchange follows.
    pub end: Option<TrialEnd>,
}

impl HttpExchange {
    /// Whether neither its attempt nor it itself has ended.
    pub(super) fn is_in_progress(&self) -> bool {
        self.end.is_none()
    }
}

/// A held connection: its opening and its first messages. Times are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HoldTrial {
    /// Its address.
    pub to: String,
    /// How long it took to open, without TLS; `None`: it did not.
    pub connect_ns: Option<u64>,
    /// How long its TLS handshake took; `None` without TLS.
    pub tls_ns: Option<u64>,
    /// When it began to open.
    pub began_ns: u64,
    /// How long it took until it counted as open: with TLS and the handshake of a WebSocket.
    pub open_ns: Option<u64>,
    /// Whether the plan expects messages.
    pub expects: bool,
    /// Whether the first of them came as expected, and the reply to the heartbeat.
    pub is_answered: bool,
    /// Whether the target ended the connection.
    pub is_ended: bool,
    /// The failures: cause, and an example in words.
    pub failures: Vec<(Cause, String)>,
    /// The messages, in order; on a WebSocket by frame.
    pub messages: Vec<HoldMessage>,
}

/// The part of a scenario to try.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrialOptions<'a> {
    /// Only this request and, in steps, those before it.
    pub request: Option<&'a str>,
    /// The row of data that the pass takes, from 1.
    pub row: Option<u64>,
}

/// Makes each scenario of a plan one pass of one user: the requests once each and in their order,
/// without think times.
///
/// # Errors
/// Where a scenario has no such request.
pub fn trial_plan(mut plan: Plan, options: TrialOptions<'_>) -> Result<Plan, String> {
    for target in &mut plan.targets {
        target.probe = false;
    }
    let known = |name: &str| {
        let mut requests = plan.scenarios.iter().flat_map(|one| one.protocol.requests());
        requests.any(|one| one.name == name)
    };
    if let Some(name) = options.request.filter(|name| !known(name)) {
        return Err(format!("no scenario has a request `{name}`"));
    }
    if let Some(name) = options.request {
        let has = |protocol: &Protocol| protocol.requests().iter().any(|one| one.name == name);
        plan.scenarios.retain(|one| has(&one.protocol));
    }
    for scenario in &mut plan.scenarios {
        scenario.start_after = StartAfter::Delay(Time::default());
        scenario.stages = vec![Stage {
            name: "1".to_owned(),
            level: Level::Users { users: 1, ramp: Ramp::Unpaced },
            hold: Time::default(),
            warmup: false,
            work: None,
        }];
        match &mut scenario.protocol {
            Protocol::Hold(hold) => hold.churn = Churn::default(),
            Protocol::Http(http) => {
                if let Some(name) = options.request {
                    let at = http.requests.iter().position(|one| one.name == name).unwrap_or(0);
                    http.requests.truncate(at + 1);
                    if !http.in_steps {
                        http.requests.drain(..at);
                    }
                }
                http.think_time = ThinkTime::default();
                http.max_in_flight = 1;
                for request in &mut http.requests {
                    request.think_time = None;
                    if !http.in_steps {
                        request.on_failure = OnFailure::Continue;
                    }
                }
                http.in_steps = true;
                if let (Some(data), Some(_)) = (&mut http.data, options.row) {
                    data.order = RowOrder::Sequential;
                }
            }
        }
    }
    Ok(plan)
}

/// Something that was tried and has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// A request and its response.
    Exchange(Box<HttpExchange>),
    /// A held connection.
    Connection(Box<HoldTrial>),
}

/// Tries one scenario and hands over all that has ended. `row`: which row of data the pass takes,
/// from 1; `wait`: how long a held connection is listened to.
///
/// # Errors
/// Where that could not even begin.
pub fn try_scenario(
    manifest: WorkerManifest,
    row: Option<u64>,
    wait: Time,
    show: &mut dyn FnMut(Tried),
) -> Result<(), TrialError> {
    let load = load(manifest)?;
    let settings = match load.scenario().protocol.clone() {
        Protocol::Hold(settings) => settings,
        Protocol::Http(http) => {
            let number = row.map_or(0, |row| row.saturating_sub(1));
            return one_pass(load, &http, number, &mut |one| show(Tried::Exchange(Box::new(one))));
        }
    };
    let wait_ns = wait.as_nanos();
    let trial = if let Some(websocket) = websocket(&load, &settings) {
        let client = WebSocketClient::new(websocket).of_users(writer(&load));
        one_connection(load, settings, client, wait_ns)?
    } else if TcpDialogue::is_needed(&settings) {
        let dialogue = TcpDialogue::new(&settings, writer(&load));
        one_connection(load, settings, dialogue, wait_ns)?
    } else {
        let raw = RawTcp::new(&settings);
        one_connection(load, settings, raw, wait_ns)?
    };
    show(Tried::Connection(Box::new(trial)));
    Ok(())
}

fn load(manifest: WorkerManifest) -> Result<Load, TrialError> {
    let scenario = &manifest.plan.scenarios[usize::from(manifest.scenario)];
    let rows = match scenario.protocol.data().map(|data| data.order) {
        Some(RowOrder::Unique) => RowSource::Numbered { first: 0 },
        _ => RowSource::Any,
    };
    Load::of(manifest, &Assignment { partition: Partition::WHOLE, rows, iterations: Vec::new() })
        .map_err(TrialError::Prepare)
}

/// A link to a coordinator that never says anything, and its other ends, which keep it open.
pub(super) fn idle_link() -> io::Result<(Link, [OwnedFd; 2])> {
    let (input, other_input) = pipe()?;
    let (other_output, output) = pipe()?;
    Ok((Link::new(input, output)?, [other_input, other_output]))
}
