//! One run of a plan: prepared, executed, saved, reported.

#![expect(
    clippy::disallowed_methods,
    reason = "`${env.NAME}` of a plan is taken from the environment"
)]

use super::calibrate::calibrate;
use super::ci::CiArgs;
use super::hosts::{HostArgs, PreparedHosts};
use super::load::{Failed, internal, make_load};
use super::plan_file::{PlanFile, folder};
use super::saving::Saving;
use super::screen::Summary;
use super::signals::Signals;
use super::{ExitStatus, OverrideArgs, diagnostic, preflight, screen};
use crate::engine::{
    self, Event, FileDigest, Manifest, RowOutlook, RunSpec, ServerSide, Subscribers, Targets,
    file_digests,
};
use crate::machine::{Environment, MachineLimits, Probes, connections_per_target};
use crate::observe::{LivePage, Observer, PageAddress, ProgressMode, TextStyle};
use crate::plan::{MOST_RUNS, Plan, Target, sparse};
use crate::report::page::Page;
use crate::report::{self, RowSeries, text};
use crate::store::{Closed, Error, Finished, NewRun, SavedRun, ServerCounters, Store, UsedFile};
use clap::Args;
use clap_complete::ArgValueCompleter;
use jiff::Timestamp;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Its arguments.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct RunArgs {
    /// Plan to run.
    #[arg(value_name = "PLAN.toml", required = true, add = ArgValueCompleter::new(super::complete::plans))]
    pub(super) path: Option<PathBuf>,
    /// Create the run's result folder below this directory.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) overrides: OverrideArgs,
    #[command(flatten)]
    pub(super) hosts: HostArgs,
    #[command(flatten)]
    pub(super) ci: CiArgs,
    /// Choose how to show progress on standard error.
    #[arg(long, value_enum, default_value_t)]
    pub(super) progress: ProgressMode,
    /// Serve a live page of the run to browsers; alone, on a free port of this machine only.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0"
    )]
    pub(super) dashboard: Option<PageAddress>,
    /// Choose how much to print at the end of the run.
    #[arg(long, value_enum, default_value = "short")]
    summary: Summary,
    /// Start even if this machine or a target fails the preflight checks.
    #[arg(long)]
    force: bool,
    /// Skip the trial connection to each target before the run.
    #[arg(long)]
    no_probe: bool,
    /// Before the run, measure what load this machine can generate: each scenario for about two
    /// seconds against a built-in server. The reports say how much of it the run used.
    #[arg(long, conflicts_with = "hosts")]
    calibrate: bool,
    /// Ignore `[search]`: run the plan once, at the level of its stages.
    #[arg(long)]
    pub(super) no_search: bool,
    /// Run the plan this many times, in place of its `repeat`; `planrun compare` compares sets of
    /// runs.
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MOST_RUNS))]
    pub(super) repeat: Option<usize>,
    /// Run the plan against this address as well, in turns, and compare: A is the plan's own
    /// target. Replaces the sides of `[compare]`.
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub(super) versus: Option<String>,
    /// Run the plan once: ignore its `repeat`, `[compare]` and `[search]`.
    #[arg(long, conflicts_with_all = ["repeat", "versus"])]
    pub(super) once: bool,
}

impl RunArgs {
    /// The arguments of a run whose plan is known already.
    pub(super) fn again(out: PathBuf, progress: ProgressMode, force: bool) -> Self {
        Self {
            path: None,
            out,
            overrides: OverrideArgs::default(),
            hosts: HostArgs::default(),
            ci: CiArgs::default(),
            progress,
            dashboard: None,
            summary: Summary::Short,
            force,
            no_probe: false,
            calibrate: false,
            no_search: true,
            repeat: None,
            versus: None,
            once: true,
        }
    }
}

/// The result of one run.
pub(super) struct RunOutcome {
    pub(super) status: ExitStatus,
    /// The saved run; `None` if it never began or could not be completed.
    pub(super) saved: Option<Box<SavedRun>>,
}

impl From<ExitStatus> for RunOutcome {
    fn from(status: ExitStatus) -> Self {
        Self { status, saved: None }
    }
}

/// A plan that has passed its preflight.
struct PreparedRun {
    /// This program, which is started again as worker and as built-in server.
    exe: PathBuf,
    plan: PlanFile,
    limits: MachineLimits,
    /// Warnings, in words.
    warnings: Vec<String>,
    /// The hosts that make the load; `None`: this machine does.
    hosts: Option<PreparedHosts>,
}

/// One run; its summary goes to `summary`. `signals`: the caller's, which end the run; without them
/// the run listens for signals from its beginning. `page` shows it, too.
pub(super) fn run_once(
    args: &RunArgs,
    plan: PlanFile,
    signals: Option<&mut Signals>,
    page: Option<&LivePage>,
    summary: &mut dyn Write,
) -> RunOutcome {
    prepare(args, plan)
        .and_then(|prepared| execute(args, prepared, signals, page))
        .map_or_else(RunOutcome::from, |closed| report(closed, args.summary, summary))
}

/// Checks everything that can be known before anything is sent.
fn prepare(args: &RunArgs, mut plan_file: PlanFile) -> Result<PreparedRun, ExitStatus> {
    let PlanFile { plan, files, other_machine, .. } = &mut plan_file;
    if args.no_probe {
        plan.targets.iter_mut().for_each(|target| target.probe = false);
    }
    let exe = std::env::current_exe().map_err(|error| {
        let message = format!("cannot find this program to start workers of it: {error}");
        diagnostic::print_error(&message, None);
        ExitStatus::Internal
    })?;
    let limits = MachineLimits::read();
    let hosts = args.hosts.prepare(&exe, plan)?;
    let mut warnings = Vec::new();
    // Hosts check themselves.
    if hosts.is_none() {
        let probes = Probes::take(plan, &limits).with_files(plan, engine::file_memory(plan, files));
        warnings = preflight::check(plan, &limits, &probes, args.force)?;
    }
    warnings.extend(preflight::baseline(other_machine, args.force)?);
    if !args.no_probe {
        warnings.extend(preflight::monitors(plan, args.force)?);
    }
    warnings.extend(insecure(plan));
    warnings.extend(engine::row_outlooks(plan, files).iter().filter_map(RowOutlook::words));
    warnings.extend(sparse(plan).iter().map(|one| one.words(plan)));
    Ok(PreparedRun { exe, plan: plan_file, limits, warnings, hosts })
}

/// Resolves the targets, makes the load, saves what happened.
fn execute(
    args: &RunArgs,
    prepared: PreparedRun,
    signals: Option<&mut Signals>,
    page: Option<&LivePage>,
) -> Result<Closed, ExitStatus> {
    let PreparedRun { exe, plan, limits, warnings, hosts } = prepared;
    let mut own = None;
    let mut signals = match signals {
        None if args.calibrate => Some(own.insert(listen()?)),
        signals => signals,
    };
    let calibration = match &mut signals {
        Some(signals) if args.calibrate => {
            calibrate(&plan, (&exe, &limits), signals, args.progress)?
        }
        _ => Vec::new(),
    };
    let store = create_store(args, &plan)?;
    let targets = match find_targets(args, &plan, &exe) {
        Ok(targets) => targets,
        Err(status) => {
            store.discard();
            return Err(status);
        }
    };
    let (source, overrides) = (plan.source.clone(), plan.overrides.clone());
    let manifest = Manifest::resolve(plan.plan, plan.files, &targets, &limits);
    let hosts = hosts.map(|hosts| {
        let fit = (!args.no_probe, args.force);
        (hosts.spec((&source, &overrides), &manifest, fit), hosts)
    });
    let mut observer = observer(&manifest.plan, args.progress, &store).with_page(page);
    let mut saving = Saving {
        store,
        paths: manifest.network_paths(),
        files: used_files(&manifest),
        limits: limits.clone(),
        calibration,
    };
    let mut subscribers = Subscribers::default().with(&mut observer).with(&mut saving);
    let spec = RunSpec {
        exe,
        manifest,
        servers: targets.server_pids(),
        cores: limits.cpus.map_or(1, |cpus| cpus as usize),
        warnings,
        hosts: hosts.as_ref().map(|(spec, _)| spec.clone()),
    };
    let ended = make_load(spec, signals, &mut subscribers);
    drop(hosts);
    let limits = Some(MachineLimits::read());
    let (servers, problems) = targets.stop();
    let result = ended.map(|ended| {
        let finished = Event::Finished { verdict: ended.verdict, servers: servers.clone() };
        subscribers.notify(&finished, &ended.recording);
    });
    let counters =
        |side: ServerSide| ServerCounters { target: side.target, counters: side.counters };
    let finished = Finished { servers: servers.into_iter().map(counters).collect(), limits };
    // Renderers may be slow; the results are saved by then.
    let closed = close(saving.store, result, finished);
    observer.finish();
    for problem in &problems {
        diagnostic::print_error(&problem.to_string(), None);
    }
    closed.map_err(|Failed { message, help, status }| {
        diagnostic::print_error(&message, help);
        status
    })
}

/// Resolves and probes the targets, and starts the built-in servers.
fn find_targets(args: &RunArgs, file: &PlanFile, exe: &Path) -> Result<Targets, ExitStatus> {
    let connections = connections_per_target(&file.plan);
    let files = (folder(&file.source), &file.pem);
    // Hosts that make the load try the targets themselves.
    let force = args.force || args.hosts.count(&file.plan).is_some();
    Targets::prepare(&file.plan, files, exe, &connections, force).map_err(|error| {
        diagnostic::print_error(&error.to_string(), Some(&error.help()));
        ExitStatus::NotFit
    })
}

/// The run's folder, made before anything is sent.
fn create_store(args: &RunArgs, file: &PlanFile) -> Result<Store, ExitStatus> {
    let PlanFile { source, overrides, plan, .. } = file;
    let environment = Environment::read();
    let run = NewRun {
        plan,
        text: &source.text,
        overrides,
        baseline: file.baseline.as_ref(),
        now: Timestamp::now(),
        environment: &environment,
    };
    let series = Box::new(RowSeries::new(plan));
    Store::create(&args.out, &run, series).map_err(|error| {
        let help = "give a folder that can be written to: `--out DIR`";
        diagnostic::print_error(&error.to_string(), Some(help));
        ExitStatus::Internal
    })
}

/// Writes the reports of the saved run, prints the summary and returns the result.
fn report(closed: Closed, detail: Summary, to: &mut dyn Write) -> RunOutcome {
    let Closed { saved, problems, lock: _lock } = closed;
    let mut made = report::write(&saved, problems);
    let mut summary = Vec::new();
    let page = &mut Page::new(&mut summary, screen::columns());
    if let Err(reason) = text::write(&saved, &made, detail.into(), page) {
        made.problems.push(Error::Write { path: "the summary".into(), reason });
    }
    // Whoever closes the pipe has read enough.
    let _ = to.write_all(&summary);
    let help = "`planrun report DIR` makes the reports again from what was saved";
    for problem in &made.problems {
        diagnostic::print_error(&problem.to_string(), Some(help));
    }
    let status =
        if made.problems.is_empty() { ExitStatus::of_run(&saved) } else { ExitStatus::Internal };
    RunOutcome { status, saved: Some(Box::new(saved)) }
}

/// Completes the results; a run that sent nothing leaves none.
fn close(store: Store, result: Result<(), Failed>, finished: Finished) -> Result<Closed, Failed> {
    match result {
        Ok(()) => store.finish(finished).map_err(|error| internal(&error.to_string())),
        Err(why) => {
            if why.status == ExitStatus::NotFit {
                store.discard();
            }
            Err(why)
        }
    }
}

/// Signals for a calibration and the run behind it.
fn listen() -> Result<Signals, ExitStatus> {
    Signals::listen().map_err(|error| {
        diagnostic::print_error(&error.to_string(), None);
        ExitStatus::Internal
    })
}

/// Warnings about the evidence, in words.
fn insecure(plan: &Plan) -> impl Iterator<Item = String> {
    let any = |target: &&Target| target.tls.as_ref().is_some_and(|tls| tls.insecure);
    plan.targets.iter().filter(any).map(|target| {
        format!("target `{}`: any certificate is accepted (`insecure = true`)", target.name)
    })
}

/// The files that requests are made from, as the run's folder names them.
fn used_files(manifest: &Manifest) -> Vec<UsedFile> {
    let used = |digest: FileDigest<'_>| UsedFile {
        scenario: digest.scenario.to_owned(),
        path: digest.path.display().to_string(),
        bytes: digest.bytes,
        sha256: digest.sha256,
    };
    file_digests(&manifest.plan, &manifest.files).into_iter().map(used).collect()
}

/// The renderers of the run in progress.
fn observer(plan: &Plan, progress: ProgressMode, store: &Store) -> Observer {
    let terminal = std::io::stderr().is_terminal();
    let variable = |name: &str| std::env::var(name).ok();
    let progress = progress.resolve(terminal, variable("TERM").as_deref());
    let style = TextStyle::of(terminal && colours(), variable);
    Observer::new(plan, progress, store.folder(), style)
}

fn colours() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
