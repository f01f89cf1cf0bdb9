//! Values that several lines of `--progress json` have in common.

use crate::record::{Cause, FailureStage};
use schemars::JsonSchema;
use serde::Serialize;

/// The failure, the stage of the attempt, and the side that caused it.
#[derive(Serialize, JsonSchema)]
pub(super) struct FailureCause {
    failure: &'static str,
    phase: FailureStage,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
}

impl From<Cause> for FailureCause {
    fn from(cause: Cause) -> Self {
        Self {
            failure: cause.failure.name(),
            phase: cause.at,
            origin: cause.failure.origin().name(),
            code: (cause.code != 0).then_some(cause.code),
        }
    }
}

/// Whole nanoseconds.
pub(super) fn whole(ns: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = ns.round() as u64;
    whole
}
