//! Runs the engine until it ends or signals end it.

use super::ExitStatus;
use super::signals::Signals;
use crate::engine::{self, EngineError, RunSpec, Subscribers};

/// Why there are no results.
#[derive(Debug)]
pub(super) struct Failed {
    /// In words.
    pub(super) message: String,
    /// The remedy, where there is one.
    pub(super) help: Option<&'static str>,
    /// As the exit status.
    pub(super) status: ExitStatus,
}

/// A failure that neither the plan nor the target is to blame for.
pub(super) fn internal(message: &str) -> Failed {
    Failed { message: message.to_owned(), help: None, status: ExitStatus::Internal }
}

/// Makes the load, which signals end.
pub(super) fn make_load(
    spec: RunSpec,
    signals: Option<&mut Signals>,
    subscribers: &mut Subscribers<'_>,
) -> Result<engine::Ended, Failed> {
    let words = |error: &dyn std::error::Error| {
        error.source().map_or(error.to_string(), |why| format!("{error}: {why}"))
    };
    let failed = |error: &EngineError| {
        let status = match error {
            EngineError::Host { .. } | EngineError::Broker(_) => ExitStatus::NotFit,
            _ => ExitStatus::Internal,
        };
        Failed { message: words(error), help: error.help(), status }
    };
    let run = async |asked| {
        let made = Box::pin(engine::run(spec, asked, subscribers)).await;
        made.map_err(|error| failed(&error))
    };
    match signals {
        Some(signals) => signals.during(run),
        None => Signals::listen().map_err(|error| internal(&words(&error)))?.during(run),
    }
}
