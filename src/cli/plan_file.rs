//! Turns a path and the overrides of the command line into a plan and the files that it names, read
//! once.

#![expect(
    clippy::disallowed_methods,
    reason = "`${env.NAME}` of a plan is taken from the environment"
)]

use super::ci::{self, When};
use super::{ExitStatus, OverrideArgs, diagnostic, elsewhere, refuse};
use crate::engine::{self, FileProblem};
use crate::machine::Environment;
use crate::plan::{LARGEST_PLAN, Overrides, Plan, PlanErrors, Source, TextRange};
use crate::results::baseline;
use crate::store::{Baseline, SavedRun};
use crate::workload::http::ScenarioFiles;
use crate::workload::tls::PemFiles;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

impl From<&OverrideArgs> for Overrides {
    fn from(args: &OverrideArgs) -> Self {
        let OverrideArgs { set, scale, target, only, baseline } = args.clone();
        Self { set, scale, target, only, baseline }
    }
}

/// The help for a relative bound without a baseline.
const NO_BASELINE: &str = "add `baseline = \"results/…\"` to the first lines of the plan, or pass \
    `--baseline DIR`: the result folder of an earlier run of this plan";

/// A plan and everything that was read for it, once.
#[derive(Debug, Clone)]
pub(super) struct PlanFile {
    pub(super) source: Source,
    pub(super) overrides: Overrides,
    pub(super) plan: Plan,
    /// The files that each scenario names.
    pub(super) files: Vec<ScenarioFiles>,
    /// The certificates and keys that its targets name; read when the first run needs them.
    pub(super) pem: PemFiles,
    /// The run that its thresholds are relative to.
    pub(super) baseline: Option<Baseline>,
    /// How the machine of that run differs from this one, in words.
    pub(super) other_machine: Vec<String>,
}

impl PlanFile {
    /// Reads a plan and the files that it names. Their errors are on standard error by then, also
    /// for the CI system around it.
    pub(super) fn read(path: &Path, args: &OverrideArgs, ci: When) -> Result<Self, ExitStatus> {
        let mut file = Self::read_for_load(path, args, ci)?;
        file.read_baseline(ci)?;
        Ok(file)
    }

    /// The same for whoever judges nothing: bounds that are relative to a baseline stay so.
    pub(super) fn read_for_load(
        path: &Path,
        args: &OverrideArgs,
        ci: When,
    ) -> Result<Self, ExitStatus> {
        if let Some(answer) = elsewhere::of_path(path) {
            return Err(refuse(&answer));
        }
        let text = read_text(path).map_err(|(message, help)| {
            diagnostic::print_error(&message, help);
            ExitStatus::WrongPlan
        })?;
        let source = Source { name: path.display().to_string(), text };
        let overrides = Overrides::from(args);
        let plan = parse(&source, &overrides).map_err(|errors| refuse_plan(&errors, ci))?;
        let files = engine::read_files(&plan, folder(&source))
            .map_err(|problems| refuse_plan(&of_files(&source, problems), ci))?;
        Ok(Self::new(source, overrides, plan, files))
    }

    fn new(source: Source, overrides: Overrides, plan: Plan, files: Vec<ScenarioFiles>) -> Self {
        Self {
            source,
            overrides,
            plan,
            files,
            pem: PemFiles::default(),
            baseline: None,
            other_machine: Vec::new(),
        }
    }

    /// Makes bounds that are relative to the baseline absolute.
    fn hold_against(&mut self) {
        if let Some(baseline) = &self.baseline {
            baseline.apply(&mut self.plan);
        }
    }

    /// Reads the baseline that the plan or the command line names.
    fn read_baseline(&mut self, ci: When) -> Result<(), ExitStatus> {
        if !self.plan.needs_baseline() {
            return Ok(());
        }
        let Some(named) = self.plan.baseline.clone() else {
            return Err(refuse_plan(&PlanErrors::of_files(&self.source, lacking(&self.plan)), ci));
        };
        let any = |name: &str| std::env::var(name).ok().or_else(|| Some("unset".to_owned()));
        let plan = Plan::parse_without_values(&self.source, &self.overrides, &any)
            .map_err(|errors| refuse_plan(&errors, ci))?;
        let path = match &named.spot {
            Some(_) => folder(&self.source).join(&named.path),
            None => named.path.clone(),
        };
        match baseline::read(&path, &plan, &Environment::read()) {
            Ok(read) => {
                self.baseline = Some(read.baseline);
                self.other_machine = read.other_machine;
                self.hold_against();
                Ok(())
            }
            Err(error) if named.spot.is_some() => {
                let all = [(named.spot, error.to_string(), error.help().to_owned())];
                Err(refuse_plan(&PlanErrors::of_files(&self.source, all), ci))
            }
            Err(error) => {
                diagnostic::print_error(&format!("--baseline: {error}"), Some(error.help()));
                Err(ExitStatus::WrongPlan)
            }
        }
    }

    /// The plan of a saved run, with the files that it names in `files`, and targets at other
    /// addresses.
    pub(super) fn of_saved(
        run: &SavedRun,
        files: &Path,
        targets: &[String],
    ) -> Result<Self, ExitStatus> {
        let text = read_text(&run.plan_file()).map_err(|(message, help)| {
            diagnostic::print_error(&message, help);
            ExitStatus::WrongPlan
        })?;
        let source = Source { name: files.join("plan.toml").display().to_string(), text };
        let mut overrides = run.header.overrides.clone();
        overrides.target.extend(targets.iter().cloned());
        let variable = |name: &str| std::env::var(name).ok();
        let plan = Plan::parse_saved(&source, &overrides, &variable)
            .map_err(|errors| refuse_plan(&errors, When::Never))?;
        let files = engine::read_files(&plan, folder(&source))
            .map_err(|problems| refuse_plan(&of_files(&source, problems), When::Never))?;
        let mut file = Self::new(source, overrides, plan, files);
        file.baseline.clone_from(&run.header.baseline);
        file.hold_against();
        Ok(file)
    }

    /// The same plan with one more `--set`, which changes a level and no file: nothing is read
    /// again.
    pub(super) fn at_level(&self, setting: String) -> Result<Self, ExitStatus> {
        let mut overrides = self.overrides.clone();
        overrides.set.push(setting);
        self.with_overrides(overrides)
    }

    /// The same plan changed otherwise, though in no file that it names: nothing is read again.
    pub(super) fn with_overrides(&self, overrides: Overrides) -> Result<Self, ExitStatus> {
        let mut changed = self.clone();
        changed.overrides = overrides;
        changed.plan = parse(&changed.source, &changed.overrides)
            .map_err(|errors| refuse_plan(&errors, When::Never))?;
        changed.hold_against();
        engine::recheck_files(&changed.plan, &changed.files)
            .map_err(|problems| refuse_plan(&of_files(&changed.source, problems), When::Never))?;
        Ok(changed)
    }
}

fn parse(source: &Source, overrides: &Overrides) -> Result<Plan, PlanErrors> {
    Plan::parse(source, overrides, &|name| std::env::var(name).ok())
}

/// The bounds that are relative to nothing.
fn lacking(plan: &Plan) -> Vec<(TextRange, String, String)> {
    let thresholds = plan.scenarios.iter().flat_map(|scenario| &scenario.thresholds);
    let relative = thresholds.filter_map(|threshold| threshold.relative.as_ref());
    let mut all: Vec<(TextRange, String, String)> = relative
        .map(|one| {
            let message = format!("`{}` is relative to a baseline, and there is none", one.written);
            (one.spot.clone(), message, NO_BASELINE.to_owned())
        })
        .collect();
    // One of each stage stands for all of them.
    all.dedup();
    all
}

fn of_files(source: &Source, problems: Vec<FileProblem>) -> PlanErrors {
    let all = problems.into_iter().map(|one| (one.spot, one.message, one.help));
    PlanErrors::of_files(source, all)
}

fn refuse_plan(errors: &PlanErrors, ci: When) -> ExitStatus {
    diagnostic::print_plan_errors(errors);
    ci::annotate_plan(errors, ci, &|name| std::env::var_os(name));
    ExitStatus::WrongPlan
}

/// Where the plan is: the files that it names are seen from there.
pub(super) fn folder(source: &Source) -> &Path {
    Path::new(&source.name).parent().unwrap_or(Path::new(""))
}

/// The text of a file that is at most as large as a plan may be.
fn read_text(path: &Path) -> Result<String, (String, Option<&'static str>)> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| {
        let help = match error.kind() {
            ErrorKind::NotFound => Some("`planrun init` writes a plan to start from"),
            ErrorKind::IsADirectory => Some("give the plan's file"),
            _ => None,
        };
        (format!("cannot read the plan {shown}: {}", reason(error)), help)
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let limit = LARGEST_PLAN as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > LARGEST_PLAN {
        let help = Some("a plan is a page of text: is this the right file?");
        return Err((format!("the plan {shown} is larger than 1 MiB"), help));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let help = "save the file as UTF-8; zero bytes are found in UTF-16, and in files that are not text";
        return Err((format!("the plan {shown} is not text: byte {at} is zero"), Some(help)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        let byte = error.as_bytes()[at];
        (
            format!("the plan {shown} is not UTF-8: byte {at} (line {line}) is 0x{byte:02x}"),
            Some("save the file as UTF-8"),
        )
    })
}

/// The system's error text, without its number.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
