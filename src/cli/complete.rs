//! Completions for shells: words of the command line's own definition, names of the plan that is
//! typed, words of reports, result folders.
//!
//! Shells ask this program with each key: the script of `planrun completions` says how.

#![expect(clippy::disallowed_methods, reason = "a plan that is typed is read for its names")]

use super::Cli;
use crate::catalogue::{Metric, ReportPlace, Stat};
use crate::results::runs_below;
use clap::CommandFactory;
use clap_complete::engine::ValueCompleter as _;
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{CompletionCandidate, PathCompleter, Shell};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "_PLANRUN_COMPLETE";

/// Result folders below here are offered where nothing is typed.
const RESULTS: &str = "results";

/// The most result folders that are offered: the latest.
const MOST_FOLDERS: usize = 20;

/// The script that a shell reads.
pub(super) fn script(shell: Shell) -> io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let known = shells.completer(&shell.to_string());
    let known = known.ok_or_else(|| io::Error::other("no such shell"))?;
    let mut script = Vec::new();
    known.write_registration(VARIABLE, "planrun", "planrun", "planrun", &mut script)?;
    Ok(script)
}

/// Answers a shell, if one asks. Returns whether one did.
pub(super) fn answered() -> bool {
    let here = std::env::current_dir().ok();
    let engine = CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin("planrun");
    // Errors must not appear in the line that is typed.
    let asked = std::env::var_os(VARIABLE).is_some_and(|shell| !shell.is_empty());
    engine.completer("planrun").try_complete(std::env::args_os(), here.as_deref()).unwrap_or(asked)
}

/// The names that begin as it is typed, each with this behind it.
pub(super) fn candidates(
    names: impl IntoIterator<Item = String>,
    typed: &OsStr,
    end: &str,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fits = names.into_iter().filter(|name| name.starts_with(&*typed));
    fits.map(|name| CompletionCandidate::new(name + end)).collect()
}

/// The plan on the line that is typed: the first word that names a file of plans.
fn typed_plan() -> Option<toml::Table> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(2);
    let mut plans = words.map(PathBuf::from).filter(|path| is_plan(path));
    plans.find_map(|path| std::fs::read_to_string(path).ok()?.parse().ok())
}

fn is_plan(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// The names in a table of the plan.
fn names(table: &str) -> Vec<String> {
    let plan = typed_plan();
    let names = plan.as_ref().and_then(|plan| plan.get(table)?.as_table());
    names.into_iter().flat_map(toml::Table::keys).cloned().collect()
}

/// Scenarios of the plan.
pub(super) fn scenarios(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(names("scenarios"), typed, "")
}

/// Targets of the plan, each with the sign that its address follows.
pub(super) fn targets(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(names("targets"), typed, "=")
}

/// Requests and steps of the plan that have a name.
pub(super) fn requests(typed: &OsStr) -> Vec<CompletionCandidate> {
    let plan = typed_plan().unwrap_or_default();
    let scenarios = plan.get("scenarios").and_then(toml::Value::as_table);
    let lists = scenarios.into_iter().flat_map(toml::Table::values).flat_map(|scenario| {
        ["requests", "steps"].into_iter().filter_map(|key| scenario.get(key)?.as_array())
    });
    let named = lists.flatten().filter_map(|request| request.get("name")?.as_str());
    candidates(named.map(str::to_owned), typed, "")
}

/// Dotted paths of the plan's values, each with the sign that its new value follows.
pub(super) fn settings(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut paths = Vec::new();
    if let Some(plan) = typed_plan() {
        values_below("", &toml::Value::Table(plan), &mut paths);
    }
    candidates(paths, typed, "=")
}

fn values_below(path: &str, value: &toml::Value, paths: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                values_below(&below(key), value, paths);
            }
        }
        toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => {
            for (number, value) in items.iter().enumerate() {
                values_below(&below(&number.to_string()), value, paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

/// Metrics as thresholds name them, distributions with each of their statistics.
pub(super) fn metrics(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = Metric::rows().flat_map(|row| {
        let stats: &[Stat] = if row.report == ReportPlace::Times { Stat::ALL } else { &[] };
        let with_stats = stats.iter().map(|stat| format!("{}.{stat}", row.name));
        let alone = stats.is_empty().then(|| row.name.to_owned());
        alone.into_iter().chain(with_stats).collect::<Vec<_>>()
    });
    candidates(names, typed, "")
}

/// Plans, and directories that may have some.
pub(super) fn plans(typed: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::any().filter(|path| path.is_dir() || is_plan(path)).complete(typed)
}

/// Result folders below `results`, the latest first, and directories.
pub(super) fn folders(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut runs = runs_below(Path::new(RESULTS)).unwrap_or_default();
    // Their names begin with the time.
    runs.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    runs.truncate(MOST_FOLDERS);
    let runs = runs.into_iter().map(PathBuf::into_os_string);
    let fits = |run: &OsString| run.to_string_lossy().starts_with(&*typed.to_string_lossy());
    let mut all: Vec<CompletionCandidate> =
        runs.filter(fits).map(CompletionCandidate::new).collect();
    let known: Vec<OsString> = all.iter().map(|one| one.get_value().to_owned()).collect();
    let others = PathCompleter::dir().complete(typed);
    all.extend(others.into_iter().filter(|one| !known.iter().any(|run| run == one.get_value())));
    all
}
