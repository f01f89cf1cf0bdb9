//! Turns `planrun serve` into a server that is there before a run, and counts on its own.

use crate::outcome::exe;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Served {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pub address: SocketAddr,
}

impl Served {
    /// One process that listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_as(Command::new(exe()), arguments)
    }

    /// As [`Self::start`], by a command that ends in the program.
    pub(crate) fn start_as(mut command: Command, arguments: &[&str]) -> Self {
        let mut child = command
            .arg("serve")
            .args(arguments)
            .args(["--json", "--until-eof", "--processes=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = said["listening"][0].as_str().unwrap().parse().unwrap();
        Self { input: child.stdin.take(), child, lines, address }
    }

    /// Ends it; what it counted.
    pub(crate) fn stop(mut self) -> BTreeMap<String, u64> {
        drop(self.input.take());
        let line = self.lines.next().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
