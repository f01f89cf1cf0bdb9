//! The part of the command line that is about several hosts: which, by which broker, started how.

#![expect(clippy::disallowed_methods, reason = "the broker may stand in the environment")]

use super::{ExitStatus, diagnostic};
use crate::engine::{HostManifest, HostsSpec, Launch, Manifest, ScenarioInputs};
use crate::machine::Sources;
use crate::plan::{Overrides, Plan, Source};
use crate::units::Time;
use clap::Args;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where the broker stands that no argument names.
const VARIABLE: &str = "PLANRUN_NATS";

/// How long a broker of one's own may take to begin.
const BROKER_WITHIN: Duration = Duration::from_secs(5);

/// Which hosts make the load.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct HostArgs {
    /// Make the load on this many hosts, on each of which `planrun agent` runs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) hosts: Option<u16>,
    /// Reach the hosts by this NATS server (`nats-server -js`); `auto` starts one on loopback for
    /// this run. Default: the environment's `PLANRUN_NATS`.
    #[arg(long, value_name = "URL", requires = "hosts")]
    nats: Option<String>,
    /// Name the run, for its agents. Default: a name of its own.
    #[arg(long = "run", value_name = "ID", requires = "hosts")]
    run_id: Option<String>,
    /// Wait this long for the hosts. Default: 60s.
    #[arg(long, value_name = "TIME", requires = "hosts")]
    wait: Option<Time>,
    /// End agents that have not heard of this process for so long. Default: 30s.
    #[arg(long, value_name = "TIME", requires = "hosts")]
    grace: Option<Time>,
    /// Give hosts parts of the load by these weights, by slot: `3:1:2`. Default: equal parts.
    #[arg(long, value_name = "W:W:…", requires = "hosts")]
    weights: Option<String>,
    /// Start the agents: `ssh:HOST,HOST`, `pdsh:HOSTS`, or `exec:COMMAND` with `{agent}` for the
    /// agent's command line and `{slot}` for its slot.
    #[arg(long, value_name = "HOW", requires = "hosts")]
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
        let Some(hosts) = self.hosts else { return Ok(None) };
        let refuse = |status: ExitStatus| {
            move |(message, help): Wrong| {
                diagnostic::print_error(&message, Some(&help));
                status
            }
        };
        let wrong = refuse(ExitStatus::WrongPlan);
        let weights = self.weights(hosts).map_err(&wrong)?;
        if plan.generator.port_range.is_some() {
            let message = "`port_range` cannot be used with several hosts".to_owned();
            let help = "remove it from `[generator]`, and widen `net.ipv4.ip_local_port_range` on the hosts".to_owned();
            return Err(wrong((message, help)));
        }
        let run = self.run_id.clone().unwrap_or_else(|| format!("r{:08x}", fastrand::u32(..)));
        check_name(&run).map_err(&wrong)?;
        let given = self.nats.clone().or_else(|| std::env::var(VARIABLE).ok());
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

    fn weights(&self, hosts: u16) -> Result<Vec<u32>, Wrong> {
        let Some(text) = &self.weights else { return Ok(vec![1; usize::from(hosts)]) };
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
    let given = given.map(str::to_owned).or_else(|| std::env::var(VARIABLE).ok());
    match given.as_deref() {
        // From a pipe, where no list of processes shows it.
        Some("-") => {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            let url = line.trim().to_owned();
            read.ok().filter(|_| !url.is_empty()).map(|_| url).ok_or_else(|| {
                (
                    "expected a broker's URL on standard input, found nothing".to_owned(),
                    format!("give `--nats URL`, or set {VARIABLE}"),
                )
            })
        }
        Some(url) => Ok(url.to_owned()),
        None => Err((
            "an agent needs a broker".to_owned(),
            format!("give `--nats nats://HOST:4222`, or set {VARIABLE}"),
        )),
    }
}

/// Tells on standard error what is waited for.
fn say(what: &str) {
    // Whoever closes standard error has read enough.
    let _ = writeln!(anstream::stderr(), "hosts: {what}");
}

impl PreparedHosts {
    /// The settings of the coordinator for them.
    pub(super) fn spec(
        &self,
        (source, overrides): (&Source, &Overrides),
        manifest: &Manifest,
        (probe, force): (bool, bool),
    ) -> HostsSpec {
        let time = |given: &Option<Time>, otherwise: u64| {
            given.map_or(Duration::from_secs(otherwise), |time| time.0)
        };
        let addresses = manifest.targets.iter().map(|target| target.addresses.clone());
        let inputs = manifest
            .scenarios
            .iter()
            .map(|inputs| ScenarioInputs { sources: Sources::default(), ..inputs.clone() });
        HostsSpec {
            broker: self.broker.clone(),
            run: self.run.clone(),
            weights: self.weights.clone(),
            wait: time(&self.args.wait, 60),
            grace: time(&self.args.grace, 30),
            manifest: HostManifest {
                name: source.name.clone(),
                text: source.text.clone(),
                overrides: overrides.clone(),
                addresses: addresses.collect(),
                scenarios: inputs.collect(),
                files: manifest.files.clone(),
                probe,
                force,
            },
            launches: self.launches.clone(),
            say,
        }
    }
}

/// The values that agents are started with.
struct Agents<'a> {
    exe: &'a Path,
    broker: &'a str,
    run: &'a str,
}

impl Agents<'_> {
    /// The words that start an agent; `program`: as it is called there.
    fn words(&self, program: &str, broker: Option<&str>, slot: Option<u16>) -> Vec<String> {
        let mut words = vec![program.to_owned(), "agent".to_owned(), "--quiet".to_owned()];
        words.extend(["--run".to_owned(), self.run.to_owned()]);
        words.extend(broker.map(|broker| format!("--nats={broker}")));
        words.extend(slot.map(|slot| format!("--slot={slot}")));
        words
    }

    fn has_password(&self) -> bool {
        url::Url::parse(self.broker).is_ok_and(|url| url.password().is_some())
    }
}

/// The commands that start agents on `hosts` hosts.
fn launches(how: &str, hosts: u16, agents: &Agents<'_>) -> Result<Vec<Launch>, Wrong> {
    let help = || {
        "give `--launch ssh:HOST,HOST`, `--launch pdsh:client[01-21]`, or `--launch 'exec:COMMAND {agent}'`".to_owned()
    };
    let variables = vec![(VARIABLE.to_owned(), agents.broker.to_owned())];
    match how.split_once(':') {
        Some(("ssh", names)) => {
            let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
            if names.len() != usize::from(hosts) {
                return Err((format!("expected {hosts} hosts, found {}", names.len()), help()));
            }
            let command = |(slot, name): (u16, &str)| {
                let mut command =
                    ["ssh", "-o", "BatchMode=yes", name, "--"].map(str::to_owned).to_vec();
                command.extend(agents.words("planrun", Some("-"), Some(slot)));
                Launch {
                    command,
                    input: Some(format!("{}\n", agents.broker)),
                    variables: Vec::new(),
                }
            };
            Ok((0..).zip(names).map(command).collect())
        }
        Some(("pdsh", _)) if agents.has_password() => Err((
            "pdsh would show the broker's password in the list of processes of every host"
                .to_owned(),
            format!(
                "set {VARIABLE} on the hosts, and start the agents there: `pdsh -w HOSTS planrun agent --run {}`",
                agents.run
            ),
        )),
        Some(("pdsh", names)) if !names.is_empty() => {
            let mut command = ["pdsh", "-S", "-w", names].map(str::to_owned).to_vec();
            command.push(agents.words("planrun", Some(agents.broker), None).join(" "));
            Ok(vec![Launch { command, input: None, variables }])
        }
        Some(("exec", command)) if !command.is_empty() => {
            let program = agents.exe.display().to_string();
            let each = command.contains("{slot}");
            let slots = if each { (0..hosts).map(Some).collect() } else { vec![None] };
            let command = |slot: Option<u16>| {
                let agent = agents.words(&program, None, slot).join(" ");
                let slot = slot.map_or_else(String::new, |slot| slot.to_string());
                let line = command.replace("{agent}", &agent).replace("{slot}", &slot);
                let command = ["sh", "-c", &line].map(str::to_owned).to_vec();
                Launch { command, input: None, variables: variables.clone() }
            };
            Ok(slots.into_iter().map(command).collect())
        }
        _ => Err((format!("`{how}` starts no agents"), help())),
    }
}

/// A `nats-server` on loopback, for one run: ended and forgotten with this.
struct OwnBroker {
    child: Child,
    folder: PathBuf,
    url: String,
}

impl OwnBroker {
    fn start() -> Result<Self, Wrong> {
        let failed = |error: std::io::Error| {
            let help = "install it (`apt-get install nats-server`), or give the URL of one that runs: `--nats nats://HOST:4222`".to_owned();
            (format!("cannot start `nats-server`: {error}"), help)
        };
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        let port = port.map_err(failed)?.port();
        let folder = std::env::temp_dir().join(format!("planrun-nats-{:016x}", fastrand::u64(..)));
        let child = Command::new("nats-server")
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut own = Self { child, folder, url: format!("nats://127.0.0.1:{port}") };
        let tries = BROKER_WITHIN.as_millis() / 50;
        for _ in 0..tries {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(own);
            }
            if let Ok(Some(status)) = own.child.try_wait() {
                return Err(failed(std::io::Error::other(format!("it ended with {status}"))));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let within = BROKER_WITHIN.as_secs();
        Err(failed(std::io::Error::other(format!("it did not listen within {within} s"))))
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
