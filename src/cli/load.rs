//! Runs the engine until it ends or signals end it.

use super::ExitStatus;
use super::signals::Signals;
use crate::engine::{self, EngineError, RunSpec, Subscribers};

/// Why there are no results: in words, and as the exit status.
pub(super) type Failed = (String, ExitStatus);

/// A failure that neither the plan nor the target is to blame for.
pub(super) fn internal(message: &str) -> Failed {
    (message.to_owned(), ExitStatus::Internal)
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
    let failed = |error: &EngineError| match error {
        EngineError::Host { .. } | EngineError::Broker(_) => (words(error), ExitStatus::NotFit),
        _ => internal(&words(error)),
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
