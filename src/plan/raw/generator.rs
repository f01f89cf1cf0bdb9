//! The table of this machine, and the limits that it is held to.

use super::{InvalidWord, LossWord, OneOrMany, SourceUseWord, Workers, table};
use crate::plan::text::Text;
use crate::units::{Ratio, Time};

table! {
    /// How this machine makes the load.
    #[schemars(rename = "Generator")]
    RawGenerator, "`generator`",
    must {}
    may {
        /// Worker processes for each scenario: a number, or `auto`.
        workers: Workers,
        /// Addresses to connect from: single ones, ranges `a-b`, CIDR. Connections are spread over all of them.
        source_addresses: OneOrMany<Text>,
        /// What `source_addresses` are for. Default: `spread`.
        source_use: SourceUseWord,
        /// First and last source port: `1024-65535`.
        port_range: Text,
        /// What a lost worker does to the run, which is INVALID either way. Default: `continue`.
        on_worker_loss: LossWord,
        /// What happens to a run that can only be INVALID any more, ten seconds after that is so. Default: `stop`.
        on_invalid: InvalidWord,
        /// What this machine may do before a run is INVALID, in place of planrun's own limits.
        limits: RawLimits,
    }
}

table! {
    /// Limits of rules of validity, by their names in reports; a value at its limit is within it.
    #[schemars(rename = "Limits")]
    RawLimits, "`limits`",
    must {}
    may {
        /// The 99th percentile of how late attempts start. Default: `100ms`.
        schedule_lag: Time,
        /// The part of the due attempts that is never started. Default: `0%`.
        dropped: Ratio,
        /// The part of the attempts that fails by this machine's own fault. Default: `0%`.
        local_failures: Ratio,
        /// The part of their time in which workers stand still. Default: `1%`.
        stalled: Ratio,
        /// What a worker uses of a processor in its busiest five seconds, in stages with a `rate`. Default: `95%`.
        worker_cpu: Ratio,
        /// The part of the processors' time that a hypervisor gives to others. Default: `5%`.
        steal: Ratio,
    }
}
