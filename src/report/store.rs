//! Turns a run's facts into its result folder as they come, in a thread of its own.
//!
//! **Invariant:** handing over a fact never waits for the disk.
//! **Invariant:** lines that are in the journal stay valid, whatever the disk does later.

use super::appender::Appender;
use super::journal::{self, Finished, Header, Line, Outline, Started, Tool};
use super::page::Page;
use super::series::{self, Series};
use super::{Error, Made, Run, folder, name};
use crate::machine::Environment;
use crate::plan::{Overrides, Plan};
use crate::record::{Entry, Recording};
use crate::verdict::Verdict;
use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Seconds that may wait for the disk: a minute of them. A second of a busy run is a few MiB as histograms.
const WAITING: usize = 64;

/// How long after a line it is on the disk; it is in the file at once.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How long the end of a run waits for the disk.
const FINISH_WITHIN: Duration = Duration::from_secs(30);

/// Where the facts of a run go.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    header: Header,
    started: Option<Started>,
    lines: SyncSender<Line>,
    closed: Receiver<Vec<Error>>,
    /// The disk did not keep up: from here on nothing more is handed over.
    stalled: bool,
}

/// What a finished run adds to what the store knows.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The plan as run.
    pub plan: &'a Plan,
    /// What happened.
    pub recording: &'a Recording,
    /// What that proves.
    pub verdict: &'a Verdict,
    /// The exit status that goes with it.
    pub exit_code: u8,
    /// What the other side says.
    pub finished: &'a Finished,
}

impl Store {
    /// Makes `<out>/<plan>/<UTC time>-<digest>/` with everything that is known before a run, and starts to write.
    pub fn create(
        out: &Path,
        plan: &Plan,
        text: &str,
        overrides: &Overrides,
        now: Timestamp,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let plan_sha256 = folder::sha256(text);
        let wanted = format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), &plan_sha256[..8]);
        let folder = folder::create(&out.join(&plan.name), &wanted)?;
        folder::write(&folder, name::PLAN, text.as_bytes())?;
        folder::write(&folder, name::ENVIRONMENT, &super::environment_json(environment))?;
        let header = Header {
            schema: journal::SCHEMA.to_owned(),
            tool: Tool::this(),
            plan: plan.name.clone(),
            plan_sha256,
            seed: plan.seed,
            overrides: overrides.clone(),
            created_at: now,
            scenarios: Outline::of(plan),
        };
        let mut writer = Writer::create(&folder, plan)?;
        writer.add(&Line::Header(header.clone()));
        writer.sync();
        // Marks are small, and those of all scenarios may pass at once.
        let marks: usize = plan.scenarios.iter().map(|one| 2 * one.stages.len() + 2).sum();
        let (lines, incoming) = sync_channel(WAITING + marks);
        let (done, closed) = sync_channel(1);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                // Nobody listens any more when the run has given up waiting.
                let _ = done.send(writer.run(&incoming));
            })
            .map_err(Error::write(&folder))?;
        Ok(Self { folder, header, started: None, lines, closed, stalled: false })
    }

    /// The result folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes that the run's clock has started. To be called once, before the first fact.
    pub fn started(&mut self, started: Started) {
        self.started = Some(started.clone());
        self.hand_over(Line::Started(started));
    }

    /// Notes the next fact.
    pub fn add(&mut self, entry: &Entry) {
        self.hand_over(Line::Entry(entry.clone()));
    }

    /// Whether facts are lost because the disk does not keep up.
    pub fn stalled(&self) -> bool {
        self.stalled
    }

    fn hand_over(&mut self, line: Line) {
        if self.stalled {
            return;
        }
        // A journal with a gap would be read up to the gap only, so it ends there.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.lines.try_send(line)
        {
            self.stalled = true;
        }
    }

    /// Takes back the folder of a run that never began.
    pub fn discard(self) {
        drop(self.lines);
        let _ = self.closed.recv_timeout(FINISH_WITHIN);
        // What cannot be removed tells of a run that was not: no harm, and nothing to be done about it.
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = self.folder.parent().map(std::fs::remove_dir);
    }

    /// Ends the run's files, writes the reports, and the summary for people to `summary`.
    pub fn finish(mut self, run: &Stored<'_>, summary: &mut Page<'_>) -> Made {
        self.hand_over(Line::Finished(run.finished.clone()));
        let stalled =
            self.stalled.then(|| Error::Stalled { path: self.folder.join(name::JOURNAL) });
        let mut problems: Vec<Error> = stalled.into_iter().collect();
        drop(self.lines);
        match self.closed.recv_timeout(FINISH_WITHIN) {
            Ok(closed) => problems.extend(closed),
            Err(_) if self.stalled => {}
            Err(_) => problems.push(Error::Stalled { path: self.folder.join(name::JOURNAL) }),
        }
        let run = Run {
            plan: run.plan,
            recording: run.recording,
            verdict: run.verdict,
            exit_code: run.exit_code,
            header: &self.header,
            started: self.started.as_ref(),
            finished: Some(run.finished),
            damage: None,
        };
        let mut made = folder::make(&self.folder, &run);
        problems.append(&mut made.problems);
        made.problems = problems;
        if let Err(reason) = super::text::write(&run, &made, summary) {
            made.problems.push(Error::Write { path: "the summary".into(), reason });
        }
        made
    }
}

/// The thread's own: the journal, and the files that grow with it.
struct Writer {
    journal: Appender,
    others: Vec<Appender>,
    series: Series,
    number: u64,
    /// Held as long as the run goes on; a report of the folder is refused meanwhile.
    _lock: Option<Flock<File>>,
}

impl Writer {
    fn create(folder: &Path, plan: &Plan) -> Result<Self, Error> {
        let journal = Appender::create(&folder.join(name::JOURNAL))?;
        let others: Result<Vec<_>, _> =
            series::NAMES.iter().map(|name| Appender::create(&folder.join(name))).collect();
        // A file system that knows no locks does without.
        let lock = journal
            .file()
            .try_clone()
            .ok()
            .and_then(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).ok());
        Ok(Self { journal, others: others?, series: Series::new(plan), number: 0, _lock: lock })
    }

    fn add(&mut self, line: &Line) {
        self.journal.add(&journal::encode(self.number, line));
        self.number += 1;
        for (file, bytes) in self.others.iter_mut().zip(self.series.next(line)) {
            file.add(&bytes);
        }
    }

    fn write(&mut self) {
        self.journal.write();
        self.others.iter_mut().for_each(Appender::write);
    }

    fn sync(&mut self) {
        self.journal.sync();
        self.others.iter_mut().for_each(Appender::sync);
    }

    /// Writes what comes until the run lets go; what could not be written is the result.
    fn run(mut self, incoming: &Receiver<Line>) -> Vec<Error> {
        let mut due = Instant::now() + SYNC_EVERY;
        loop {
            match incoming.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.add(&line);
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
        let journal = self.journal.close().err();
        let others = self.others.into_iter().filter_map(|file| file.close().err());
        journal.into_iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Second, StopReason};
    use crate::schedule::testing;
    use crate::verdict::Judge;

    /// A store whose disk takes nothing.
    fn stuck(folder: &Path) -> (Store, Receiver<Line>) {
        let plan = testing::plan(testing::scenario(testing::hold(), &[]));
        let mut store = Store::create(
            folder,
            &plan,
            "",
            &Overrides::default(),
            Timestamp::UNIX_EPOCH,
            &Environment::default(),
        )
        .unwrap();
        let (lines, incoming) = sync_channel(WAITING);
        let (_, closed) = sync_channel(1);
        (store.lines, store.closed) = (lines, closed);
        (store, incoming)
    }

    #[test]
    fn a_disk_that_does_not_keep_up_stops_the_journal_and_not_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let plan = testing::plan(testing::scenario(testing::hold(), &[]));
        let (mut store, incoming) = stuck(folder.path());
        let mut judge = Judge::new(&plan);
        for second in 0..2 * u32::try_from(WAITING).unwrap() {
            let entry = Entry::Second(Second { second, ..Second::default() });
            store.add(&entry);
            judge.add(&entry);
            // Also when there is room again: a gap would be read as the end.
            let _ = (second as usize > WAITING).then(|| incoming.try_recv());
        }
        judge.add(&Entry::Stopped { at_ns: 1, reason: StopReason::Completed });
        assert!(store.stalled());
        let finished = Finished::default();
        let run = Stored {
            plan: &plan,
            recording: judge.recording(),
            verdict: &judge.verdict(),
            exit_code: 0,
            finished: &finished,
        };
        let path = store.folder().join(name::JOURNAL);
        let mut summary = Vec::new();
        let made = store.finish(&run, &mut Page::new(&mut summary, 100));
        assert!(matches!(&made.problems[..], [Error::Stalled { path: named }] if *named == path));
        let said = String::from_utf8(summary).unwrap();
        assert!(said.contains("recording.jsonl ends early: the disk did not keep"), "{said}");
        let left: Vec<u32> = incoming
            .iter()
            .map(|line| match line {
                Line::Entry(Entry::Second(second)) => second.second,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(left.iter().all(|second| (*second as usize) < WAITING), "{left:?}");
    }
}
