//! Ends a run early whose verdict cannot change any more.

use super::Run;
use crate::plan::OnInvalid;
use crate::record::StopReason;

/// How long a run goes on once it can only be INVALID, so that the causes show, in nanoseconds.
const HOPELESS_NS: u64 = 10_000_000_000;

impl Run<'_> {
    /// Ends a run that can only be INVALID, once [`HOPELESS_NS`] have passed.
    pub(super) fn give_up(&mut self) {
        if self.progress.is_over()
            || self.spec.manifest.plan.generator.on_invalid == OnInvalid::Continue
        {
            return;
        }
        let Some(rule) = self.judge.beyond_repair() else { return };
        let now_ns = self.clock.now_ns();
        let since_ns = *self.hopeless_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) >= HOPELESS_NS {
            let rule = rule.name().to_owned();
            let why = format!("stopping early: `{rule}` has already made this run INVALID");
            self.stop(StopReason::BeyondRepair { rule }, &why);
        }
    }
}
