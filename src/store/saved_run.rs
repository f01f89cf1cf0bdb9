//! Turns a result folder back into the run that it holds, as far as it was saved.
//!
//! **Invariant:** the folder is only read: no lock is taken and no file is made, whether the run
//! goes on or not.

#![expect(
    clippy::disallowed_methods,
    reason = "the plan of a saved run is a file, and its `${env.NAME}` are masked"
)]

use super::journal::{self, Finished, Header, Line, ScenarioNames, Started};
use super::pending::{self, Awaited, MissingFacts};
use super::timeline::Timeline;
use super::{Error, name};
use crate::plan::{Plan, Source};
use crate::record::{Entry, Recording, StopReason};
use crate::units::sha256;
use crate::verdict::{Judge, Judgement, Verdict};
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A run as its folder has it: everything that a report, a comparison or a page is made from.
#[derive(Debug)]
pub struct SavedRun {
    /// The result folder.
    pub folder: PathBuf,
    /// The command line, plan and environment of the run.
    pub header: Header,
    /// The plan as run, with the overrides of the command line.
    pub plan: Plan,
    /// The same with `${env.NAME}` in place of texts from the environment: what may be shown.
    pub plan_without_values: Plan,
    /// The facts.
    pub recording: Recording,
    /// The facts by second.
    pub timeline: Timeline,
    /// The judgement.
    pub judgement: Judgement,
    /// Where it went; `None` when it ended before its clock started.
    pub started: Option<Started>,
    /// The counters of the built-in servers; `None` if the run was killed or is in progress.
    pub finished: Option<Finished>,
    /// Facts of the machine; null where they are not known.
    pub environment: Value,
    /// Why the facts of the machine are not known, though the run had saved them.
    pub environment_fault: Option<&'static str>,
    /// The missing part of the recording; `None` if it is complete.
    pub damage: Option<Damage>,
    /// Facts that are missing of seconds whose counts are there.
    pub missing: Vec<MissingFacts>,
    /// The name of the file that it was read from.
    pub recording_file: &'static str,
    /// Lines of the journal that are in this value.
    lines: u64,
    /// The facts that waited to be merged when the run was killed; they belong before this line.
    pending: (u64, Vec<Line>),
}

/// The missing part at the end of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Bytes at the end of the file that form no whole line and were left out.
    pub torn_bytes: u64,
}

impl SavedRun {
    /// Opens a result folder and judges its run.
    ///
    /// Environment variables that the plan names are read anew: the folder does not hold secrets.
    ///
    /// # Errors
    /// When the folder holds no run, cannot be read, or its plan does not give the same scenarios.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let not_results = |reason: String| Error::NotResults { path: folder.into(), reason };
        if !folder.is_dir() {
            let reason = if folder.exists() { "it is a file" } else { "it does not exist" };
            return Err(not_results(reason.to_owned()));
        }
        let (header, mut journal) = journal::Reader::open(folder)?;
        let (plan, without_values) = plans_of(folder, &header)?;
        let plan = held_against(without_later_defaults(plan, &header), &header)
            .ok_or_else(|| not_results("it has no figures of its baseline".to_owned()))?;
        if ScenarioNames::of(&plan) != header.scenarios {
            let reason =
                "its plan reads differently today: is an environment variable another one?";
            return Err(not_results(reason.to_owned()));
        }
        let mut saved = Self::growing(folder, plan, header);
        let without_values = without_later_defaults(without_values, &saved.header);
        if let Some(without_values) = held_against(without_values, &saved.header) {
            saved.plan_without_values = without_values;
        }
        (saved.environment, saved.environment_fault) = environment_of(folder, &saved.header);
        let mut judge = Judge::new(&saved.plan);
        saved.recording_file = journal.file_name();
        let mut awaited = Awaited::default();
        // They precede the last of their seconds, which may be cut off.
        let mut held = Vec::new();
        while let Some(line) = journal.next()? {
            if let Line::Durations(durations) = line {
                held.push(durations);
                continue;
            }
            if matches!(line, Line::Entry(Entry::Second(_))) {
                saved.pending.0 = journal.lines() - 1;
            }
            saved.lines = journal.lines();
            awaited.add(&line);
            saved.add(line, &mut judge);
            for durations in held.drain(..) {
                awaited.came(&durations);
                saved.add(Line::Durations(durations), &mut judge);
            }
        }
        for durations in awaited.take(held, pending::read(folder)) {
            let line = Line::Durations(durations);
            saved.pending.1.push(line.clone());
            saved.add(line, &mut judge);
        }
        saved.missing = awaited.missing();
        judge.cut_off();
        saved.judge(&judge);
        let torn_bytes = journal.torn_bytes()?;
        saved.damage = (torn_bytes > 0).then_some(Damage { torn_bytes });
        Ok(saved)
    }

    /// A run of which only the header is known.
    fn growing(folder: &Path, plan: Plan, header: Header) -> Self {
        Self {
            folder: folder.to_owned(),
            header,
            recording: Recording::new(plan.scenarios.len()),
            timeline: Timeline::new(plan.scenarios.len()),
            judgement: Judge::new(&plan).judgement(),
            plan_without_values: plan.clone(),
            plan,
            started: None,
            finished: None,
            environment: Value::Null,
            environment_fault: None,
            damage: None,
            missing: Vec::new(),
            recording_file: name::JOURNAL,
            lines: 1,
            pending: (0, Vec::new()),
        }
    }

    /// Adds the next line of the journal.
    fn add(&mut self, line: Line, judge: &mut Judge) {
        self.timeline.add(&line);
        match line {
            Line::Entry(entry) => judge.add(&entry),
            Line::Started(facts) => self.started = Some(facts),
            Line::Finished(facts) => self.finished = Some(facts),
            Line::Durations(of) => judge.add_durations(of.scenario, &of.cells),
            Line::Header(facts) => self.header = facts,
        }
    }

    /// Takes over what the judge knows.
    fn judge(&mut self, judge: &Judge) {
        self.recording = judge.recording().clone();
        self.judgement = judge.judgement();
    }

    /// The run that these lines are of, without a folder.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_lines(plan: &Plan, header: Header, lines: &[Line]) -> Self {
        let mut saved = Self::growing(Path::new(""), plan.clone(), header);
        let mut judge = Judge::new(plan);
        for line in lines {
            saved.add(line.clone(), &mut judge);
        }
        saved.judge(&judge);
        saved
    }

    /// Whether its recording is the compressed one of a run that has ended.
    pub fn is_compressed(&self) -> bool {
        self.recording_file == name::ARCHIVE
    }

    /// Where the plan is, as it was run.
    pub fn plan_file(&self) -> PathBuf {
        self.folder.join(name::PLAN)
    }

    /// Whether the run recorded its end, which is its last fact.
    pub fn complete(&self) -> bool {
        self.recording.stopped.is_some()
    }

    /// The exit status of the run: its verdict's, unless a signal ended it.
    pub fn exit_code(&self) -> u8 {
        match (&self.recording.stopped, self.judgement.verdict) {
            (Some((StopReason::Interrupted { signal: 1 }, _)), _) => 129,
            (Some((StopReason::Interrupted { signal: 15 }, _)), _) => 143,
            (Some((StopReason::Interrupted { .. }, _)), _) => 130,
            (_, Verdict::Pass) => 0,
            (_, Verdict::Fail) => 1,
            (_, Verdict::Invalid) => 3,
        }
    }

    /// Reads the lines of the journal again, up to the last one that this value was made from.
    ///
    /// # Errors
    /// When the journal cannot be read any more.
    pub fn replay(&self, visit: &mut dyn FnMut(&Line)) -> Result<(), Error> {
        let (header, mut journal) = journal::Reader::open(&self.folder)?;
        visit(&Line::Header(header));
        while journal.lines() < self.lines {
            if journal.lines() == self.pending.0 {
                self.pending.1.iter().for_each(&mut *visit);
            }
            match journal.next()? {
                Some(line) => visit(&line),
                None => break,
            }
        }
        Ok(())
    }

    /// The facts of the run, one after the other.
    ///
    /// # Errors
    /// When the journal cannot be read any more.
    pub fn entries(&self, visit: &mut dyn FnMut(&Entry)) -> Result<(), Error> {
        self.replay(&mut |line| {
            if let Line::Entry(entry) = line {
                visit(entry);
            }
        })
    }
}

/// The plan as it was run, without values of environment variables.
///
/// An environment variable that is gone by now is only needed where a report shows its value; there
/// its absence is noticed, as the plan reads differently then.
fn plans_of(folder: &Path, header: &Header) -> Result<(Plan, Plan), Error> {
    let not_results =
        |reason: &str| Error::NotResults { path: folder.into(), reason: reason.to_owned() };
    let path = folder.join(name::PLAN);
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_results("there is no plan.toml"),
        io::ErrorKind::InvalidData => not_results("plan.toml is not UTF-8 text"),
        _ => Error::Read { path: path.clone(), reason: error },
    })?;
    if sha256(&text) != header.plan_sha256 {
        return Err(not_results("plan.toml was changed after the run"));
    }
    let source = Source { name: path.display().to_string(), text };
    let set = |name: &str| std::env::var(name).ok();
    let any = |name: &str| set(name).or_else(|| Some("unset".to_owned()));
    let overrides = &header.overrides;
    Plan::parse_saved(&source, overrides, &set)
        .or_else(|errors| Plan::parse_saved(&source, overrides, &any).map_err(|_| errors))
        .and_then(|plan| Ok((plan, Plan::parse_without_values(&source, overrides, &any)?)))
        .map_err(|errors| Error::Plan { path: folder.into(), errors: Box::new(errors) })
}

/// Facts of the machine, and why they are not known.
fn environment_of(folder: &Path, header: &Header) -> (Value, Option<&'static str>) {
    let known = header.environment_sha256.as_ref();
    let bytes = match fs::read(folder.join(name::ENVIRONMENT)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return (Value::Null, known.map(|_| "is missing"));
        }
        Err(_) => return (Value::Null, Some("cannot be read")),
    };
    if known.is_some_and(|known| *known != sha256(&bytes)) {
        return (Value::Null, Some("was changed after the run"));
    }
    serde_json::from_slice(&bytes)
        .map_or((Value::Null, Some("is not JSON")), |environment| (environment, None))
}

/// The plan with bounds that are relative to a baseline made absolute; `None` where the recording
/// does not know its figures.
fn held_against(mut plan: Plan, header: &Header) -> Option<Plan> {
    match &header.baseline {
        Some(baseline) => baseline.apply(&mut plan).then_some(plan),
        None => (!plan.needs_baseline()).then_some(plan),
    }
}

/// The plan with the thresholds that it was run with: a run from before there were default ones had
/// none.
fn without_later_defaults(mut plan: Plan, header: &Header) -> Plan {
    for (scenario, known) in plan.scenarios.iter_mut().zip(&header.scenarios) {
        let known = &known.thresholds;
        scenario.thresholds.retain(|one| !one.is_default || known.contains(&one.condition));
    }
    plan
}
