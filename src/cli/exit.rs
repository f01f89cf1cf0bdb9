//! Turns how things went into the process's exit status. README's table is checked against this one
//! by a test.

use crate::store::SavedRun;
use std::process::ExitCode;

/// Defines the statuses: their numbers, and their comments as documentation.
macro_rules! statuses {
    ($($(#[doc = $doc:literal])* $variant:ident = $code:literal,)*) => {
        /// The exit status, documented in README.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ExitStatus { $($(#[doc = $doc])* $variant,)* }

        impl ExitStatus {
            /// Every one.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number that the shell sees.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// Its meaning, in a sentence.
            pub(super) const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*),)* }
            }
        }
    };
}

statuses! {
    /// PASS.
    Pass = 0,
    /// FAIL: a threshold is broken.
    Fail = 1,
    /// Wrong plan or command line; nothing was sent.
    WrongPlan = 2,
    /// INVALID: the run proves nothing about the target.
    Invalid = 3,
    /// This machine or the target is not fit to start; nothing was sent.
    NotFit = 4,
    /// The results could not be written, or an internal error.
    Internal = 5,
    /// Interrupted by SIGHUP; the reports are written and marked so.
    HungUp = 129,
    /// Interrupted by SIGINT; the reports are written and marked so.
    Interrupted = 130,
    /// Interrupted by SIGTERM; the reports are written and marked so.
    Terminated = 143,
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
}

impl ExitStatus {
    /// Of what a signal ended before the run.
    pub(super) const fn of_signal(signal: i32) -> Self {
        match signal {
            1 => Self::HungUp,
            15 => Self::Terminated,
            _ => Self::Interrupted,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
