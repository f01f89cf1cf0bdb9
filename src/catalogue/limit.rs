//! The limits of validity rules that a plan may set: one row each.

/// Hands the rows to a macro, so that the keys of a plan, their schema and the limits of rules are
/// the same: meaning, name in code and in plans, unit, planrun's own limit.
macro_rules! settable_limits {
    ($rows:ident) => {
        $rows! {
            /// The 99th percentile of how late attempts start. Default: `100ms`.
            ScheduleLag = schedule_lag: Time, 100e6;
            /// The share of the due attempts that is never started. Default: `0%`.
            Dropped = dropped: Ratio, 0.0;
            /// The share of attempts that this machine itself may make fail. Default: `0%`.
            LocalFailures = local_failures: Ratio, 0.0;
            /// The share of their time that workers may lose to stalls. Default: `1%`.
            Stalled = stalled: Ratio, 0.01;
            /// The share of a processor that a worker may use in its busiest five seconds, in
            /// stages with a `rate`. Default: `95%`.
            WorkerCpu = worker_cpu: Ratio, 0.95;
            /// The share of the processors' time that a hypervisor gives to others. Default: `5%`.
            Steal = steal: Ratio, 0.05;
        }
    };
}
pub(crate) use settable_limits;

macro_rules! rows {
    ($($(#[$doc:meta])* $variant:ident = $key:ident: $unit:ident, $default:literal;)*) => {
        /// A limit of a rule of validity that a plan may set under `generator.limits`.
        #[derive(
            Debug,
            Clone,
            Copy,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            serde::Serialize,
            serde::Deserialize,
        )]
        pub enum LimitKey { $($(#[$doc])* $variant,)* }

        impl LimitKey {
            /// Every one, in the order of documents.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The key in plans, which is the name of its rule.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($key),)* }
            }

            /// Planrun's own limit: nanoseconds, or a share from 0 to 1.
            pub const fn default_limit(self) -> f64 {
                match self { $(Self::$variant => $default,)* }
            }
        }
    };
}

settable_limits! { rows }
