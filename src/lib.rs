//! A declarative test-plan runner: a plan goes in, load goes out, reports and a verdict come back.
#![doc = include_str!("ARCHITECTURE.md")]
#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests look at files, times and the environment")
)]

pub mod units;

pub mod catalogue;

pub mod plan;

pub mod record;

pub(crate) mod schedule;

pub(crate) mod workload;

pub mod machine;

pub mod verdict;

pub mod engine;

pub mod store;

pub mod report;

pub mod results;

pub(crate) mod observe;

pub mod serve;

pub mod cli;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

#[cfg(test)]
mod tests;
