//! Turns a server's options into a child process, and reads its addresses and counters.
//!
//! **Invariant:** the process ends when this side does, however that ends: its standard input ends
//! with it.

#![expect(
    clippy::disallowed_methods,
    reason = "a server that does not start or end in time is given up"
)]

use super::{Counts, ServeError};
use crate::plan::{Builtin, Certificate, Faults, as_argument};
use crate::units::hex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it listens: processes start one after the other, and a busy
/// machine may be slow.
const START: Duration = Duration::from_secs(30);

/// The first message of a server process, once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServerStarted {
    /// The addresses for clients, to be used in turn.
    pub listening: Vec<SocketAddr>,
    /// The processes that serve, the one that says this included.
    pub pids: Vec<u32>,
    /// The certificates that clients must trust, as PEM; `None`: connections are plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A server in a child process, which may have several worker processes.
#[derive(Debug)]
pub struct Running {
    process: Process,
    announcement: ServerStarted,
}

impl Running {
    /// Starts `exe` (this program) as a server on loopback that has the descriptors for `capacity`
    /// connections; waits until it listens.
    pub fn start(exe: &Path, builtin: &Builtin, capacity: u64) -> Result<Self, ServeError> {
        let mut arguments = arguments(builtin);
        arguments.push(format!("--listen={}:0", Ipv4Addr::LOCALHOST));
        arguments.push(format!("--capacity={capacity}"));
        Self::listening(Process::spawn(exe, &arguments)?)
    }

    /// Waits until a process that was started listens.
    pub(super) fn listening(mut process: Process) -> Result<Self, ServeError> {
        let line = process.line(Instant::now() + START, "listen")?;
        let announcement =
            serde_json::from_str(&line).map_err(|_| process.failed(format!("said `{line}`")))?;
        Ok(Self { process, announcement })
    }

    /// The addresses for clients, to be used in turn.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.announcement.listening
    }

    /// All processes of the server, for accounts of memory and processor time.
    pub fn pids(&self) -> Vec<u32> {
        self.announcement.pids.clone()
    }

    /// The certificates that clients must trust, as PEM; `None`: connections are plain.
    pub fn certificate(&self) -> Option<&str> {
        self.announcement.certificate.as_deref()
    }

    /// Asks the server to stop, and waits for its counters. After `deadline` it is killed, and its
    /// counters are lost.
    pub fn stop(mut self, deadline: Duration) -> Result<Vec<(String, u64)>, ServeError> {
        self.ask_to_stop();
        self.counts(Instant::now() + deadline).map(Counts::into_vec)
    }

    /// Asks the server to stop, and does not wait.
    pub(super) fn ask_to_stop(&mut self) {
        drop(self.process.child.stdin.take());
    }

    /// Waits for the counters of a server that was asked to stop.
    pub(super) fn counts(&mut self, until: Instant) -> Result<Counts, ServeError> {
        let line = self.process.line(until, "stop")?;
        let counts = serde_json::from_str(&line)
            .map_err(|_| self.process.failed(format!("said `{line}`")))?;
        // Nothing is left for it to do but to exit; `drop` waits for that.
        Ok(counts)
    }

    /// Becomes readable when the server ends before it was asked to.
    pub(super) fn watched(&self) -> BorrowedFd<'_> {
        self.process.stdout.as_fd()
    }

    /// Why the server ended before it was asked to; `None`: it has not.
    pub(super) fn ended(&mut self) -> Option<ServeError> {
        if readable(self.process.stdout.as_fd(), Duration::ZERO) {
            return Some(
                self.process
                    .line(Instant::now(), "go on")
                    .err()
                    .unwrap_or_else(|| self.process.failed("ended before it was asked to".into())),
            );
        }
        None
    }
}

/// A server process, and the lines it prints.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdout: ChildStdout,
    pending: Vec<u8>,
    /// It printed its counters, and ends by itself.
    done: bool,
}

impl Process {
    pub(super) fn spawn(exe: &Path, arguments: &[String]) -> Result<Self, ServeError> {
        let spawn = || {
            let mut child = Command::new(exe)
                .arg("serve")
                .args(arguments)
                .args(["--json", "--until-eof"])
                // A Ctrl-C of the terminal is for the one that started it.
                .process_group(0)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            let stdout = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
            Ok(Self { child, stdout, pending: Vec::new(), done: false })
        };
        spawn().map_err(|source| ServeError::Spawn { exe: exe.into(), source })
    }

    /// The next line of its standard output.
    fn line(&mut self, until: Instant, task: &str) -> Result<String, ServeError> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                self.done = task == "stop";
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !readable(self.stdout.as_fd(), until.saturating_duration_since(Instant::now())) {
                if Instant::now() < until {
                    continue;
                }
                return Err(self.failed(format!("took too long to {task}")));
            }
            let mut chunk = [0; 4096];
            match self.stdout.read(&mut chunk) {
                Ok(length) if length > 0 => self.pending.extend_from_slice(&chunk[..length]),
                _ => return Err(self.complaint(task)),
            }
        }
    }

    /// The error output of a process that closed its standard output.
    fn complaint(&mut self, task: &str) -> ServeError {
        let _ = self.child.kill();
        let ended = self.child.wait().map_or_else(|error| error.to_string(), |s| s.to_string());
        let mut text = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // A line that is not UTF-8 is not one of our messages.
            let _ = stderr.read_to_string(&mut text);
        }
        let text = text.trim();
        let colon = if text.is_empty() { "" } else { ": " };
        self.failed(format!("did not {task} ({ended}){colon}{text}"))
    }

    fn failed(&self, what: String) -> ServeError {
        ServeError::Process { pid: self.child.id(), what }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.child.kill();
        }
        // Leaves no zombie; closing its connections takes the kernel a moment.
        let _ = self.child.wait();
    }
}

/// Whether there is something to read, or the end, within `timeout`.
fn readable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    let timeout = PollTimeout::try_from(timeout.min(Duration::from_hours(1)));
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX)).is_ok_and(|ready| ready > 0)
}

/// The option for a message: text, or hexadecimal digits where it is none.
fn bytes_argument(name: &str, bytes: &[u8]) -> String {
    match as_argument(bytes) {
        Some(text) => format!("--{name}={text}"),
        None => format!("--{name}-hex={}", hex(bytes)),
    }
}

/// The command line of `planrun serve` that makes this server.
pub fn arguments(builtin: &Builtin) -> Vec<String> {
    let mut arguments = Vec::new();
    let faults = match builtin {
        Builtin::TcpHold(server) => {
            arguments.push(if server.websocket.is_some() { "ws-hold" } else { "tcp-hold" }.into());
            arguments.push(bytes_argument("message", &server.message));
            if !server.greet {
                arguments.push("--no-greet".into());
            }
            arguments.push(format!("--every={}", server.every.unwrap_or_default()));
            if let Some(bytes) = &server.reply_to {
                arguments.push(bytes_argument("reply-to", bytes));
            }
            if let Some(websocket) = &server.websocket {
                if let Some(name) = &websocket.subprotocol {
                    arguments.push(format!("--subprotocol={name}"));
                }
                if websocket.pings {
                    arguments.push("--pings".into());
                }
            }
            arguments.extend(tls_arguments(server.tls.as_ref()));
            &server.faults
        }
        Builtin::Http(server) => {
            arguments.push("http".into());
            arguments.push(format!("--body={}", server.body));
            arguments.extend(tls_arguments(server.tls.as_ref()));
            &server.faults
        }
    };
    arguments.extend(fault_arguments(faults));
    arguments
}

fn tls_arguments(certificate: Option<&Certificate>) -> Vec<String> {
    match certificate {
        None => Vec::new(),
        Some(Certificate::Own) => vec!["--tls".into()],
        Some(Certificate::Files { certificate, key }) => {
            vec![format!("--cert={}", certificate.display()), format!("--key={}", key.display())]
        }
    }
}

fn fault_arguments(faults: &Faults) -> Vec<String> {
    let mut arguments =
        vec![format!("--share={}", faults.share.0), format!("--seed={}", faults.seed)];
    for (flag, set) in [
        ("--refuse", faults.refuse),
        ("--never-accept", faults.never_accept),
        ("--silence", faults.silence),
        ("--wrong-data", faults.wrong_data),
        ("--truncate-body", faults.truncate_body),
    ] {
        if set {
            arguments.push(flag.into());
        }
    }
    for (flag, time) in [
        ("--reset-after", faults.reset_after),
        ("--delay", faults.delay),
        ("--close-after", faults.close_after),
        ("--slow-body", faults.slow_body),
    ] {
        if let Some(time) = time {
            arguments.push(format!("{flag}={time}"));
        }
    }
    if let Some(bytes) = faults.reset_after_bytes {
        arguments.push(format!("--reset-after-bytes={bytes}"));
    }
    if let Some(status) = faults.status {
        arguments.push(format!("--status={status}"));
    }
    arguments
}
