//! Turns the folder of an earlier run into the figures that relative thresholds are held against.
//!
//! **Invariant:** a figure comes from the same judge as the verdict, for the same stages, phases,
//! requests and windows: nothing is measured in a second way.

use super::compare::machines;
use crate::machine::Environment;
use crate::plan::{Metric, Monitor, Plan, Scenario, Threshold};
use crate::schedule::Digests;
use crate::store::{Baseline, BaselineFigure, Error, Line, SavedRun};
use crate::verdict::{Finding, Judge, ThresholdState, Verdict};
use std::path::{Path, PathBuf};

/// A baseline, and how the machine that made it differs from this one.
#[derive(Debug, Clone)]
pub struct ReadBaseline {
    /// The figures that the run's folder keeps.
    pub baseline: Baseline,
    /// Differences between the machines, in words.
    pub other_machine: Vec<String>,
}

/// Why a run cannot be a baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(Error),
    /// Its recording ends early.
    #[error("{path} cannot be a baseline: {reason}", path = path.display())]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// The problem of the run.
        reason: String,
    },
    /// Its load is another one.
    #[error("{path} cannot be a baseline: it has another {what} than this plan", path = path.display())]
    OtherLoad {
        /// The folder.
        path: PathBuf,
        /// The differences.
        what: &'static str,
    },
    /// It has no figure for a threshold.
    #[error("{path} has no figure for `{condition}`: {reason}", path = path.display())]
    NoFigure {
        /// The folder.
        path: PathBuf,
        /// The threshold.
        condition: String,
        /// Why not.
        reason: String,
    },
}

impl BaselineError {
    /// The remedy.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Folder(_) => "give the folder of one run: results/NAME/TIME-DIGEST",
            Self::Unfit { .. } => "give a run of this plan that came to its end and is not INVALID",
            Self::OtherLoad { .. } => {
                "run this plan with the same options against the version to compare with, and give \
                 the folder of that run"
            }
            Self::NoFigure { .. } => {
                "run this plan with an absolute bound first, and give the folder of that run"
            }
        }
    }
}

/// Reads the figures for the relative thresholds of `plan`, which is to be without values of the
/// environment; `environment` is that of this machine.
///
/// # Errors
/// When the folder holds no run, its run is damaged, INVALID, or has another load, or it has no
/// figure for a threshold.
pub fn read(
    folder: &Path,
    plan: &Plan,
    environment: &Environment,
) -> Result<ReadBaseline, BaselineError> {
    let run = SavedRun::open(folder).map_err(BaselineError::Folder)?;
    check(&run, plan)?;
    let environment = serde_json::to_value(environment).unwrap_or_default();
    let baseline = Baseline {
        run: name_of(folder),
        created_at: run.header.created_at,
        tool: run.header.tool.clone(),
        figures: figures(&run, plan)?,
    };
    Ok(ReadBaseline { baseline, other_machine: machines(&run.environment, &environment) })
}

/// The last two parts of a path.
fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let parts: Vec<_> = whole.iter().collect();
    let last = &parts[parts.len().saturating_sub(2)..];
    last.iter().collect::<PathBuf>().display().to_string()
}

/// Whether its figures are of the same load, and of any worth.
fn check(run: &SavedRun, plan: &Plan) -> Result<(), BaselineError> {
    let path = || run.folder.clone();
    let unfit = |reason: String| BaselineError::Unfit { path: path(), reason };
    let (is, wanted) = (Digests::of(&run.plan_without_values), Digests::of(plan));
    if is.workload != wanted.workload {
        return Err(BaselineError::OtherLoad { path: path(), what: "workload" });
    }
    if is.schedule != wanted.schedule {
        return Err(BaselineError::OtherLoad { path: path(), what: "schedule" });
    }
    if run.damage.is_some() || !run.missing.is_empty() {
        return Err(unfit(format!("{} is damaged", run.recording_file)));
    }
    if !run.complete() {
        return Err(unfit("the run was cut off, or is still active".to_owned()));
    }
    if run.judgement.verdict == Verdict::Invalid {
        let mut rules: Vec<&str> =
            run.judgement.breaches.iter().map(|one| one.rule.name()).collect();
        rules.dedup();
        return Err(unfit(format!("it is INVALID ({})", rules.join(", "))));
    }
    Ok(())
}

/// The figure of each relative threshold.
fn figures(run: &SavedRun, plan: &Plan) -> Result<Vec<BaselineFigure>, BaselineError> {
    let mut asked = run.plan.clone();
    for (of, scenario) in asked.scenarios.iter_mut().zip(&plan.scenarios) {
        of.thresholds.clear();
        for threshold in &scenario.thresholds {
            let metric = same_metric(threshold, (scenario, plan), (of, &run.plan));
            let metric = metric.map_err(|reason| no_figure(run, threshold, reason))?;
            of.thresholds.push(Threshold { metric, ..threshold.clone() });
        }
    }
    let mut judge = Judge::new(&asked);
    let read = run.replay(&mut |line| match line {
        Line::Entry(entry) => judge.add(entry),
        Line::Durations(of) => judge.add_durations(of.scenario, &of.cells),
        Line::Header(_) | Line::Started(_) | Line::Finished(_) => {}
    });
    read.map_err(BaselineError::Folder)?;
    let mut figures = Vec::new();
    for finding in judge.judgement().findings {
        let scenario = &plan.scenarios[usize::from(finding.scenario)];
        let threshold = &scenario.thresholds[usize::from(finding.threshold)];
        if threshold.relative.is_some() {
            let value = value_of(&finding).map_err(|reason| no_figure(run, threshold, reason))?;
            let (scenario, number) = (finding.scenario, finding.threshold);
            let samples = finding.samples;
            figures.push(BaselineFigure { scenario, threshold: number, value, samples });
        }
    }
    Ok(figures)
}

fn no_figure(run: &SavedRun, threshold: &Threshold, reason: String) -> BaselineError {
    let (path, condition) = (run.folder.clone(), threshold.condition.clone());
    BaselineError::NoFigure { path, condition, reason }
}

/// The metric of a threshold as the other plan numbers it. Plans of one workload may have other
/// monitors, and count responses within other times.
fn same_metric(
    threshold: &Threshold,
    (_, plan): (&Scenario, &Plan),
    (scenario, of): (&Scenario, &Plan),
) -> Result<Metric, String> {
    match threshold.metric {
        // Thresholds with an absolute bound are not evaluated there.
        metric if threshold.relative.is_none() => Ok(metric),
        Metric::Within(time) if !scenario.protocol.within().contains(&time) => {
            Err(format!("it did not count responses within {time}"))
        }
        Metric::Monitor { monitor, metric, stat } => {
            let wanted = plan.monitors.get(usize::from(monitor));
            let named = wanted.and_then(|one| Some((one, one.metrics.get(usize::from(metric))?)));
            let found = named.and_then(|(wanted, name)| {
                let is_same = |one: &Monitor| one.name == wanted.name;
                let monitor = of.monitors.iter().position(is_same)?;
                let metrics = &of.monitors[monitor].metrics;
                let metric = metrics.iter().position(|one| one.name == name.name)?;
                Some((u16::try_from(monitor).ok()?, u16::try_from(metric).ok()?))
            });
            let (monitor, metric) = found.ok_or("it did not monitor this metric")?;
            Ok(Metric::Monitor { monitor, metric, stat })
        }
        metric => Ok(metric),
    }
}

/// The value that was measured, on enough samples.
fn value_of(finding: &Finding) -> Result<f64, String> {
    let value = finding.value.filter(|value| value.is_finite());
    match (finding.state, value) {
        (ThresholdState::TooFew { needed }, _) => {
            Err(format!("it has {} samples of {needed} that it takes", finding.samples))
        }
        (ThresholdState::Held | ThresholdState::Broken, Some(value)) => Ok(value),
        _ => Err("nothing was measured".to_owned()),
    }
}
