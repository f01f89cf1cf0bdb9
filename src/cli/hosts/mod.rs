//! The part of the command line that is about several hosts: which, by which broker, started how.

#![expect(clippy::disallowed_methods, reason = "the broker may stand in the environment")]

mod launch;
mod own_broker;

use super::plan_file::PlanFile;
use super::{ExitStatus, diagnostic};
use crate::engine::{HostManifest, HostsSpec, Launch, Manifest, ScenarioInputs};
use crate::machine::Sources;
use crate::plan::{Overrides, Plan, Source};
use crate::units::Time;
use clap::Args;
use launch::{Agents, launches};
use own_broker::OwnBroker;
use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The environment variable with the broker's URL, for where no argument gives it.
pub(super) const BROKER_VARIABLE: &str = "PLANRUN_NATS";

/// The environment variable with the path of the broker's CA certificates.
pub(super) const CA_VARIABLE: &str = "PLANRUN_NATS_CA";

/// Which hosts make the load.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct HostArgs {
    /// Make the load on this many hosts, on each of which `planrun agent` runs; 0: on this machine
    /// alone, whatever the plan says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1000))]
    hosts: Option<u16>,
    /// Reach the hosts by this NATS server (`nats-server -js`); `auto` starts one on loopback for
    /// this run. Default: the environment's `PLANRUN_NATS`.
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Name the run, for its agents. Default: a name of its own.
    #[arg(long = "run", value_name = "ID")]
    run_id: Option<String>,
    /// Wait this long for the hosts. Default: 60s.
    #[arg(long, value_name = "TIME")]
    wait: Option<Time>,
    /// End agents that have not heard of this process for so long. Default: 30s.
    #[arg(long, value_name = "TIME")]
    grace: Option<Time>,
    /// Give hosts parts of the load by these weights, by slot: `3:1:2`. Default: equal parts.
    #[arg(long, value_name = "W:W:…")]
    weights: Option<String>,
    /// Start the agents: `ssh:HOST,HOST`, `pdsh:HOSTS`, `slurm:OPTIONS`, or `exec:COMMAND` with
    /// `{agent}` for the agent's command line and `{slot}` for its slot.
    #[arg(long, value_name = "HOW")]
    launch: Option<String>,
}

/// The broker of a run, and how to end it.
pub(super) struct PreparedHosts {
    pub(super) args: HostArgs,
    broker: String,
    run: String,
    weights: Vec<u32>,
    launches: Vec<Launch>,
    /// A broker of this run's own.
    _own: Option<OwnBroker>,
}

/// An error of the command line, and its help.
type Wrong = (String, String);

impl HostArgs {
    /// Checks what was given, and starts a broker where one is wanted; `None`: this machine makes
    /// the load.
    pub(super) fn prepare(
        &self,
        exe: &Path,
        plan: &Plan,
    ) -> Result<Option<PreparedHosts>, ExitStatus> {
        let refuse = |status: ExitStatus| {
            move |(message, help): Wrong| {
                diagnostic::print_error(&message, Some(&help));
                status
            }
        };
        let wrong = refuse(ExitStatus::WrongPlan);
        let Some(hosts) = self.count(plan) else {
            self.without_hosts().map_err(&wrong)?;
            return Ok(None);
        };
        let weights = self.weights(hosts, plan).map_err(&wrong)?;
        if plan.generator.port_range.is_some() {
            let message = "`port_range` cannot be used with several hosts".to_owned();
            let help = "remove it from `[generator]`, and widen `net.ipv4.ip_local_port_range` on the hosts".to_owned();
            return Err(wrong((message, help)));
        }
        let run = self.run_id.clone().unwrap_or_else(|| format!("r{:08x}", fastrand::u32(..)));
        check_name(&run).map_err(&wrong)?;
        let given = self.nats.clone().or_else(|| std::env::var(BROKER_VARIABLE).ok());
        let given = given.ok_or_else(|| {
            (
                "several hosts need a broker".to_owned(),
                "give `--nats nats://HOST:4222`, or `--nats auto` to start one on this machine"
                    .to_owned(),
            )
        });
        let mut broker = given.map_err(&wrong)?;
        let own = if broker == "auto" {
            let own = OwnBroker::start().map_err(refuse(ExitStatus::NotFit))?;
            broker.clone_from(&own.url);
            Some(own)
        } else {
            None
        };
        let launches = match &self.launch {
            None => Vec::new(),
            Some(how) => {
                launches(how, hosts, &Agents { exe, broker: &broker, run: &run }).map_err(&wrong)?
            }
        };
        Ok(Some(PreparedHosts { args: self.clone(), broker, run, weights, launches, _own: own }))
    }

    /// How many hosts make the load; `None`: this machine does.
    pub(super) fn count(&self, plan: &Plan) -> Option<u16> {
        self.hosts.or(plan.generator.hosts).filter(|hosts| *hosts > 0)
    }

    /// Whether the command line asks for hosts.
    pub(super) fn are_given(&self) -> bool {
        self.hosts.is_some_and(|hosts| hosts > 0)
    }

    /// Refuses what means nothing where this machine makes the load.
    pub(super) fn without_hosts(&self) -> Result<(), Wrong> {
        let given = [
            ("--nats", self.nats.is_some()),
            ("--run", self.run_id.is_some()),
            ("--wait", self.wait.is_some()),
            ("--grace", self.grace.is_some()),
            ("--weights", self.weights.is_some()),
            ("--launch", self.launch.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given).filter(|_| self.hosts.is_none()) {
            None => Ok(()),
            Some((flag, _)) => Err((
                format!("`{flag}` needs `--hosts`"),
                "give `--hosts N`, or write `hosts = N` below `[generator]`".to_owned(),
            )),
        }
    }

    fn weights(&self, hosts: u16, plan: &Plan) -> Result<Vec<u32>, Wrong> {
        let Some(text) = &self.weights else {
            let of_plan = &plan.generator.weights;
            return match of_plan.len() {
                0 => Ok(vec![1; usize::from(hosts)]),
                found if found == usize::from(hosts) => Ok(of_plan.clone()),
                found => Err((
                    format!("expected {hosts} weights, found {found} in `[generator]`"),
                    "give them for this number of hosts: `--weights W:W`".to_owned(),
                )),
            };
        };
        let help = || format!("give a weight from 1 to 1000 for each of {hosts} hosts: `3:1:2`");
        let weights: Option<Vec<u32>> = text
            .split(':')
            .map(|one| one.parse().ok().filter(|weight| (1..=1000).contains(weight)))
            .collect();
        match weights {
            Some(weights) if weights.len() == usize::from(hosts) => Ok(weights),
            Some(weights) => {
                Err((format!("expected {hosts} weights, found {}", weights.len()), help()))
            }
            None => Err((format!("expected weights, found `{text}`"), help())),
        }
    }
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    // Only a NUL byte cannot be quoted, and no path has one.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Cow::into_owned)
}

/// A name that is a part of subjects and buckets.
pub(super) fn check_name(run: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&run.len()) && run.chars().all(fits) {
        return Ok(());
    }
    Err((
        format!("`{run}` cannot name a run"),
        "use letters, digits, `-` and `_`, at most 64: `--run soak1`".to_owned(),
    ))
}

/// The broker that an agent is given.
pub(super) fn broker_of(given: Option<&str>) -> Result<String, Wrong> {
    let given = given.map(str::to_owned).or_else(|| std::env::var(BROKER_VARIABLE).ok());
    match given.as_deref() {
        // From a pipe, where no list of processes shows it.
        Some("-") => {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            let url = line.trim().to_owned();
            read.ok().filter(|_| !url.is_empty()).map(|_| url).ok_or_else(|| {
                (
                    "expected a broker's URL on standard input, found nothing".to_owned(),
                    format!("give `--nats URL`, or set {BROKER_VARIABLE}"),
                )
            })
        }
        Some(url) => Ok(url.to_owned()),
        None => Err((
            "an agent needs a broker".to_owned(),
            format!("give `--nats nats://HOST:4222`, or set {BROKER_VARIABLE}"),
        )),
    }
}

/// The file with the certificates that the broker is trusted by, besides those of the machine.
pub(super) fn broker_ca() -> Option<PathBuf> {
    std::env::var_os(CA_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Tells on standard error what is waited for.
fn say(what: &str) {
    // Whoever closes standard error has read enough.
    let _ = writeln!(anstream::stderr(), "hosts: {what}");
}

impl PreparedHosts {
    /// The settings for asking them what their parts need.
    pub(super) fn examination(&self, file: &PlanFile) -> HostsSpec {
        self.with(HostManifest {
            name: file.source.name.clone(),
            text: file.source.text.clone(),
            overrides: file.overrides.clone(),
            addresses: Vec::new(),
            scenarios: Vec::new(),
            files: file.files.clone(),
            probe: false,
            force: false,
        })
    }

    /// The settings of the coordinator for them.
    pub(super) fn spec(
        &self,
        (source, overrides): (&Source, &Overrides),
        manifest: &Manifest,
        (probe, force): (bool, bool),
    ) -> HostsSpec {
        let addresses = manifest.targets.iter().map(|target| target.addresses.clone());
        let inputs = manifest
            .scenarios
            .iter()
            .map(|inputs| ScenarioInputs { sources: Sources::default(), ..inputs.clone() });
        self.with(HostManifest {
            name: source.name.clone(),
            text: source.text.clone(),
            overrides: overrides.clone(),
            addresses: addresses.collect(),
            scenarios: inputs.collect(),
            files: manifest.files.clone(),
            probe,
            force,
        })
    }

    fn with(&self, manifest: HostManifest) -> HostsSpec {
        let time = |given: &Option<Time>, otherwise: u64| {
            given.map_or(Duration::from_secs(otherwise), |time| time.0)
        };
        HostsSpec {
            broker: self.broker.clone(),
            broker_ca: broker_ca(),
            run: self.run.clone(),
            weights: self.weights.clone(),
            wait: time(&self.args.wait, 60),
            grace: time(&self.args.grace, 30),
            manifest,
            launches: self.launches.clone(),
            say,
        }
    }
}
