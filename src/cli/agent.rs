//! `planrun agent`: this host's part of a run on several hosts.

#![expect(
    clippy::disallowed_methods,
    reason = "`${env.NAME}` of a plan is taken from the host's own environment"
)]

use super::signals::Signals;
use super::{ExitStatus, diagnostic, hosts};
use crate::engine::{AgentError, AgentSpec, AllowedTarget, attend};
use crate::units::Time;
use clap::Args;
use std::io::Write;
use std::time::Duration;

/// Its arguments.
#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    /// Reach the coordinator by this NATS server; `-` reads the URL from standard input. Default:
    /// the environment's `PLANRUN_NATS`.
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Take part in this run.
    #[arg(long = "run", value_name = "ID")]
    run_id: String,
    /// Take this slot, from 0; alone, any that is free.
    #[arg(long, value_name = "N")]
    slot: Option<u16>,
    /// Take the slot that this variable of the environment says: `SLURM_PROCID`,
    /// `JOB_COMPLETION_INDEX`.
    #[arg(long, value_name = "NAME", conflicts_with = "slot")]
    slot_env: Option<String>,
    /// Send load to no targets but these: a network, an address, or a name that this host resolves.
    /// May be given several times. Default: to any.
    #[arg(long, value_name = "CIDR|HOST")]
    allow_target: Vec<AllowedTarget>,
    /// Call this host so. Default: its host name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Wait this long for the run to begin. Default: 60s.
    #[arg(long, value_name = "TIME")]
    wait: Option<Time>,
    /// Take part only if the plan's file has this SHA-256.
    #[arg(long, value_name = "HEX")]
    plan_sha256: Option<String>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

pub(super) fn agent(args: &AgentArgs) -> ExitStatus {
    let checked = hosts::check_name(&args.run_id)
        .and_then(|()| slot(args))
        .and_then(|slot| Ok((slot, hosts::broker_of(args.nats.as_deref())?)));
    let (slot, broker) = match checked {
        Ok(checked) => checked,
        Err((message, help)) => {
            diagnostic::print_error(&message, Some(&help));
            return ExitStatus::WrongPlan;
        }
    };
    let (exe, signals) = match (std::env::current_exe(), Signals::listen()) {
        (Ok(exe), Ok(signals)) => (exe, signals),
        (Err(error), _) | (_, Err(error)) => {
            diagnostic::print_error(&format!("cannot begin: {error}"), None);
            return ExitStatus::Internal;
        }
    };
    let spec = AgentSpec {
        exe,
        broker,
        broker_ca: hosts::broker_ca(),
        run: args.run_id.clone(),
        slot,
        allowed: args.allow_target.clone(),
        name: args.name.clone().unwrap_or_else(host_name),
        wait: args.wait.map_or(Duration::from_mins(1), |time| time.0),
        plan_sha256: args.plan_sha256.clone(),
        environment: |name| std::env::var(name).ok(),
        say: if args.quiet { |_| {} } else { say },
    };
    let mut signals = signals;
    match signals.during(async |asked| Box::pin(attend(&spec, asked)).await) {
        Ok(()) => ExitStatus::Pass,
        Err(error) => {
            diagnostic::print_error(&error.to_string(), None);
            match error {
                AgentError::NotFit { .. } | AgentError::Broker(_) => ExitStatus::NotFit,
                AgentError::Ended { .. } => ExitStatus::Invalid,
            }
        }
    }
}

/// The slot that it is to take.
fn slot(args: &AgentArgs) -> Result<Option<u16>, (String, String)> {
    let Some(name) = &args.slot_env else { return Ok(args.slot) };
    let text = std::env::var(name).unwrap_or_default();
    let slot = text.parse().map(Some);
    slot.map_err(|_| {
        let message = format!("expected a slot in the environment's `{name}`, found `{text}`");
        (message, "give `--slot N`, or leave it out to take any that is free".to_owned())
    })
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "host".to_owned())
}

fn say(what: &str) {
    // Whoever closes standard error has read enough.
    let _ = writeln!(anstream::stderr(), "agent: {what}");
}
