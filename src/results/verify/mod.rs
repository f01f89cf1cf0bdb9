//! Verifies that the files of a result folder match its data: every file by its checksum, every
//! derived file by making it again.
//!
//! Of a folder that another build of planrun wrote, figures are compared instead of bytes: formats
//! grow, figures stay. What was compared how is part of the answer.

#![expect(clippy::disallowed_methods, reason = "the files of a folder are compared")]

mod values;

use crate::machine::Program;
use crate::report::{FINAL, RowSeries, exchanges};
use crate::store::{self, Error, FolderLock, SavedRun};
use schemars::JsonSchema;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use values::Agreement;

/// The files with the facts of a run: all other files are made from them.
const RAW: [&str; 4] = ["plan.toml", "recording.jsonl", "recording.jsonl.gz", "environment.json"];

const SUMS: &str = "SHA256SUMS";

/// The findings in a folder.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verification {
    #[schemars(extend("const" = "planrun.verify/1"))]
    schema: &'static str,
    /// The folder.
    pub folder: PathBuf,
    /// Whether the files match the data.
    pub verified: bool,
    /// Why it does not, by file.
    pub problems: Vec<FileMismatch>,
    /// Files that agree with their checksums.
    pub intact: usize,
    /// Derived files that are the same to the byte.
    pub same: Vec<String>,
    /// Derived files of another build: every figure in them is the same.
    pub same_figures: Vec<String>,
    /// Figures that are computed otherwise by now, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrected: Vec<String>,
    /// Derived files of another build that have no figures of their own: only their checksums
    /// agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<String>,
    /// Files that planrun does not make: only their checksums agree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// Derived files that the folder leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// The version that made the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
}

/// An error of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileMismatch {
    /// Its name.
    pub file: String,
    /// The error, with the first difference.
    pub what: String,
}

/// Verifies the folder of a run. Nothing in it is changed.
///
/// # Errors
/// If it is not a result folder, its run is still active, or a file cannot be read.
pub fn verify(folder: &Path) -> Result<Verification, Error> {
    if !store::is_run(folder) && !folder.join(SUMS).is_file() {
        // The error says what it is instead.
        SavedRun::open(folder)?;
    }
    let _lock = FolderLock::take_after_run(folder)?;
    let mut found = Verification::new(folder);
    found.check_sums()?;
    match SavedRun::open(folder) {
        Ok(run) => found.check_run(&run)?,
        Err(Error::NotResults { reason, .. }) => {
            let of_plan = reason.contains("plan");
            found.problem(if of_plan { "plan.toml" } else { "recording.jsonl.gz" }, reason);
        }
        Err(Error::Plan { .. }) => found.problem("plan.toml", "it does not parse"),
        Err(error) => return Err(error),
    }
    found.verified = found.problems.is_empty();
    Ok(found)
}

impl Verification {
    fn new(folder: &Path) -> Self {
        Self {
            schema: "planrun.verify/1",
            folder: folder.to_owned(),
            verified: false,
            problems: Vec::new(),
            intact: 0,
            same: Vec::new(),
            same_figures: Vec::new(),
            corrected: Vec::new(),
            not_compared: Vec::new(),
            others: Vec::new(),
            left_out: Vec::new(),
            made_by: None,
        }
    }

    fn problem(&mut self, file: &str, what: impl Into<String>) {
        self.problems.push(FileMismatch { file: file.to_owned(), what: what.into() });
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(Error::read(path))
    }

    /// Every file is listed with its digest, and nothing else is.
    fn check_sums(&mut self) -> Result<(), Error> {
        let (files, text) = store::sums(&self.folder)?;
        if !self.folder.join(SUMS).is_file() {
            self.problem(SUMS, "it is missing: `planrun report DIR` writes it");
            return Ok(());
        }
        let saved = self.read(SUMS)?;
        if saved == text.as_bytes() {
            self.intact = files.len();
            return Ok(());
        }
        let saved = String::from_utf8_lossy(&saved).into_owned();
        let listed: Vec<(&str, &str)> =
            saved.lines().filter_map(|line| line.split_once("  ")).collect();
        let before = self.problems.len();
        for (digest, name) in text.lines().filter_map(|line| line.split_once("  ")) {
            match listed.iter().find(|(_, one)| *one == name) {
                None => self.problem(name, format!("{SUMS} does not list it")),
                Some((noted, _)) if *noted != digest => {
                    self.problem(name, format!("its SHA-256 is {digest}, {SUMS} has {noted}"));
                }
                Some(_) => self.intact += 1,
            }
        }
        for (_, name) in listed.iter().filter(|(_, name)| files.iter().all(|one| one != name)) {
            self.problem(name, format!("{SUMS} lists it, and it is not there"));
        }
        if self.problems.len() == before {
            self.problem(SUMS, first_difference(saved.as_bytes(), text.as_bytes()));
        }
        Ok(())
    }

    fn check_run(&mut self, run: &SavedRun) -> Result<(), Error> {
        let tool = &run.header.tool;
        let commit = tool.commit.as_ref().map(|commit| format!(" ({commit})")).unwrap_or_default();
        self.made_by = Some(format!("{} {}{commit}", tool.name, tool.version));
        let same_build = self.check_environment(run);
        let derived = derived(run)?;
        for (name, bytes) in &derived {
            self.check_derived(run, name, bytes, same_build)?;
        }
        let files = store::file_names(&self.folder).map_err(Error::read(&self.folder))?;
        let ours = |name: &str| RAW.contains(&name) || derived.iter().any(|(one, _)| *one == name);
        self.others = files.into_iter().filter(|name| !ours(name)).collect();
        Ok(())
    }

    /// Whether this very program made the run.
    fn check_environment(&mut self, run: &SavedRun) -> bool {
        const NAME: &str = "environment.json";
        if !self.folder.join(NAME).is_file() {
            self.problem(NAME, "it is missing");
            return false;
        }
        if let Some(what) = run.environment_fault {
            self.problem(NAME, format!("it {what}"));
            return false;
        }
        let environment = &run.environment;
        let version = environment["planrun"].as_str();
        if version.is_some_and(|version| !version.is_empty() && version != run.header.tool.version)
        {
            let recorded = &run.header.tool.version;
            self.problem(
                NAME,
                format!("it is of planrun {}, the recording of {recorded}", environment["planrun"]),
            );
        }
        let program = environment["program"]["sha256"].as_str();
        program.is_some() && program == Program::this().sha256.as_deref()
    }

    fn check_derived(
        &mut self,
        run: &SavedRun,
        name: &str,
        derived: &[u8],
        same_build: bool,
    ) -> Result<(), Error> {
        let there = self.folder.join(name).is_file();
        match (there, derived.is_empty()) {
            (false, true) => return Ok(()),
            (false, false) if name == "report.json" => self.problem(name, "it is missing"),
            (false, false) => self.left_out.push(name.to_owned()),
            (true, true) => self.problem(name, "the recording has nothing that it could hold"),
            (true, false) => {
                let saved = self.read(name)?;
                if saved == derived {
                    self.same.push(name.to_owned());
                } else if same_build {
                    self.problem(name, first_difference(&saved, derived));
                } else {
                    self.compare_values(run, name, &saved, derived);
                }
            }
        }
        Ok(())
    }

    fn compare_values(&mut self, run: &SavedRun, name: &str, saved: &[u8], derived: &[u8]) {
        let extension = Path::new(name).extension().and_then(|one| one.to_str());
        let agreement = match extension {
            Some("json") => values::json(saved, derived, run.header.created_at),
            Some("csv") => values::csv(saved, derived),
            Some("hlog") => values::log(saved, derived),
            _ => {
                self.not_compared.push(name.to_owned());
                return;
            }
        };
        match agreement {
            Ok(Agreement { corrected }) => {
                self.same_figures.push(name.to_owned());
                self.corrected.extend(corrected);
            }
            Err(difference) => self.problem(name, difference),
        }
    }
}

/// Every file that is made from the recording.
fn derived(run: &SavedRun) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut files: Vec<(String, Vec<u8>)> =
        FINAL.iter().map(|(name, format)| ((*name).to_owned(), format(run))).collect();
    files.extend(exchanges::files(run));
    let mut series = RowSeries::new(&run.plan);
    let names = store::GrowingFiles::names(&series);
    let mut grown = vec![Vec::new(); names.len()];
    run.replay(&mut |line| {
        let more = store::GrowingFiles::next(&mut series, line);
        grown.iter_mut().zip(more).for_each(|(file, more)| file.extend(more));
    })?;
    files.extend(names.iter().map(|name| (*name).to_owned()).zip(grown));
    Ok(files)
}

/// Where two texts part, in words.
fn first_difference(saved: &[u8], derived: &[u8]) -> String {
    let lines = |bytes: &[u8]| -> Vec<String> {
        bytes.split(|byte| *byte == b'\n').map(|one| shown(&String::from_utf8_lossy(one))).collect()
    };
    let number = saved.iter().zip(derived).take_while(|(one, other)| one == other);
    let number = number.filter(|(byte, _)| **byte == b'\n').count();
    let line = |bytes: &[u8]| match lines(bytes).get(number) {
        Some(line) if !line.is_empty() => format!("`{line}`"),
        _ => "nothing".to_owned(),
    };
    format!("line {}: expected {}, found {}", number + 1, line(derived), line(saved))
}

/// A text of a file as a message has room for.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    crate::report::table::shortened(&crate::units::visible(text.trim()), LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_with_its_line() {
        for (saved, derived, want) in [
            ("a\nb\n", "a\nc\n", "line 2: expected `c`, found `b`"),
            ("a\n", "a\nc\n", "line 2: expected `c`, found nothing"),
            ("a\nb", "a\n", "line 2: expected nothing, found `b`"),
        ] {
            assert_eq!(first_difference(saved.as_bytes(), derived.as_bytes()), want);
        }
    }
}
