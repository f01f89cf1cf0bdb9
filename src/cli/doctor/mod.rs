//! The `doctor` subcommand: compares this machine's limits with what a plan needs.

mod hosts;
mod json;
pub(super) mod page;

pub(super) use json::DoctorReport;

use super::ci::When;
use super::hosts::HostArgs;
use super::{ExitStatus, OverrideArgs, diagnostic, plan_file::PlanFile, print_result, screen};
use crate::engine::file_memory;
use crate::machine::{
    Advice, Headroom, HostRoot, MachineLimits, Probes, Requirement, RequirementStatus, advice,
    both_ends_here, grouped, one_end_here, preflight,
};
use crate::plan::Plan;
use crate::report::page::Page;
use crate::workload::http::ScenarioFiles;
use clap::Args;
use clap_complete::ArgValueCompleter;
use std::io::Write;
use std::path::PathBuf;

/// Its arguments.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Plan to compare with; without one, print what this machine can do.
    #[arg(value_name = "PLAN.toml", add = ArgValueCompleter::new(super::complete::plans))]
    plan: Option<PathBuf>,
    #[command(flatten)]
    overrides: OverrideArgs,
    #[command(flatten)]
    hosts: HostArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn doctor(args: &DoctorArgs) -> ExitStatus {
    let limits = MachineLimits::read();
    let examination = match &args.plan {
        Some(path) => match PlanFile::read(path, &args.overrides, When::Never) {
            Ok(file) if args.hosts.count(&file.plan).is_some() => {
                return match PlanFile::read_for_load(path, &args.overrides, When::Never) {
                    Ok(file) => hosts::examine(&args.hosts, &file, args.json),
                    Err(wrong) => wrong,
                };
            }
            Ok(PlanFile { plan, files, .. }) => Examination::of_plan(plan, &files, &limits),
            Err(wrong) => return wrong,
        },
        None if args.hosts.are_given() => {
            let help = "name one: `planrun doctor PLAN.toml --hosts 3`";
            diagnostic::print_error("`--hosts` needs a plan", Some(help));
            return ExitStatus::WrongPlan;
        }
        None => Examination::of_machine(&limits),
    };
    if let Err((message, help)) = args.hosts.without_hosts() {
        diagnostic::print_error(&message, Some(&help));
        return ExitStatus::WrongPlan;
    }
    let mut text = Vec::new();
    let page = &mut Page::new(&mut text, screen::terminal().unwrap_or(usize::MAX));
    let written = if args.json {
        json::json(&examination)
            .map_err(std::io::Error::from)
            .and_then(|text| page.write_all(text.as_bytes()))
    } else {
        page::write(&examination, page)
    };
    match if written.is_ok() { print_result(&text) } else { ExitStatus::Internal } {
        ExitStatus::Pass if !examination.fit() => ExitStatus::NotFit,
        printed => printed,
    }
}

/// The result.
struct Examination {
    subject: Subject,
    limits: MachineLimits,
    advice: Vec<Advice>,
    probes: Probes,
}

/// The question.
enum Subject {
    /// Whether a plan can be run.
    Plan { plan: Box<Plan>, rows: Vec<Requirement> },
    /// The limits with both ends of every connection here, and with one.
    Machine { both_ends: Vec<Requirement>, one_end: Vec<Requirement> },
}

impl Examination {
    fn of_plan(plan: Plan, files: &[ScenarioFiles], limits: &MachineLimits) -> Self {
        let probes = Probes::take(&plan, limits).with_files(&plan, file_memory(&plan, files));
        let rows = preflight(&plan, limits, &probes);
        let subject = Subject::Plan { plan: Box::new(plan), rows };
        Self { probes, ..Self::new(subject, limits) }
    }

    fn of_machine(limits: &MachineLimits) -> Self {
        let (both, one) = (both_ends_here(), one_end_here());
        let probes = Probes::take(&both, limits);
        let both_ends = preflight(&both, limits, &probes);
        let one_end = preflight(&one, limits, &probes);
        Self::new(Subject::Machine { both_ends, one_end }, limits)
    }

    fn new(subject: Subject, limits: &MachineLimits) -> Self {
        Self {
            subject,
            limits: limits.clone(),
            advice: advice(&HostRoot::default()),
            probes: Probes::default(),
        }
    }

    /// Whether a run could start. A machine by itself is always fit for something.
    fn fit(&self) -> bool {
        match &self.subject {
            Subject::Plan { rows, .. } => {
                rows.iter().all(|row| row.status != RequirementStatus::Fail)
            }
            Subject::Machine { .. } => true,
        }
    }
}

/// `2,576,113 connections (memory)`.
fn reach_words(rows: &[Requirement]) -> String {
    match Headroom::of(rows) {
        Some(reach) => {
            format!("{} connections ({})", grouped(reach.connections), reach.limited_by.name())
        }
        None => "no bound that can be read".to_owned(),
    }
}
