//! The main form: `planrun PLAN.toml`.

use super::ci::CiArgs;
use super::plan_file::{self, folder};
use super::signals::Signals;
use super::{ExitStatus, OverrideArgs, diagnostic, preflight, screen};
use crate::engine::{self, Event, RowOutlook, RunOrder, Targets};
use crate::machine::{
    Environment, Limits, NetworkPath, Probes, Requirements, Sources, is_here, workers,
};
use crate::observe::{Observer, Progress, TextStyle};
use crate::plan::{Overrides, Plan, Protocol, Source, Target, sparse};
use crate::protocol::http::Files;
use crate::report::page::Page;
use crate::report::{self, Series, text};
use crate::store::{
    Closed, Error, Finished, NewRun, ResolvedTarget, SavedRun, ServerCounters, Started, Store,
    UsedFile, sha256,
};
use clap::Args;
use jiff::Timestamp;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Its arguments.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The plan to run.
    #[arg(value_name = "PLAN.toml", required = true)]
    pub(super) path: Option<PathBuf>,
    /// Where the run's folder goes.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) overrides: OverrideArgs,
    #[command(flatten)]
    pub(super) ci: CiArgs,
    /// How the run is shown on standard error while it goes on.
    #[arg(long, value_enum, default_value_t)]
    progress: Progress,
    /// Run although this machine or the target is not fit.
    #[arg(long)]
    force: bool,
    /// Open no connection to a target before the run: its addresses are taken as they are.
    #[arg(long)]
    no_probe: bool,
    /// Run a plan that has a `[search]` once, at the level that its stage says.
    #[arg(long)]
    pub(super) no_search: bool,
}

/// A plan that has passed its preflight, on its way to being run.
struct Departure {
    exe: PathBuf,
    source: Source,
    overrides: Overrides,
    plan: Plan,
    limits: Limits,
    warnings: Vec<String>,
    files: Vec<Files>,
}

/// What came of one run.
pub(super) struct Ran {
    pub(super) status: ExitStatus,
    /// What was saved of it; `None` when it never began, or could not be brought to its end.
    pub(super) saved: Option<Box<SavedRun>>,
}

impl From<ExitStatus> for Ran {
    fn from(status: ExitStatus) -> Self {
        Self { status, saved: None }
    }
}

/// One run; its summary goes to `summary`. `signals`: those that are heard already; otherwise they are from the moment on that it begins.
pub(super) fn once(
    args: &RunArgs,
    read: (Source, Overrides, Plan),
    signals: Option<&mut Signals>,
    summary: &mut dyn Write,
) -> Ran {
    match depart(args, read) {
        Ok(departure) => journey(args, departure, signals, summary),
        Err(status) => status.into(),
    }
}

/// Everything that can be known before anything is sent.
fn depart(
    args: &RunArgs,
    (source, overrides, mut plan): (Source, Overrides, Plan),
) -> Result<Departure, ExitStatus> {
    if args.no_probe {
        plan.targets.iter_mut().for_each(|target| target.probe = false);
    }
    let exe = std::env::current_exe().map_err(|error| {
        diagnostic::print_error(
            &format!("cannot find this program to start workers of it: {error}"),
            None,
        );
        ExitStatus::Internal
    })?;
    let limits = Limits::read();
    let files = plan_file::read_files(&source, &plan)?;
    let mut probes = Probes::take(&plan, &limits);
    probes.file_bytes = engine::file_bytes(&plan, &files);
    let mut warnings = preflight::check(&plan, &limits, &probes, args.force)?;
    warnings.extend(insecure(&plan));
    warnings.extend(engine::row_outlooks(&plan, &files).iter().filter_map(RowOutlook::words));
    warnings.extend(sparse(&plan).iter().map(|one| one.words(&plan)));
    Ok(Departure { exe, source, overrides, plan, limits, warnings, files })
}

/// The run and its reports.
fn journey(
    args: &RunArgs,
    departure: Departure,
    signals: Option<&mut Signals>,
    summary: &mut dyn Write,
) -> Ran {
    let Departure { exe, source, overrides, plan, limits, warnings, files } = departure;
    let used = used_files(&plan, &files);
    let mut store = match store(args, &plan, &source, &overrides) {
        Ok(store) => store,
        Err(status) => return status.into(),
    };
    let mut targets =
        match Targets::prepare(&plan, folder(&source), &exe, &capacity(&plan), args.force) {
            Ok(targets) => targets,
            Err(error) => {
                diagnostic::print_error(&error.to_string(), Some(&error.help()));
                store.discard();
                return ExitStatus::NotFit.into();
            }
        };
    let order = RunOrder {
        exe,
        workers: plan.scenarios.iter().map(|scenario| workers(scenario, &plan, &limits)).collect(),
        sources: sources(&plan, &targets, &limits),
        targets: targets.resolved.clone(),
        servers: targets.server_pids(),
        peers: targets.peers.clone(),
        files,
        cores: limits.cpus.map_or(1, |cpus| cpus as usize),
        source,
        overrides,
        plan: plan.clone(),
        warnings,
    };
    let ways: Vec<NetworkPath> = ways(&plan, &targets, &order.sources);
    let mut watcher = watcher(&plan, args.progress, &store, ways.clone());
    let began = limits.clone();
    let mut watch = |event: &Event| {
        match event {
            Event::Started { targets, workers, warnings } => {
                store.started(Started {
                    ways: ways.clone(),
                    files: used.clone(),
                    limits: Some(began.clone()),
                    ..started(targets, workers, warnings)
                });
            }
            Event::Recorded(entry) => store.add(entry),
            _ => {}
        }
        watcher.see(event);
    };
    let ended = match follow(order, signals, &mut watch) {
        Ok(ended) => ended,
        Err(error) => {
            watcher.finish();
            diagnostic::print_error(&error, None);
            return ExitStatus::Internal.into();
        }
    };
    let limits = Some(Limits::read());
    let (servers, problems) = std::mem::take(&mut targets).stop();
    watch(&Event::Finished { verdict: ended.verdict, servers: servers.clone() });
    watcher.finish();
    for problem in problems {
        diagnostic::print_error(&problem.to_string(), None);
    }
    let servers = servers
        .into_iter()
        .map(|side| ServerCounters { target: side.target, counters: side.counters });
    let finished = Finished { servers: servers.collect(), limits };
    conclude(store, finished, summary)
}

/// The run's folder, made before anything is sent.
fn store(
    args: &RunArgs,
    plan: &Plan,
    source: &Source,
    overrides: &Overrides,
) -> Result<Store, ExitStatus> {
    let environment = Environment::read();
    let run = NewRun {
        plan,
        text: &source.text,
        overrides,
        now: Timestamp::now(),
        environment: &environment,
    };
    let series = Box::new(Series::new(plan));
    Store::create(&args.out, &run, series).map_err(|error| {
        let help = "give a folder that can be written to: `--out DIR`";
        diagnostic::print_error(&error.to_string(), Some(help));
        ExitStatus::Internal
    })
}

/// Closes the recording, writes the reports of what was saved, prints the summary, says how it went.
fn conclude(store: Store, finished: Finished, to: &mut dyn Write) -> Ran {
    let Closed { saved, problems, lock: _lock } = match store.finish(finished) {
        Ok(closed) => closed,
        Err(error) => {
            diagnostic::print_error(&error.to_string(), None);
            return ExitStatus::Internal.into();
        }
    };
    let mut made = report::write(&saved, problems);
    let mut summary = Vec::new();
    let page = &mut Page::new(&mut summary, screen::columns());
    if let Err(reason) = text::write(&saved, &made, page) {
        made.problems.push(Error::Write { path: "the summary".into(), reason });
    }
    // Whoever closes the pipe has read enough.
    let _ = to.write_all(&summary);
    for problem in &made.problems {
        diagnostic::print_error(
            &problem.to_string(),
            Some("`planrun report DIR` makes the reports again from what was saved"),
        );
    }
    let status =
        if made.problems.is_empty() { ExitStatus::of_run(&saved) } else { ExitStatus::Internal };
    Ran { status, saved: Some(Box::new(saved)) }
}

/// Makes the run, which signals end.
fn follow(
    order: RunOrder,
    signals: Option<&mut Signals>,
    watch: &mut dyn FnMut(&Event),
) -> Result<engine::Ended, String> {
    let words = |error: &dyn std::error::Error| {
        error.source().map_or(error.to_string(), |why| format!("{error}: {why}"))
    };
    let run = async |asked| engine::run(order, asked, watch).await.map_err(|error| words(&error));
    match signals {
        Some(signals) => signals.during(run),
        None => Signals::listen().map_err(|error| words(&error))?.during(run),
    }
}

/// What weakens the proof, in words.
fn insecure(plan: &Plan) -> impl Iterator<Item = String> {
    let any = |target: &&Target| target.tls.as_ref().is_some_and(|tls| tls.insecure);
    plan.targets.iter().filter(any).map(|target| {
        format!("target `{}`: any certificate is accepted (`insecure = true`)", target.name)
    })
}

/// Connections that each target will get, by index into `Plan::targets`.
fn capacity(plan: &Plan) -> Vec<u64> {
    let mut capacity = vec![0; plan.targets.len()];
    for (scenario, needs) in plan.scenarios.iter().zip(&Requirements::of(plan).scenarios) {
        capacity[scenario.target] += needs.connections;
    }
    capacity
}

/// Where each scenario connects from.
fn sources(plan: &Plan, targets: &Targets, limits: &Limits) -> Vec<Sources> {
    let capacity = capacity(plan);
    let asked = plan.generator.port_range;
    let ports = limits.ports.as_ref().map_or(u64::from(u16::MAX), |ports| ports.usable(asked));
    let of = |target: usize| {
        let addresses = &targets.resolved[target].addresses;
        let each = capacity[target].div_ceil(addresses.len().max(1) as u64);
        let first = addresses.first()?;
        Some(Sources::of(first.tcp()?.ip(), each, ports, &plan.generator))
    };
    // Scenarios that share a target begin with different sources.
    let mut before = vec![0; plan.targets.len()];
    let needs = Requirements::of(plan);
    plan.scenarios
        .iter()
        .zip(&needs.scenarios)
        .map(|(scenario, needs)| {
            let targets = targets.resolved[scenario.target].addresses.len().max(1) as u64;
            let sources = of(scenario.target).unwrap_or_default().after(before[scenario.target]);
            before[scenario.target] += needs.connections.div_ceil(targets);
            sources
        })
        .collect()
}

fn started(targets: &[engine::Resolved], workers: &[u32], warnings: &[String]) -> Started {
    let resolved = |target: &engine::Resolved| ResolvedTarget {
        name: target.name.clone(),
        written: target.written.clone(),
        addresses: target.addresses.clone(),
        probes: target.probes,
        dns_time_ns: target.resolved_in_ns,
    };
    Started {
        at: Timestamp::now(),
        targets: targets.iter().map(resolved).collect(),
        workers: workers.to_vec(),
        warnings: warnings.to_vec(),
        ways: Vec::new(),
        files: Vec::new(),
        limits: None,
    }
}

/// The files that requests were made of, and what was in them.
fn used_files(plan: &Plan, files: &[Files]) -> Vec<UsedFile> {
    let mut used = Vec::new();
    for (scenario, files) in plan.scenarios.iter().zip(files) {
        let Protocol::Http(http) = &scenario.protocol else { continue };
        let data = http.data.as_ref().map(|data| &data.file).zip(files.data.as_ref());
        let bodies = files.bodies.iter().map(|(path, bytes)| (path, bytes));
        used.extend(data.into_iter().chain(bodies).map(|(path, bytes)| UsedFile {
            scenario: scenario.name.clone(),
            path: path.display().to_string(),
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
        }));
    }
    used
}

/// The way of each scenario's connections.
fn ways(plan: &Plan, targets: &Targets, sources: &[Sources]) -> Vec<NetworkPath> {
    let more = |first: String, all: usize| match all {
        0 | 1 => first,
        _ => format!("{first} and {} more", all - 1),
    };
    let way = |(scenario, from): (&crate::plan::Scenario, &Sources)| {
        let to = &targets.resolved[scenario.target].addresses;
        let source = from.addresses.first().map_or("this machine".to_owned(), ToString::to_string);
        let target = to.first().map(ToString::to_string).unwrap_or_default();
        let route = format!("{} -> {}", more(source, from.addresses.len()), more(target, to.len()));
        let both_ends_here =
            !to.is_empty() && to.iter().all(|to| to.tcp().is_none_or(|to| is_here(to.ip())));
        NetworkPath { route, both_ends_here }
    };
    plan.scenarios.iter().zip(sources).map(way).collect()
}

/// Whoever shows the run while it goes on.
fn watcher(plan: &Plan, progress: Progress, store: &Store, ways: Vec<NetworkPath>) -> Observer {
    let terminal = std::io::stderr().is_terminal();
    let variable = |name: &str| std::env::var(name).ok();
    let progress = progress.resolve(terminal, variable("TERM").as_deref());
    let look = TextStyle::of(terminal && colours(), variable);
    Observer::new(plan, progress, store.folder(), look, ways)
}

fn colours() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
