//! Turns a run's facts into its result folder as they arrive, in a separate thread.
//!
//! **Invariant:** handing over a fact never waits for the disk.
//! **Invariant:** lines that are in the journal stay valid even if the disk fails later.

#![expect(clippy::disallowed_methods, reason = "the journal is synced at a pace")]

use super::append_file::AppendFile;
use super::downsampler::Downsampler;
use super::journal::{self, Finished, Header, Line, ScenarioNames, Started};
use super::pending::PendingFile;
use super::{Baseline, Error, FolderLock, SavedRun, Tool, atomic_file, folder, name};
use crate::machine::Environment;
use crate::plan::{Overrides, Plan};
use crate::record::Entry;
use crate::units::sha256;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Seconds that may wait for the disk: a minute of them. A second of a busy run is a few MiB as
/// histograms.
const WAITING: usize = 64;

/// How long after a line it is on the disk; it is in the file at once.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How long the end of a run waits for the disk.
const FINISH_WITHIN: Duration = Duration::from_secs(30);

/// Files that grow with the journal. The same lines in the same order give the same bytes.
pub trait GrowingFiles: Send {
    /// The files' names.
    fn names(&self) -> &'static [&'static str];

    /// The values that the next line of the journal adds to.
    fn next(&mut self, line: &Line) -> Vec<Vec<u8>>;
}

/// Where the facts of a run go.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    lines: SyncSender<Handed>,
    closed: Receiver<Vec<Error>>,
    /// The disk did not keep up: from here on nothing more is handed over.
    stalled: bool,
    lock: FolderLock,
}

/// The messages to the thread that writes.
#[derive(Debug)]
enum Handed {
    Line(Box<Line>),
    /// A fact that others may hold, too.
    Entry(Arc<Entry>),
}

impl From<Handed> for Line {
    /// The last owner of a fact gets it without a copy.
    fn from(handed: Handed) -> Self {
        match handed {
            Handed::Line(line) => *line,
            Handed::Entry(entry) => Self::Entry(Arc::unwrap_or_clone(entry)),
        }
    }
}

/// Facts known before a run.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'a> {
    /// The plan, with the overrides of the command line.
    pub plan: &'a Plan,
    /// The plan's text.
    pub text: &'a str,
    /// Changes to it from the command line.
    pub overrides: &'a Overrides,
    /// The run that its thresholds are relative to.
    pub baseline: Option<&'a Baseline>,
    /// The time, on the wall clock.
    pub now: Timestamp,
    /// Facts of the machine.
    pub environment: &'a Environment,
}

/// A run whose recording is closed.
#[derive(Debug)]
pub struct Closed {
    /// The run as it was saved, read back from its folder.
    pub saved: SavedRun,
    /// The file or line that could not be written.
    pub problems: Vec<Error>,
    /// Held until the reports are written, too.
    pub lock: FolderLock,
}

impl Store {
    /// Makes `<out>/<plan>/<UTC time>-<digest>/` with everything that is known before a run, and
    /// starts to write.
    pub fn create(
        out: &Path,
        run: &NewRun<'_>,
        series: Box<dyn GrowingFiles>,
    ) -> Result<Self, Error> {
        let NewRun { plan, text, now, .. } = *run;
        let plan_sha256 = sha256(text);
        let wanted = format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), &plan_sha256[..8]);
        let folder = folder::create(&out.join(&plan.name), &wanted)?;
        // Half a folder tells of a run that was not.
        Self::begin(&folder, run, series, plan_sha256).inspect_err(|_| remove(&folder))
    }

    fn begin(
        folder: &Path,
        run: &NewRun<'_>,
        series: Box<dyn GrowingFiles>,
        plan_sha256: String,
    ) -> Result<Self, Error> {
        let NewRun { plan, text, overrides, baseline, now, environment } = *run;
        let lock = FolderLock::take(folder)?;
        let environment = json(environment);
        atomic_file::write(folder, name::PLAN, text.as_bytes())?;
        atomic_file::write(folder, name::ENVIRONMENT, &environment)?;
        let header = Header {
            schema: journal::SCHEMA.to_owned(),
            tool: Tool::this(),
            plan: plan.name.clone(),
            plan_sha256,
            environment_sha256: Some(sha256(environment)),
            seed: plan.seed,
            overrides: overrides.clone(),
            created_at: now,
            baseline: baseline.cloned(),
            scenarios: ScenarioNames::of(plan),
        };
        let mut writer = Writer::create(folder, plan, series)?;
        writer.add(Line::Header(header));
        // A recording without its header could not be read.
        writer.journal.begun()?;
        writer.sync();
        // Marks are small, and those of all scenarios may pass at once.
        let marks: usize = plan.scenarios.iter().map(|one| 2 * one.stages.len() + 2).sum();
        let (lines, incoming) = sync_channel(WAITING + marks);
        let (done, closed) = sync_channel(1);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                // The receiver is gone if the run has stopped waiting.
                let _ = done.send(writer.run(&incoming));
            })
            .map_err(Error::write(folder))?;
        let folder = folder.to_owned();
        Ok(Self { folder, lines, closed, stalled: false, lock })
    }

    /// The result folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes that the run's clock has started. To be called once, before the first fact.
    pub fn started(&mut self, started: Started) {
        self.hand_over(Handed::Line(Box::new(Line::Started(started))));
    }

    /// Notes the next fact.
    pub fn add(&mut self, entry: &Arc<Entry>) {
        self.hand_over(Handed::Entry(Arc::clone(entry)));
    }

    /// Whether facts are lost because the disk does not keep up.
    pub fn stalled(&self) -> bool {
        self.stalled
    }

    fn hand_over(&mut self, handed: Handed) {
        if self.stalled {
            return;
        }
        // A journal with a gap would be read up to the gap only, so it ends there.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.lines.try_send(handed)
        {
            self.stalled = true;
        }
    }

    /// Takes back the folder of a run that never began.
    pub fn discard(self) {
        drop(self.lines);
        let _ = self.closed.recv_timeout(FINISH_WITHIN);
        remove(&self.folder);
    }

    /// Ends the recording and reads it back: reports and verdict depend on that alone.
    ///
    /// # Errors
    /// When the recording cannot be read back; what could not be written is in
    /// [`Closed::problems`].
    pub fn finish(mut self, finished: Finished) -> Result<Closed, Error> {
        self.hand_over(Handed::Line(Box::new(Line::Finished(finished))));
        let stalled = || Error::Stalled { path: self.folder.join(name::JOURNAL) };
        let mut problems: Vec<Error> = self.stalled.then(stalled).into_iter().collect();
        drop(self.lines);
        match self.closed.recv_timeout(FINISH_WITHIN) {
            Ok(closed) => problems.extend(closed),
            Err(_) if self.stalled => {}
            Err(_) => problems.push(stalled()),
        }
        // A damaged recording stays as it is.
        if problems.is_empty() {
            problems.extend(super::compress(&self.folder).err());
        }
        match SavedRun::open(&self.folder) {
            Ok(saved) => Ok(Closed { saved, problems, lock: self.lock }),
            // The error that prevented writing the recording explains why it cannot be read.
            Err(error) => Err(problems.into_iter().next().unwrap_or(error)),
        }
    }
}

/// Removes the folder of a run that never began, and that of its plan if it was the first.
fn remove(folder: &Path) {
    // A file that cannot be removed does no harm.
    let _ = std::fs::remove_dir_all(folder);
    let _ = folder.parent().map(std::fs::remove_dir);
}

/// Facts of the machine as the file that is saved.
fn json(environment: &Environment) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(environment).expect("maps with text keys, no I/O");
    bytes.push(b'\n');
    bytes
}

/// The thread's own: the journal, and the files that grow with it.
pub(super) struct Writer {
    journal: AppendFile,
    others: Vec<AppendFile>,
    series: Box<dyn GrowingFiles>,
    pub(super) downsampler: Downsampler,
    pending: PendingFile,
    number: u64,
}

impl Writer {
    pub(super) fn create(
        folder: &Path,
        plan: &Plan,
        series: Box<dyn GrowingFiles>,
    ) -> Result<Self, Error> {
        let journal = AppendFile::create(&folder.join(name::JOURNAL))?;
        let others: Result<Vec<_>, _> =
            series.names().iter().map(|name| AppendFile::create(&folder.join(name))).collect();
        let downsampler = Downsampler::new(plan);
        let pending = PendingFile::of(folder);
        Ok(Self { journal, others: others?, series, downsampler, pending, number: 0 })
    }

    pub(super) fn add(&mut self, line: Line) {
        for line in self.downsampler.next(line) {
            self.put(&line);
        }
    }

    fn put(&mut self, line: &Line) {
        self.journal.add(&journal::encode(self.number, line));
        self.number += 1;
        for (file, bytes) in self.others.iter_mut().zip(self.series.next(line)) {
            file.add(&bytes);
        }
    }

    pub(super) fn write(&mut self) {
        self.journal.write();
        self.others.iter_mut().for_each(AppendFile::write);
        let waiting = self.downsampler.waiting();
        if !waiting.is_empty() {
            // Waiting facts are never ahead of the counts.
            self.journal.sync();
        }
        // If it has no room, the journal has none either, and reports it; the next second tries
        // again.
        if self.journal.is_written() {
            let _ = self.pending.replace(&waiting);
        }
    }

    fn sync(&mut self) {
        self.journal.sync();
        self.others.iter_mut().for_each(AppendFile::sync);
    }

    /// Writes facts until the channel closes; returns what could not be written.
    fn run(mut self, incoming: &Receiver<Handed>) -> Vec<Error> {
        let mut due = Instant::now() + SYNC_EVERY;
        loop {
            match incoming.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(handed) => {
                    self.add(handed.into());
                    self.write();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= due {
                self.sync();
                due = Instant::now() + SYNC_EVERY;
            }
        }
        for line in self.downsampler.rest() {
            self.put(&line);
        }
        let journal = self.journal.close().err();
        // It stays beside a journal that lacks its end.
        let pending = if journal.is_none() { self.pending.remove().err() } else { None };
        let others = self.others.into_iter().filter_map(|file| file.close().err());
        journal.into_iter().chain(pending).chain(others).collect()
    }
}

/// No files beside the journal.
#[cfg(test)]
pub(super) struct Nothing;

#[cfg(test)]
impl GrowingFiles for Nothing {
    fn names(&self) -> &'static [&'static str] {
        &[]
    }

    fn next(&mut self, _: &Line) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Second, StopReason};

    const PLAN: &str = "name = \"stuck\"\n[targets]\nlb.address = \"127.0.0.1:9\"\n\
        [scenarios.hold]\nprotocol = \"tcp-hold\"\ntarget = \"lb\"\n\
        stages = [{ users = 1, spawn_rate = \"1/s\", hold = \"5s\" }]\n";

    fn plan() -> Plan {
        let source = crate::plan::Source { name: "stuck.toml".to_owned(), text: PLAN.to_owned() };
        Plan::parse(&source, &Overrides::default(), &|_| None).unwrap()
    }

    fn second(second: u32) -> Entry {
        Entry::Second(Second { second, ..Second::default() })
    }

    #[test]
    fn what_a_stalled_disk_did_not_take_is_not_reported() {
        let out = tempfile::tempdir().unwrap();
        let mut store = Store::create(
            out.path(),
            &NewRun {
                plan: &plan(),
                baseline: None,
                text: PLAN,
                overrides: &Overrides::default(),
                now: Timestamp::UNIX_EPOCH,
                environment: &Environment::default(),
            },
            Box::new(Nothing),
        )
        .unwrap();
        for number in 0..3 {
            store.add(&Arc::new(second(number)));
        }
        // From here on the disk accepts nothing for more than a minute.
        let (lines, stuck) = sync_channel(WAITING);
        drop(std::mem::replace(&mut store.lines, lines));
        for number in 3..4 + u32::try_from(WAITING).unwrap() {
            store.add(&Arc::new(second(number)));
        }
        assert!(store.stalled());
        // Also when there is room again: what follows a gap would not be read.
        assert!(stuck.try_recv().is_ok());
        store.add(&Arc::new(Entry::Stopped { at_ns: 1, reason: StopReason::Completed }));
        assert!(!stuck.try_iter().any(
            |line| matches!(line, Handed::Entry(entry) if matches!(*entry, Entry::Stopped { .. }))
        ));
        let path = store.folder().join(name::JOURNAL);
        let closed = store.finish(Finished::default()).unwrap();
        assert!(matches!(&closed.problems[..], [Error::Stalled { path: named }] if *named == path));
        let saved = closed.saved;
        assert_eq!(saved.recording.seconds, 3);
        assert!(!saved.complete() && saved.finished.is_none());
        assert_eq!(saved.exit_code(), 3);
        // The same as when read back later.
        let later = SavedRun::open(&saved.folder).unwrap();
        assert_eq!((later.recording, later.judgement), (saved.recording, saved.judgement));
    }
}
