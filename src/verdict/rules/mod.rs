//! The rules of validity: when a run proves nothing about its target. A rule is a value in a file
//! of its own; [`ALL`] is the table of them.
//!
//! A rule makes a run INVALID where its number would be wrong without anybody noticing. It only
//! warns where what it leads to is measured by another rule, or where ordinary runs on shared
//! machines break it without harm. Shares of time follow one thought: from 1 % on, a p99 is no
//! longer the target's.

mod accounting;
mod clock_source;
mod clock_step;
mod cpu_wait;
mod dropped;
mod incomplete;
mod local_failures;
mod memory_stall;
mod network_drops;
mod overflow;
mod process_cpu;
mod rule;
mod samples;
mod schedule_lag;
mod stall;
mod stalled;
mod start_skew;
mod steal;
mod steal_burst;
mod suspended;
mod swap_in;
mod throttled;
mod worker_cpu;
mod worker_lost;

pub use accounting::ACCOUNTING;
pub use clock_source::CLOCK_SOURCE;
pub use clock_step::CLOCK_STEP;
pub use cpu_wait::CPU_WAIT;
pub use dropped::DROPPED;
pub use incomplete::INCOMPLETE;
pub use local_failures::LOCAL_FAILURES;
pub use memory_stall::MEMORY_STALL;
pub use network_drops::NETWORK_DROPS;
pub use overflow::OVERFLOW;
pub use process_cpu::PROCESS_CPU;
pub use rule::{Rule, RuleUnit};
pub(super) use rule::{RuleLimits, RunFacts, Sample, place_words};
pub use samples::SAMPLES;
pub use schedule_lag::SCHEDULE_LAG;
pub use stall::STALL;
pub use stalled::STALLED;
pub use start_skew::START_SKEW;
pub use steal::STEAL;
pub use steal_burst::STEAL_BURST;
pub use suspended::SUSPENDED;
pub use swap_in::SWAP_IN;
pub use throttled::THROTTLED;
pub use worker_cpu::WORKER_CPU;
pub use worker_lost::WORKER_LOST;

/// Every rule, in the order of reports.
pub static ALL: &[&Rule] = &[
    &DROPPED,
    &SCHEDULE_LAG,
    &LOCAL_FAILURES,
    &WORKER_LOST,
    &START_SKEW,
    &ACCOUNTING,
    &OVERFLOW,
    &STALL,
    &STALLED,
    &WORKER_CPU,
    &PROCESS_CPU,
    &CPU_WAIT,
    &STEAL,
    &STEAL_BURST,
    &THROTTLED,
    &CLOCK_STEP,
    &CLOCK_SOURCE,
    &SUSPENDED,
    &MEMORY_STALL,
    &SWAP_IN,
    &NETWORK_DROPS,
    &SAMPLES,
    &INCOMPLETE,
];
