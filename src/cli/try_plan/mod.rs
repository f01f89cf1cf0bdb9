//! The `try` subcommand: one pass of each scenario, exchange by exchange.
//!
//! **Invariant:** every text of the target, and every byte of it, reaches the terminal by way of
//! `units::visible`, and without the values of the environment unless they are asked for.

mod body;
mod exchange;
mod held;
mod transcript;

use super::plan_file::{PlanFile, folder};
use super::{ExitStatus, OverrideArgs, ci, complete, diagnostic, print_result, screen};
use crate::engine::{Manifest, Resolved, Targets, TrialOptions, Tried, trial_plan, try_scenario};
use crate::machine::{MachineLimits, connections_per_target};
use crate::plan::{Scenario, Secrets};
use crate::units::{Time, figure, visible};
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::path::PathBuf;
use transcript::Transcript;

const EXIT_STATUS: &str = "\
Exit status:
  0  every exchange succeeded, and every check held
  1  an exchange failed, or a check did not hold
  2  wrong plan or command line; nothing was sent
  4  a target cannot be resolved or started; nothing was sent";

/// Its arguments.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct TryArgs {
    /// Plan to try.
    #[arg(value_name = "PLAN.toml", add = ArgValueCompleter::new(complete::plans))]
    plan: PathBuf,
    /// Try only this scenario; may be given several times.
    #[arg(long, value_name = "SCENARIO", add = ArgValueCompleter::new(complete::scenarios))]
    scenario: Vec<String>,
    /// Send only this request; of `steps` also those before it, which may extract what it needs.
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::requests))]
    request: Option<String>,
    /// Take this row of the data, from 1. Default: the row that the first pass of a run takes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    row: Option<u64>,
    /// Override a key of the plan, by its dotted path; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE", add = ArgValueCompleter::new(complete::settings))]
    set: Vec<String>,
    /// Use another address for a target of the plan; may be given several times.
    #[arg(
        long = "target",
        value_name = "NAME=ADDRESS",
        add = ArgValueCompleter::new(complete::targets)
    )]
    target: Vec<String>,
    /// tcp-hold, ws-hold: listen for this long to a connection that is open.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    wait: Time,
    /// Show values that the plan takes from the environment.
    #[arg(long)]
    show_secrets: bool,
}

/// A time of the command line.
fn time(text: &str) -> Result<Time, String> {
    text.parse::<Time>().map_err(|error| error.message)
}

pub(super) fn try_plan(args: &TryArgs) -> ExitStatus {
    tried(args).unwrap_or_else(|status| status)
}

fn tried(args: &TryArgs) -> Result<ExitStatus, ExitStatus> {
    let overrides = OverrideArgs {
        set: args.set.clone(),
        scale: None,
        target: args.target.clone(),
        only: args.scenario.clone(),
        baseline: None,
    };
    let PlanFile { source, plan, files, pem, .. } =
        PlanFile::read_for_load(&args.plan, &overrides, ci::When::Never)?;
    let options = TrialOptions { request: args.request.as_deref(), row: args.row };
    let kept = plan.scenarios.clone();
    let plan = trial_plan(plan, options).map_err(|why| {
        diagnostic::print_error(&why, Some("`planrun check` lists the requests of a plan"));
        ExitStatus::WrongPlan
    })?;
    let is_kept = |one: &Scenario| plan.scenarios.iter().any(|own| own.name == one.name);
    let files = kept.iter().zip(files).filter(|(one, _)| is_kept(one)).map(|(_, files)| files);
    let files: Vec<_> = files.collect();
    let exe = std::env::current_exe().map_err(|error| {
        diagnostic::print_error(&format!("cannot find this program: {error}"), None);
        ExitStatus::Internal
    })?;
    let connections = connections_per_target(&plan);
    let targets = Targets::prepare(&plan, (folder(&source), &pem), &exe, &connections, true);
    let targets = targets.map_err(|error| {
        diagnostic::print_error(&error.to_string(), Some(&error.help()));
        ExitStatus::NotFit
    })?;
    let manifest = Manifest::resolve(plan, files, &targets, &MachineLimits::read());
    let status = all(args, &manifest);
    let (_, problems) = targets.stop();
    for problem in &problems {
        diagnostic::print_error(&problem.to_string(), None);
    }
    status
}

/// Tries each scenario in turn.
fn all(args: &TryArgs, manifest: &Manifest) -> Result<ExitStatus, ExitStatus> {
    let (mut failed, mut tried) = (0, 0);
    for (at, scenario) in manifest.plan.scenarios.iter().enumerate() {
        let resolved = &manifest.targets[scenario.target];
        print(&format!("{}{}", if at > 0 { "\n" } else { "" }, heading(scenario, resolved)))?;
        let (ends, wrong) = one(args, manifest, at)?;
        (tried, failed) = (tried + ends, failed + wrong);
    }
    let noun = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        many => format!("{} {one}s", figure::grouped(many)),
    };
    let result = match failed {
        0 => format!("\n{} succeeded\n", noun(tried, "exchange")),
        _ => format!("\n{} of {} failed\n", figure::grouped(failed), noun(tried, "exchange")),
    };
    print(&result)?;
    Ok(if failed > 0 { ExitStatus::Fail } else { ExitStatus::Pass })
}

/// Tries one scenario; how many attempts it made, and how many of them failed.
fn one(args: &TryArgs, manifest: &Manifest, at: usize) -> Result<(u64, u64), ExitStatus> {
    let scenario = &manifest.plan.scenarios[at];
    let inputs = manifest.for_workers(at);
    let width = screen::terminal().unwrap_or(usize::MAX);
    let secrets = if args.show_secrets { Secrets::default() } else { scenario.protocol.secrets() };
    let (mut tried, mut failed, mut printed) = (0, 0, Ok(()));
    let mut show = |one| {
        let mut text = Transcript::new(width, &secrets);
        let outcome = match one {
            Tried::Exchange(one) => exchange::write(&mut text, &scenario.protocol, &one),
            Tried::Connection(one) => Some(held::write(&mut text, &one, args.wait)),
        };
        tried += u64::from(outcome.is_some());
        failed += u64::from(outcome == Some(false));
        printed = printed.and_then(|()| print(&text.finish()));
    };
    try_scenario(inputs, args.row, args.wait, &mut show).map_err(|error| {
        diagnostic::print_error(&error.to_string(), None);
        ExitStatus::Internal
    })?;
    printed.map(|()| (tried, failed))
}

/// `scenario shop · http · target web: localhost:8080, resolved in 0.3 ms: 127.0.0.1:8080`.
fn heading(scenario: &Scenario, resolved: &Resolved) -> String {
    let addresses: Vec<String> = resolved.addresses.iter().map(ToString::to_string).collect();
    let addresses = addresses.join(", ");
    let written = resolved.written.join(", ");
    let found = match resolved.resolved_in_ns {
        Some(ns) => {
            format!("{written}, resolved in {}: {addresses}", figure::time(ns as f64))
        }
        None if written == addresses => addresses,
        None => format!("{written}: {addresses}"),
    };
    let (name, kind) = (&scenario.name, scenario.protocol.name());
    let line = format!("scenario {name} · {kind} · target {}: {found}", resolved.name);
    format!("{}\n", visible(&line))
}

fn print(text: &str) -> Result<(), ExitStatus> {
    match print_result(text.as_bytes()) {
        ExitStatus::Pass => Ok(()),
        status => Err(status),
    }
}

#[cfg(test)]
mod tests;
