//! Turns a plan into a run that goes on, whose processes a test can look at and disturb.

use crate::outcome::{Outcome, Stage, await_true, results};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

/// A run that goes on, and the processes that belong to it.
pub(crate) struct Going {
    stage: Stage,
    pub child: Child,
    pub since: Instant,
    pub out: PathBuf,
}

impl Going {
    /// Waits until `seconds` of the run are in its journal.
    pub(crate) fn start(plan: &str, arguments: &[&str], seconds: usize) -> Self {
        Self::of(Stage::new(plan), arguments, seconds)
    }

    /// The same, with files that the stage has.
    pub(crate) fn of(stage: Stage, arguments: &[&str], seconds: usize) -> Self {
        let since = Instant::now();
        let child = stage.start(arguments);
        let out = stage.folder.path().join("out");
        let going = Self { stage, child, since, out };
        going.await_seconds(seconds);
        going
    }

    pub(crate) fn await_seconds(&self, seconds: usize) {
        await_true("a second of the run", Duration::from_secs(30), || self.seconds() >= seconds);
    }

    /// Whole seconds in the journal. A line that is still being written is none: whoever kills the
    /// run then finds it torn.
    pub(crate) fn seconds(&self) -> usize {
        let journal = results(&self.out).map(|results| results.join("recording.jsonl"));
        let text = journal.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().filter(|line| line.contains(r#""second":{"second":"#)).count()
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// The processes below the coordinator whose command line has this word: `worker`, `serve`.
    pub(crate) fn below(&self, word: &str) -> Vec<i32> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = std::fs::read_to_string(path).unwrap();
        let all = children.split_whitespace().map(|pid| pid.parse().unwrap());
        all.filter(|pid: &i32| command_line(*pid).contains(&word.to_owned())).collect()
    }

    pub(crate) fn end(self) -> Outcome {
        self.stage.end(self.child, self.since)
    }
}

pub(crate) fn command_line(pid: i32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split('\0').map(str::to_owned).collect()
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}
