//! Turns a search's runs into `search.json` and a table for people.

use super::page::Page;
use super::table::{Column, Table};
use crate::plan::{LevelUnit, Plan, Search};
use crate::store::{self, Error};
use crate::units::figure::grouped;
use crate::verdict::{Judgement, SearchOutcome};
use anstyle::Style;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The format and its version.
const SCHEMA: &str = "planrun.search/1";

/// One run of a search.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LevelRun {
    /// The level.
    pub level: u64,
    /// Whether this level had passed before.
    pub again: bool,
    /// PASS, FAIL or INVALID; null when the run never began.
    pub verdict: Option<String>,
    /// Its exit status.
    pub exit_code: u8,
    /// The broken thresholds, or the reasons for which it proves nothing.
    pub why: Vec<String>,
    /// Where its results are.
    pub folder: Option<PathBuf>,
}

/// A whole search.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "planrun.search/1")]
pub struct SearchReport {
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    plan: String,
    scenario: String,
    stage: String,
    /// The unit of a level.
    unit: &'static str,
    min: u64,
    max: u64,
    at_least: u64,
    /// When the search began.
    pub started_at: Timestamp,
    /// Its runs, in order.
    pub runs: Vec<LevelRun>,
    /// The highest level that passed.
    pub highest: Option<u64>,
    /// Why it ended there: `threshold`, `max`, `nothing`, `generator`, `stopped`.
    pub limit: &'static str,
    /// The lowest level that did not pass, or could not be made.
    pub broken: Option<u64>,
    /// PASS, FAIL, INVALID; null when it was stopped.
    pub verdict: Option<&'static str>,
    /// The exit status.
    pub exit_code: u8,
}

/// The broken thresholds of a run, or the reasons for which it proves nothing, in words.
pub fn why(plan: &Plan, verdict: &Judgement) -> Vec<String> {
    let broken = verdict.findings.iter().filter(|finding| finding.state.is_broken());
    let broken = broken.filter_map(|finding| {
        let scenario = plan.scenarios.get(usize::from(finding.scenario))?;
        let threshold = scenario.thresholds.get(usize::from(finding.threshold))?;
        let value = finding.value.map_or("–".to_owned(), |value| threshold.metric.figure(value));
        Some(format!("{}: {value}", threshold.condition))
    });
    let invalid = verdict.breaches.iter().map(|one| format!("{}: {}", one.rule.name(), one.detail));
    invalid.chain(broken).collect()
}

impl SearchReport {
    /// A search at its start.
    pub fn new(plan: &Plan, search: &Search, started_at: Timestamp) -> Self {
        let scenario = plan.scenarios.iter().find(|one| one.name == search.scenario);
        let stage = scenario.and_then(|one| one.stages.get(search.stage));
        Self {
            schema: SCHEMA,
            plan: plan.name.clone(),
            scenario: search.scenario.clone(),
            stage: stage.map(|stage| stage.name.clone()).unwrap_or_default(),
            unit: match search.unit {
                LevelUnit::Users => "users",
                LevelUnit::PerSecond => "per_second",
            },
            min: search.min,
            max: search.max,
            at_least: search.at_least,
            started_at,
            runs: Vec::new(),
            highest: None,
            limit: "stopped",
            broken: None,
            verdict: None,
            exit_code: 0,
        }
    }

    /// Notes how the search ended.
    pub fn end(&mut self, outcome: SearchOutcome) {
        (self.limit, self.broken) = match outcome {
            SearchOutcome::Broken { broken, .. } => ("threshold", Some(broken)),
            SearchOutcome::Max => ("max", None),
            SearchOutcome::Nothing => ("nothing", Some(self.min)),
            SearchOutcome::Generator { level, .. } => ("generator", Some(level)),
        };
        self.verdict = Some(match (outcome, self.highest) {
            (SearchOutcome::Generator { .. }, _) => "INVALID",
            (_, Some(highest)) if highest >= self.at_least => "PASS",
            _ => "FAIL",
        });
    }

    /// A level as people read it.
    pub fn level(&self, level: u64) -> String {
        let unit = if self.unit == "users" { " users" } else { "/s" };
        format!("{}{unit}", grouped(level))
    }

    /// Writes `<out>/<plan>/<UTC time>-search.json`, or with a number behind it; the file's path.
    pub fn save(&self, out: &Path) -> Result<PathBuf, Error> {
        let parent = out.join(&self.plan);
        std::fs::create_dir_all(&parent)
            .map_err(|reason| Error::Folder { path: parent.clone(), reason })?;
        let wanted = format!("{}-search", self.started_at.strftime("%Y%m%dT%H%M%SZ"));
        let names = (1..).map(|number: u32| match number {
            1 => format!("{wanted}.json"),
            _ => format!("{wanted}-{number}.json"),
        });
        let free = names.into_iter().find(|name| !parent.join(name).exists());
        let name = free.unwrap_or_else(|| format!("{wanted}.json"));
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|reason| Error::Write { path: parent.join(&name), reason: reason.into() })?;
        text.push(b'\n');
        store::write(&parent, &name, &text)?;
        Ok(parent.join(name))
    }

    /// The name of the plan.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// The level that the search has to reach to pass.
    pub fn at_least(&self) -> u64 {
        self.at_least
    }

    /// Whether any of its runs began.
    pub fn has_results(&self) -> bool {
        self.runs.iter().any(|run| run.folder.is_some())
    }

    /// The unit of a level: `users` or `per_second`.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// The table and the last line, for people.
    pub fn write(&self, out: &mut Page<'_>) -> io::Result<()> {
        self.table().write(out, 2)?;
        writeln!(out)?;
        out.paragraph("", &self.conclusion(), Style::new())
    }

    /// A row for each run.
    pub fn table(&self) -> Table {
        let mut table = Table::new(vec![
            Column::right("level"),
            Column::left("verdict"),
            Column::left("results").spare(1),
        ]);
        for run in &self.runs {
            let folder = run.folder.as_ref().and_then(|folder| folder.file_name());
            let verdict = run.verdict.clone().unwrap_or_else(|| format!("exit {}", run.exit_code));
            let folder = folder.map(|name| name.to_string_lossy().into_owned());
            table.row(vec![
                self.level(run.level).into(),
                if run.again { format!("{verdict} again") } else { verdict }.into(),
                folder.unwrap_or_default().into(),
            ]);
            if let Some(why) = run.why.first() {
                table.note(why.clone().into());
            }
        }
        table
    }

    /// The verdict, and the highest level that passed: one line.
    pub fn conclusion(&self) -> String {
        let highest = self.highest.map(|level| self.level(level));
        let broken = self.broken.map(|level| self.level(level)).unwrap_or_default();
        let said = match (self.limit, highest) {
            ("threshold", Some(highest)) => {
                format!("{highest} is the highest level that passed; {broken} did not")
            }
            ("max", Some(highest)) => {
                format!(
                    "{highest} passed, the highest level of this search: the target may do more"
                )
            }
            ("generator", Some(highest)) => format!(
                "{highest} passed; at {broken} the generator's own limits ended the search, not the target's"
            ),
            ("generator", None) => {
                format!(
                    "at {broken} the generator's own limits ended the search: nothing is proven"
                )
            }
            ("stopped", Some(highest)) => format!("stopped; {highest} passed so far"),
            ("stopped", None) => "stopped before any level passed".to_owned(),
            _ => format!("no level passed: {broken} did not"),
        };
        let wanted = match (self.verdict, self.highest) {
            (Some("FAIL"), Some(_)) => {
                format!("; at least {} is asked for", self.level(self.at_least))
            }
            _ => String::new(),
        };
        let word = self.verdict.unwrap_or("STOPPED");
        format!("{word}  {}: {said}{wanted}", self.plan)
    }
}
