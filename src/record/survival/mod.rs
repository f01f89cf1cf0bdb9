//! Turns the ends of held connections into lifetimes that add up: by how they ended, in bins of
//! fixed bounds.
//!
//! **Invariant:** memory is bounded by the number of bins, not by the number of connections;
//! without an end nothing is allocated.
//! **Invariant:** everything merges by addition, in any order.

mod curve;
mod spikes;

pub use curve::{Curve, CurvePoint};
pub use spikes::{Spike, SpikeKind, spikes};

use super::{Cause, Failure, FailureStage};
use crate::units::{SECOND_NS, index, narrow32};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bins are a second wide up to an hour, a minute wide up to a week; what is longer is in the last
/// one.
const FINE: u64 = 3_600;
const COARSE_S: u64 = 60;
const BINS: u64 = FINE + (7 * 24 * 3_600 - FINE) / COARSE_S;

/// How the life of a held connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeEnd {
    /// The peer closed it.
    Fin,
    /// The peer, or something on the way, reset it.
    Rst,
    /// It fell silent: a heartbeat or greeting that did not come, bytes that were never
    /// acknowledged.
    Silence,
    /// A message was not the expected one.
    WrongData,
    /// Any other failure.
    Other,
    /// It did not end by itself: it was closed as planned, or the run ended before it.
    Censored,
    /// The peer closed or reset it instead of replying to a heartbeat.
    Rejected,
}

impl LifeEnd {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Fin,
        Self::Rst,
        Self::Silence,
        Self::WrongData,
        Self::Other,
        Self::Rejected,
        Self::Censored,
    ];

    /// Those that are deaths.
    pub const DEATHS: [Self; 6] =
        [Self::Fin, Self::Rst, Self::Silence, Self::WrongData, Self::Other, Self::Rejected];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Silence => "silence",
            Self::WrongData => "wrong_data",
            Self::Other => "other",
            Self::Censored => "censored",
            Self::Rejected => "rejected",
        }
    }

    /// The end that a failure is.
    pub fn of(cause: Cause) -> Self {
        match cause.failure {
            Failure::ClosedByServer | Failure::Reset if cause.at == FailureStage::Heartbeat => {
                Self::Rejected
            }
            Failure::ClosedByServer | Failure::CloseFrame => Self::Fin,
            Failure::Reset => Self::Rst,
            Failure::HeartbeatMissed | Failure::GreetingMissed | Failure::PeerTimeout => {
                Self::Silence
            }
            Failure::WrongData
            | Failure::BadHandshake
            | Failure::MaskedFrame
            | Failure::ReservedBits
            | Failure::BadOpcode
            | Failure::BadControlFrame
            | Failure::BadFrameLength
            | Failure::UnexpectedContinuation
            | Failure::UnfinishedMessage
            | Failure::InvalidUtf8
            | Failure::BadCloseFrame => Self::WrongData,
            _ => Self::Other,
        }
    }

    /// Whether the other side, or something on the way, ended it by itself: silence and wrong data
    /// are found by this side, and a rejected heartbeat was sent by it.
    fn is_from_outside(self) -> bool {
        matches!(self, Self::Fin | Self::Rst | Self::Other)
    }

    /// Whether many of these at one moment can tell of a restart: what follows from what this side
    /// sent stands where the plan put it.
    fn tells_of_a_moment(self) -> bool {
        self.is_from_outside() || self == Self::Silence
    }
}

/// Counts by bin.
type Bins = BTreeMap<u32, u64>;

/// The record of each end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CurveKey {
    /// How long it had been open, by the way it ended.
    Life(LifeEnd),
    /// Deaths from outside: how long nothing had come before.
    Quiet,
    /// Deaths: when in the run.
    Moment,
}

/// The lifetimes of held connections. An empty one costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survival(Vec<(CurveKey, Bins)>);

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// How it ended.
    pub end: LifeEnd,
    /// When it opened, on the run's clock.
    pub opened_ns: u64,
    /// When its last message came, or it opened.
    pub heard_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
}

/// The bin of a length of time.
fn bin(ns: u64) -> u32 {
    let seconds = ns / SECOND_NS;
    let bin = if seconds < FINE { seconds } else { FINE + (seconds - FINE) / COARSE_S };
    narrow32(index(bin.min(BINS - 1)))
}

/// Where a bin begins, in seconds.
fn begins_s(bin: u32) -> u64 {
    let bin = u64::from(bin);
    if bin < FINE { bin } else { FINE + (bin - FINE) * COARSE_S }
}

/// Where a bin ends, in seconds.
fn ends_s(bin: u32) -> u64 {
    begins_s(bin + 1)
}

impl Survival {
    /// Adds one end.
    pub fn record(&mut self, life: &Life) {
        let since = |from: u64| bin(life.ended_ns.saturating_sub(from));
        self.add(CurveKey::Life(life.end), since(life.opened_ns), 1);
        if life.end.tells_of_a_moment() {
            self.add(CurveKey::Moment, bin(life.ended_ns), 1);
        }
        if life.end.is_from_outside() {
            self.add(CurveKey::Quiet, since(life.heard_ns), 1);
        }
    }

    /// Adds everything of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (row, bins) in &other.0 {
            for (bin, count) in bins {
                self.add(*row, *bin, *count);
            }
        }
    }

    /// Whether no connection has ended.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Connections that ended so.
    pub fn count(&self, end: LifeEnd) -> u64 {
        self.row(CurveKey::Life(end)).map_or(0, |bins| bins.values().sum())
    }

    /// Connections that died.
    pub fn deaths(&self) -> u64 {
        LifeEnd::DEATHS.iter().map(|end| self.count(*end)).sum()
    }

    /// Deaths from outside by how long the connection had been open, in whole seconds; ages beyond
    /// an hour to the minute. What this side's own timers found out stands where the plan put it.
    pub fn ages(&self) -> BTreeMap<u64, u64> {
        let mut ages = BTreeMap::new();
        let outside = LifeEnd::DEATHS.iter().filter(|end| end.is_from_outside());
        let rows = outside.filter_map(|end| self.row(CurveKey::Life(*end)));
        for (bin, count) in rows.flatten() {
            *ages.entry(begins_s(*bin)).or_default() += count;
        }
        ages
    }

    /// All that are known.
    pub fn connections(&self) -> u64 {
        self.deaths() + self.count(LifeEnd::Censored)
    }

    fn add(&mut self, row: CurveKey, bin: u32, count: u64) {
        let place = self.0.iter().position(|(known, _)| *known == row).unwrap_or_else(|| {
            let place = self.0.partition_point(|(known, _)| *known < row);
            self.0.insert(place, (row, Bins::new()));
            place
        });
        *self.0[place].1.entry(bin).or_default() += count;
    }

    fn row(&self, row: CurveKey) -> Option<&Bins> {
        self.0.iter().find(|(known, _)| *known == row).map(|(_, bins)| bins)
    }
}

#[cfg(test)]
mod tests;
