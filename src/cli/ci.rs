//! Turns a run into the files for CI systems that the user asked for, and into what the CI system
//! around it shows.

use super::diagnostic;
use crate::plan::PlanErrors;
use crate::report::SearchReport;
use crate::report::ci;
use crate::store::{AtomicFile, Error, SavedRun};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Whether the CI system that a run is in is written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// Write where the environment names a known CI system: GitHub Actions.
    #[default]
    Auto,
    /// Write nothing.
    Never,
}

/// Its arguments.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CiArgs {
    /// Write a JUnit XML file with a test case for each threshold and validity rule.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the summary as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the metrics as OpenMetrics text, as GitLab's metrics reports read it.
    #[arg(long, value_name = "FILE")]
    openmetrics: Option<PathBuf>,
    /// Annotate lines of the plan and extend the step summary in GitHub Actions.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) ci: When,
}

/// The output for GitHub Actions: errors on standard error, and a page.
#[derive(Debug)]
struct GitHub {
    summary: Option<PathBuf>,
}

/// The files for the result of a run, created before anything is sent: an hour of load is not lost
/// to a folder that is not there.
#[derive(Debug, Default)]
pub(super) struct CiOutputs {
    junit: Option<AtomicFile>,
    markdown: Option<AtomicFile>,
    openmetrics: Option<AtomicFile>,
    github: Option<GitHub>,
    /// The plan's path as given, which annotations name.
    plan: String,
}

fn is_github(when: When, variable: &dyn Fn(&str) -> Option<OsString>) -> bool {
    when == When::Auto && variable("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Annotates the lines of a plan that is wrong, in GitHub Actions.
pub(super) fn annotate_plan(
    errors: &PlanErrors,
    when: When,
    variable: &dyn Fn(&str) -> Option<OsString>,
) {
    let lines = is_github(when, variable).then(|| ci::github_plan_errors(errors));
    for line in lines.into_iter().flatten() {
        // A closed standard error is no failure.
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

impl CiArgs {
    /// Begins the files. `variable`: an environment variable.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(super) fn open(
        &self,
        plan: &Path,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<CiOutputs, Error> {
        let begin = |path: &Option<PathBuf>| path.as_deref().map(begin).transpose();
        let is_github = is_github(self.ci, variable);
        let summary = variable("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Ok(CiOutputs {
            junit: begin(&self.junit)?,
            markdown: begin(&self.markdown)?,
            openmetrics: begin(&self.openmetrics)?,
            github: is_github.then(|| GitHub { summary: summary.map(PathBuf::from) }),
            plan: plan.display().to_string(),
        })
    }
}

fn begin(path: &Path) -> Result<AtomicFile, Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.filter(|_| !path.is_dir()).ok_or_else(|| Error::Write {
        path: path.to_owned(),
        reason: std::io::ErrorKind::IsADirectory.into(),
    })?;
    AtomicFile::create(folder.unwrap_or(Path::new(".")), &name)
}

impl CiOutputs {
    /// Writes the result of a run; returns the files that could not be written.
    pub(super) fn of_run(self, run: &SavedRun) -> Vec<Error> {
        let annotations = self.github.as_ref().map(|_| ci::github(run, &self.plan));
        for line in annotations.into_iter().flatten() {
            // A closed standard error is no failure.
            let _ = writeln!(anstream::stderr(), "{line}");
        }
        let metrics = || ci::openmetrics(run);
        self.write(&|| ci::junit(run), &|| ci::markdown(run), &metrics)
    }

    /// Writes the result of a search; returns the files that could not be written.
    pub(super) fn of_search(self, search: &SearchReport) -> Vec<Error> {
        let metrics = || ci::openmetrics_search(search);
        self.write(&|| ci::junit_search(search), &|| ci::markdown_search(search), &metrics)
    }

    fn write(
        self,
        junit: &dyn Fn() -> Vec<u8>,
        markdown: &dyn Fn() -> Vec<u8>,
        openmetrics: &dyn Fn() -> Vec<u8>,
    ) -> Vec<Error> {
        let files: [(_, &dyn Fn() -> Vec<u8>); 3] =
            [(self.junit, junit), (self.markdown, markdown), (self.openmetrics, openmetrics)];
        let files = files.into_iter().filter_map(|(file, bytes)| Some((file?, bytes)));
        let mut problems: Vec<Error> = files
            .filter_map(|(mut file, bytes)| file.add(&bytes()).and_then(|()| file.finish()).err())
            .collect();
        let summary = self.github.and_then(|github| github.summary);
        problems.extend(summary.and_then(|path| append(&path, &markdown()).err()));
        problems
    }
}

/// Steps of a job share one page: each adds to it.
fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(Error::write(path))
}

/// Prints what could not be written.
pub(super) fn print(problems: &[Error]) {
    for problem in problems {
        let help = "give a file in a folder that can be written to";
        diagnostic::print_error(&problem.to_string(), Some(help));
    }
}
