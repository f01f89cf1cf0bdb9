//! Runs the engine until it ends or signals end it.

use super::signals::Signals;
use crate::engine::{self, RunSpec, Subscribers};

/// Makes the load, which signals end.
pub(super) fn make_load(
    spec: RunSpec,
    signals: Option<&mut Signals>,
    subscribers: &mut Subscribers<'_>,
) -> Result<engine::Ended, String> {
    let words = |error: &dyn std::error::Error| {
        error.source().map_or(error.to_string(), |why| format!("{error}: {why}"))
    };
    let run =
        async |asked| engine::run(spec, asked, subscribers).await.map_err(|error| words(&error));
    match signals {
        Some(signals) => signals.during(run),
        None => Signals::listen().map_err(|error| words(&error))?.during(run),
    }
}
