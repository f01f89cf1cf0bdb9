//! Turns how things went into the process's exit status. README's table is checked against this one
//! by a test.

use crate::store::SavedRun;
use std::process::ExitCode;

/// The exit status, documented in README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// PASS.
    Pass,
    /// FAIL: a threshold is broken.
    Fail,
    /// Wrong plan or command line; nothing was sent.
    WrongPlan,
    /// INVALID: the run proves nothing about the target.
    Invalid,
    /// This machine or the target is not fit to start; nothing was sent.
    NotFit,
    /// The results could not be written, or an internal error.
    Internal,
    /// Interrupted by SIGHUP; the reports are written and marked so.
    HungUp,
    /// Interrupted by SIGINT; the reports are written and marked so.
    Interrupted,
    /// Interrupted by SIGTERM; the reports are written and marked so.
    Terminated,
}

impl ExitStatus {
    /// How a run went: its verdict, unless a signal ended it.
    pub fn of_run(saved: &SavedRun) -> Self {
        let of_runs = [
            Self::Pass,
            Self::Fail,
            Self::Invalid,
            Self::HungUp,
            Self::Interrupted,
            Self::Terminated,
        ];
        let code = saved.exit_code();
        of_runs.into_iter().find(|status| status.code() == code).unwrap_or(Self::Internal)
    }

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::WrongPlan => 2,
            Self::Invalid => 3,
            Self::NotFit => 4,
            Self::Internal => 5,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
