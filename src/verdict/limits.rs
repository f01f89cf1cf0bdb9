//! The limits of the rules of validity that measure something, all in one table.
//!
//! A rule makes a run INVALID where its number would be wrong without anybody noticing, and only warns where what it leads to is measured
//! by another rule, or where ordinary runs on shared machines break it without harm. Shares of time go by one thought: from one part in a
//! hundred on, a p99 is no longer the target's.

use super::Rule;
use crate::plan::Plan;
use crate::record::STALL_NS;
use crate::units::Ratio;
use crate::units::figure::{grouped, percent, time};

const MS: f64 = 1e6;

/// What a rule's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A part of a whole, 0 to 1.
    Share,
    /// Nanoseconds.
    Time,
}

impl Unit {
    /// A number of this unit for people.
    pub fn figure(self, value: f64) -> String {
        match self {
            Self::Count => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "counts are whole and not negative"
                )]
                let count = value as u64;
                grouped(count)
            }
            Self::Share => percent(value),
            Self::Time => time(value),
        }
    }
}

/// One rule: what it measures, and beyond what it speaks. A value at a limit is within it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The rule.
    pub rule: Rule,
    /// Of what is measured and of both limits.
    pub unit: Unit,
    /// Beyond this it warns.
    pub warn: Option<f64>,
    /// Beyond this the run is INVALID.
    pub invalid: Option<f64>,
    /// Planrun's own limit, where the plan has set another.
    pub own: Option<f64>,
    /// What is measured, in words; `{}` is the value.
    pub what: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

impl Limit {
    /// As the plan sets it; what it does not speak of stays. A warning is never stricter than what makes a run INVALID.
    pub fn of(self, plan: &Plan) -> Self {
        let own = plan.generator.limits;
        let share = |ratio: Option<Ratio>| ratio.map(|Ratio(share)| share);
        let set = match self.rule {
            Rule::ScheduleLag => own.schedule_lag.map(|time| time.as_nanos() as f64),
            Rule::Dropped => share(own.dropped),
            Rule::LocalFailures => share(own.local_failures),
            Rule::Stalled => share(own.stalled),
            Rule::WorkerCpu => share(own.worker_cpu),
            Rule::Steal => share(own.steal),
            _ => None,
        };
        let Some(set) = set else { return self };
        let warn = self.warn.map(|warn| warn.min(set));
        Self {
            invalid: Some(set),
            warn,
            own: self.invalid.filter(|own| own.total_cmp(&set).is_ne()),
            ..self
        }
    }
}

const fn limit(
    rule: Rule,
    unit: Unit,
    (warn, invalid): (Option<f64>, Option<f64>),
    what: &'static str,
    advice: &'static str,
) -> Limit {
    Limit { rule, unit, warn, invalid, own: None, what, advice }
}

/// The table, in the order of reports. Limits are those of research (delivery, lag, stalls, CPU, steal, throttling, clocks), except where
/// the remark says why not.
pub(super) const LIMITS: [Limit; 20] = [
    // Stricter than a share of 99.9 %: one attempt that was never started is one too many.
    limit(
        Rule::Dropped,
        Unit::Share,
        (None, Some(0.0)),
        "{} of the due attempts were never started",
        "offer less, or raise `max_in_flight` or the number of workers",
    ),
    // A warning where a threshold on response_time leaves less room: see `health::budget`.
    limit(
        Rule::ScheduleLag,
        Unit::Time,
        (None, Some(100.0 * MS)),
        "schedule_lag.p99 was {}",
        "offer less, or give the generator more processors",
    ),
    limit(
        Rule::LocalFailures,
        Unit::Share,
        (None, Some(0.0)),
        "{} of the attempts failed by this machine's own fault",
        "`planrun doctor PLAN` says what this machine lacks",
    ),
    limit(
        Rule::WorkerLost,
        Unit::Count,
        (None, Some(0.0)),
        "{} workers were lost",
        "see why in `workers_lost` of report.json",
    ),
    limit(
        Rule::Accounting,
        Unit::Count,
        (None, Some(0.0)),
        "the books of {} phases do not add up",
        "please report this",
    ),
    limit(
        Rule::Overflow,
        Unit::Count,
        (None, Some(0.0)),
        "{} times were longer than the hour that histograms tell apart",
        "shorten what is timed: time-outs, heartbeats, events",
    ),
    // One pause alone does no harm to a long run; how much of the time was lost is the next rule's.
    limit(
        Rule::Stall,
        Unit::Time,
        (Some(STALL_NS as f64), None),
        "a worker stood still for {}",
        "something else ran on its processor, or it was stopped",
    ),
    limit(
        Rule::Stalled,
        Unit::Share,
        (None, Some(0.01)),
        "workers stood still for {} of their time, in stalls longer than 100 ms",
        "let nothing else run on this machine, or offer less",
    ),
    // INVALID only for stages with a rate: users without think time are meant to be as fast as they can.
    limit(
        Rule::WorkerCpu,
        Unit::Share,
        (Some(0.90), Some(0.95)),
        "a worker used {} of a processor for five seconds",
        "raise `generator.workers` up to the number of processors, or offer less",
    ),
    // Both ends on one machine may use all of it: INVALID only where attempts were late as well, see `health::is_late`.
    limit(
        Rule::ProcessCpu,
        Unit::Share,
        (Some(0.85), Some(0.85)),
        "all processes of the run together used {} of the processors for five seconds",
        "put the target on another machine, or offer less",
    ),
    // Only a warning: the harm that waiting does is seen as lag and as stalls.
    limit(
        Rule::CpuWait,
        Unit::Share,
        (Some(0.10), None),
        "a worker waited for a processor for {} of five seconds",
        "let nothing else run on this machine; a built-in server is something else, too",
    ),
    // Shared runners lose some per cent now and then: from one part in twenty of a whole hold on the machine is not one's own.
    limit(
        Rule::Steal,
        Unit::Share,
        (Some(0.005), Some(0.05)),
        "the hypervisor gave {} of the processors' time to others",
        "run on a machine that is not shared",
    ),
    limit(
        Rule::StealBurst,
        Unit::Share,
        (Some(0.02), None),
        "the hypervisor gave {} of the processors' time to others in five seconds",
        "run on a machine that is not shared",
    ),
    // Only a warning in a ramp without a pace: going as fast as the machine can, it meets its quota.
    limit(
        Rule::Throttled,
        Unit::Count,
        (Some(0.0), Some(0.0)),
        "the control group's processor time was used up in {} periods",
        "raise the CPU limit of the container, or offer less",
    ),
    limit(
        Rule::ClockStep,
        Unit::Time,
        (None, Some(50.0 * MS)),
        "the wall clock jumped by {}: it was set, or the machine was paused",
        "set the clock before the run, and do not pause the machine",
    ),
    limit(
        Rule::ClockSource,
        Unit::Count,
        (None, Some(0.0)),
        "the kernel changed its clock source {} times: it found that the one it had was wrong",
        "see `dmesg`; boot with the clock source that it settled on",
    ),
    limit(
        Rule::Suspended,
        Unit::Time,
        (None, Some(50.0 * MS)),
        "the machine slept for {}",
        "keep it awake: `systemd-inhibit planrun PLAN.toml`",
    ),
    limit(
        Rule::MemoryStall,
        Unit::Share,
        (Some(0.001), Some(0.01)),
        "everything waited for memory for {} of the time",
        "use less memory, or have more",
    ),
    // Only a warning: the counter is of the whole machine, and what harm it does is seen as stalls and as waiting for memory.
    limit(
        Rule::SwapIn,
        Unit::Count,
        (Some(0.0), None),
        "{} pages were read back from swap",
        "use less memory, or `swapoff -a` before the run",
    ),
    // Only a warning: the counters are of the whole machine, and what is dropped is sent again.
    limit(
        Rule::NetworkDrops,
        Unit::Count,
        (Some(0.0), None),
        "this machine's kernel dropped {} packets",
        "raise net.core.netdev_max_backlog or net.netfilter.nf_conntrack_max",
    ),
];
