//! Launchers: processes that start agents on the hosts for the coordinator.

use super::EngineError;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A command that starts agents, here or by way of another program elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its standard input.
    pub input: Option<String>,
    /// Of its environment.
    pub variables: Vec<(String, String)>,
}

/// A command that was started; ended with this.
pub(super) struct Launched {
    shown: String,
    child: Child,
}

impl Launched {
    pub(super) fn start(launch: &Launch) -> Result<Self, EngineError> {
        let shown = launch.command.join(" ");
        let failed = |why: &dyn std::fmt::Display| EngineError::Host {
            why: format!("cannot start agents by `{shown}`: {why}"),
        };
        let Some((program, arguments)) = launch.command.split_first() else {
            return Err(failed(&"there is no command"));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .envs(launch.variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            // A Ctrl-C of the terminal is for the coordinator, which ends the agents.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(&error))?;
        let (input, text) = (child.stdin.take(), launch.input.clone().unwrap_or_default());
        tokio::spawn(async move {
            if let Some(mut input) = input {
                // One that does not read it says so by its status.
                let _ = input.write_all(text.as_bytes()).await;
            }
        });
        Ok(Self { shown, child })
    }

    /// Fails where the command has ended without success.
    pub(super) fn check(&mut self) -> Result<(), EngineError> {
        match self.child.try_wait() {
            Ok(Some(status)) if !status.success() => {
                let why = format!("`{}` was to start agents, but ended with {status}", self.shown);
                Err(EngineError::Host { why })
            }
            _ => Ok(()),
        }
    }

    /// What may explain that nobody came: the command has ended, in words.
    pub(super) fn has_ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("`{}` was to start agents, and ended with {status}", self.shown))
    }

    /// Waits for it to end, and ends it after `within`.
    pub(super) async fn join(&mut self, within: Duration) {
        if tokio::time::timeout(within, self.child.wait()).await.is_err() {
            let _ = self.child.start_kill();
        }
    }
}
