//! Computes the requirements of a plan: connections, rates, heartbeats, time.
//!
//! **Invariant:** pure; nothing of the machine is read here.
//! **Invariant:** scenarios that overlap are counted as if their peaks fell together: the figures
//! are never too small.

use super::figures::whole;
use crate::catalogue::ProtocolRow;
use crate::plan::{
    Close, Endpoint, FixedName, HostPort, HttpUrl, HttpVersion, Level, Plan, Ramp, Scenario, Site,
    Stage, StartAfter, Target, fixed_addresses,
};
use crate::units::Time;
use std::net::IpAddr;
use std::time::Duration;

/// The relocated pages of the debug build by which the memory of a process was measured, in bytes;
/// release builds have a fifth of them.
const RELOCATED_BYTES: u64 = 1_560 << 10;

/// The requirements of a plan, all scenarios together.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirements {
    /// By index into `Plan::scenarios`.
    pub scenarios: Vec<ScenarioRequirements>,
    /// The length of the run when nothing is late; ramps without a pace count as nothing.
    pub shortest_run: Time,
    /// Memory of files, bodies and rows in all workers and the coordinator together, in bytes;
    /// known once the files were read.
    pub file_bytes: u64,
    /// Memory that each process takes for more relocated pages of the program than it had when the
    /// memory of a process was measured, in bytes.
    pub relocated_bytes: u64,
}

/// The requirements of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioRequirements {
    /// Users that open connections or share them, at the peak: the highest level, or
    /// `max_in_flight` of an open stage.
    pub users: u64,
    /// Connections open at once at the peak: one for each of these, or for as many of them as share
    /// one.
    pub connections: u64,
    /// Their HTTP version, if they speak HTTP.
    pub version: HttpVersion,
    /// The row of its protocol.
    pub protocol: &'static ProtocolRow,
    /// Whether each is secured by TLS.
    pub secured: bool,
    /// How fast connections are opened at most.
    pub opening: Opening,
    /// Connections per second that this side closes by FIN during the run, where the plan says how
    /// many; zero otherwise.
    pub closed_per_second: f64,
    /// Requests a second at the peak of its open stages; zero without one.
    pub arrivals_per_second: f64,
    /// Heartbeats a second at the peak; zero without a heartbeat.
    pub heartbeats_per_second: f64,
    /// The shortest heartbeat period, if there is one.
    pub heartbeat_every: Option<Time>,
    /// How long a connection may take to open.
    pub connect_timeout: Time,
    /// Connections whose other end is on this machine too: built-in targets, loopback addresses and
    /// `localhost`.
    pub served_here: u64,
    /// Whether any of them is TCP; the others go to Unix sockets.
    pub over_tcp: bool,
    /// Addresses that are connected to in turn; `None` for a built-in target, whose ports are as
    /// many as its processes.
    pub destinations: Option<u64>,
}

/// Memory of the files that a scenario names, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileMemory {
    /// By each worker, whatever the addresses: rows, and bodies as they were read.
    pub once: u64,
    /// By each worker for each address that is connected to: the bodies within its requests.
    pub each_address: u64,
    /// By the coordinator: the files as they were read.
    pub coordinator: u64,
}

/// How fast connections are opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Opening {
    /// At most this many a second.
    PerSecond(f64),
    /// As fast as the machine can.
    Unpaced,
}

impl Opening {
    /// Connections opened per second, if the plan sets that.
    pub fn per_second(self) -> Option<f64> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Unpaced => None,
        }
    }

    fn shared_by(self, streams: u64) -> Self {
        match self {
            Self::PerSecond(rate) => Self::PerSecond(rate / streams as f64),
            Self::Unpaced => Self::Unpaced,
        }
    }

    fn faster(self, other: Self) -> Self {
        match (self, other) {
            (Self::PerSecond(one), Self::PerSecond(two)) => Self::PerSecond(one.max(two)),
            _ => Self::Unpaced,
        }
    }
}

impl Requirements {
    /// The requirements of `plan`.
    pub fn of(plan: &Plan) -> Self {
        let scenarios = plan
            .scenarios
            .iter()
            .map(|scenario| ScenarioRequirements::of(scenario, plan))
            .collect();
        Self { scenarios, shortest_run: shortest_run(plan), file_bytes: 0, relocated_bytes: 0 }
    }

    /// With what is kept of the files of each scenario, how many workers the scenarios have, and
    /// how many addresses they connect to.
    #[must_use]
    pub fn with_files(self, each: &[FileMemory], workers: &[u32], addresses: &[u64]) -> Self {
        let all = each.iter().zip(workers).zip(addresses).map(|((files, workers), addresses)| {
            let each = files.once + files.each_address * addresses;
            each * u64::from(*workers) + files.coordinator
        });
        Self { file_bytes: all.sum(), ..self }
    }

    /// With the size of the program's relocated pages, if it could be read.
    #[must_use]
    pub fn with_relocated(self, bytes: Option<u64>) -> Self {
        let more = bytes.unwrap_or_default().saturating_sub(RELOCATED_BYTES);
        Self { relocated_bytes: more, ..self }
    }

    /// The requirements of scenarios on TCP, whose connections have packets and timers.
    #[must_use]
    pub fn over_tcp(&self) -> Self {
        let scenarios = self.scenarios.iter().filter(|scenario| scenario.over_tcp);
        Self { scenarios: scenarios.cloned().collect(), ..*self }
    }

    /// Connections at the peak, all scenarios together.
    pub fn connections(&self) -> u64 {
        self.scenarios.iter().map(|scenario| scenario.connections).sum()
    }

    /// Ends of connections on this machine: one for each connection, two where it is served here
    /// too.
    pub fn sockets(&self) -> u64 {
        self.connections() + self.served_here()
    }

    /// Connections whose other end is on this machine too.
    pub fn served_here(&self) -> u64 {
        self.scenarios.iter().map(|scenario| scenario.served_here).sum()
    }

    /// Connections opened a second at the peak, all scenarios together.
    pub fn opening(&self) -> Opening {
        self.scenarios.iter().fold(Opening::PerSecond(0.0), |sum, scenario| {
            match (sum, scenario.opening) {
                (Opening::PerSecond(one), Opening::PerSecond(two)) => Opening::PerSecond(one + two),
                _ => Opening::Unpaced,
            }
        })
    }

    /// Heartbeats a second at the peak, all scenarios together.
    pub fn heartbeats_per_second(&self) -> f64 {
        self.scenarios.iter().map(|scenario| scenario.heartbeats_per_second).sum()
    }
}

impl ScenarioRequirements {
    /// Whether planrun serves the target itself on this machine.
    pub fn is_built_in(&self) -> bool {
        self.destinations.is_none()
    }

    /// The requirements of one scenario of `plan`.
    pub fn of(scenario: &Scenario, plan: &Plan) -> Self {
        let protocol = &scenario.protocol;
        let version = protocol.version();
        let streams = u64::from(version.streams().max(1));
        let (users, opening, arrivals) = levels(scenario);
        let (connections, opening) = (users.div_ceil(streams), opening.shared_by(streams));
        let every = protocol.heartbeat_every();
        let Target { endpoint, resolve, .. } = plan.target(scenario);
        let here: Option<Vec<bool>> = match endpoint {
            Endpoint::Hosts(hosts) => {
                Some(hosts.iter().map(|host| is_here(host, resolve)).collect())
            }
            Endpoint::Urls(urls) => {
                Some(urls.iter().map(|url| is_served_here(url, resolve)).collect())
            }
            Endpoint::Builtin(_) => None,
        };
        let served_here = here.as_ref().map_or(connections, |all| {
            let here = all.iter().filter(|is_here| **is_here).count() as u64;
            (connections * here).div_ceil(all.len().max(1) as u64)
        });
        Self {
            users,
            connections,
            version,
            protocol: protocol.row(),
            secured: plan.target(scenario).tls.is_some(),
            opening,
            closed_per_second: closed_per_second(scenario, connections),
            arrivals_per_second: arrivals,
            heartbeats_per_second: every
                .map_or(0.0, |every| connections as f64 / every.0.as_secs_f64()),
            heartbeat_every: every,
            connect_timeout: protocol.connect_timeout(),
            served_here,
            over_tcp: !endpoint.is_unix(),
            destinations: here.map(|all| all.len() as u64),
        }
    }
}

/// Whether a host as it is written is this machine for certain.
fn is_here(host: &HostPort, fixed: &[FixedName]) -> bool {
    if let Some(all) = fixed_addresses(fixed, host) {
        return all.iter().all(IpAddr::is_loopback);
    }
    host.host.eq_ignore_ascii_case("localhost")
        || host.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_served_here(url: &HttpUrl, fixed: &[FixedName]) -> bool {
    match &url.site {
        Site::Host(host) => is_here(host, fixed),
        Site::Socket(_) => true,
    }
}

/// The most users or requests in flight, the fastest coming of them and the most arrivals a second
/// of any stage.
fn levels(scenario: &Scenario) -> (u64, Opening, f64) {
    let max_in_flight = scenario.protocol.max_in_flight();
    let (mut connections, mut arrivals, mut before) = (0_u64, 0.0_f64, 0_u64);
    let mut opening = Opening::PerSecond(0.0);
    for stage in &scenario.stages {
        match stage.level {
            Level::Users { users, ramp } => {
                let new = users.saturating_sub(before);
                connections = connections.max(users);
                if new > 0 {
                    opening = opening.faster(pace(ramp, new));
                }
                before = users;
            }
            Level::Rate { rate, .. } => {
                connections = connections.max(max_in_flight);
                arrivals = arrivals.max(rate.value());
                // At worst no connection is used twice.
                opening = opening.faster(Opening::PerSecond(rate.value()));
                before = 0;
            }
        }
    }
    (connections, opening, arrivals)
}

/// How often connections are closed because of their age or of the requests that they have carried.
fn closed_per_second(scenario: &Scenario, connections: u64) -> f64 {
    let every = |Time(time): Time, count: f64| {
        if time.is_zero() { 0.0 } else { count / time.as_secs_f64() }
    };
    let protocol = &scenario.protocol;
    if protocol.close() == Close::Rst {
        return 0.0;
    }
    let aged = protocol.lifetime().map_or(0.0, |age| every(age, connections as f64));
    let Some(most) = protocol.requests_each() else { return aged };
    let pass = if protocol.in_steps() { protocol.requests().len() as f64 } else { 1.0 };
    let requests = scenario.stages.iter().map(|stage| match stage.level {
        Level::Rate { rate, .. } => rate.value() * pass,
        // Without think time the rate depends on the target: it is unknown.
        Level::Users { users, .. } => every(protocol.mean_think_time(), users as f64),
    });
    aged + requests.fold(0.0, f64::max) / most.0 as f64
}

fn pace(ramp: Ramp, new: u64) -> Opening {
    match ramp {
        Ramp::Unpaced => Opening::Unpaced,
        Ramp::SpawnRate(rate) => Opening::PerSecond(rate.value()),
        Ramp::Over(time) => Opening::PerSecond(new as f64 / time.0.as_secs_f64()),
    }
}

/// Seconds that a stage's ramp takes by plan.
fn ramp_seconds(stage: &Stage, before: u64) -> f64 {
    match stage.level {
        Level::Rate { ramp, .. } => ramp.0.as_secs_f64(),
        Level::Users { users, ramp } => match ramp {
            Ramp::Unpaced => 0.0,
            Ramp::SpawnRate(rate) => users.abs_diff(before) as f64 / rate.value(),
            Ramp::Over(time) => time.0.as_secs_f64(),
        },
    }
}

fn shortest_run(plan: &Plan) -> Time {
    let first_hold = |scenario: &Scenario| match scenario.start_after {
        StartAfter::Delay(delay) => delay.0.as_secs_f64() + ramp_seconds(&scenario.stages[0], 0),
        StartAfter::Hold => 0.0,
    };
    let all_hold = plan.scenarios.iter().map(first_hold).fold(0.0, f64::max);
    let end = plan.scenarios.iter().map(|scenario| {
        let mut before = 0;
        let mut seconds = match scenario.start_after {
            StartAfter::Delay(delay) => delay.0.as_secs_f64(),
            StartAfter::Hold => all_hold,
        };
        for stage in &scenario.stages {
            seconds += ramp_seconds(stage, before) + stage.hold.0.as_secs_f64();
            before = match stage.level {
                Level::Users { users, .. } => users,
                Level::Rate { .. } => 0,
            };
        }
        seconds
    });
    Time(Duration::from_millis(whole(end.fold(0.0, f64::max) * 1e3)))
}
