//! Turns lifetimes into a survival curve: Kaplan and Meier's estimate, Greenwood's error, and what
//! killed how many by when.
//!
//! A connection that was closed as planned, or outlived the run, was at risk as long as it was seen
//! and says nothing about later times. Sources: Kaplan & Meier 1958; Greenwood 1926; Aalen &
//! Johansen 1978 for the incidence of competing causes.

use super::{Bins, CurveKey, LifeEnd, Survival, begins_s, ends_s};
use std::collections::BTreeSet;

/// The estimate after one bin in which connections died.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The end of the bin: seconds of life. Deaths are known to the bin, so the curve is at its
    /// lower bound within it.
    pub after_s: u64,
    /// Connections that had reached the bin.
    pub at_risk: u64,
    /// Connections that died in it.
    pub died: u64,
    /// The part of connections that live longer.
    pub survival: f64,
    /// Greenwood's standard error of that.
    pub error: f64,
    /// The part that had died of each cause by then, in the order of
    /// [`LifeEnd::DEATHS`](super::LifeEnd::DEATHS); with `survival` they sum to 1.
    pub incidence: [f64; 6],
}

/// A survival curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// One for each bin in which connections died, in order.
    pub points: Vec<CurvePoint>,
    /// The longest life that was seen, by the beginning of its bin: the curve says nothing beyond
    /// it.
    pub seen_s: u64,
}

impl Curve {
    /// The curve of some lifetimes; `None` without any.
    pub fn of(survival: &Survival) -> Option<Self> {
        let none = Bins::new();
        let row = |end: LifeEnd| survival.row(CurveKey::Life(end)).unwrap_or(&none);
        let deaths = LifeEnd::DEATHS.map(row);
        let censored = row(LifeEnd::Censored);
        let bins: BTreeSet<u32> =
            deaths.iter().chain([&censored]).flat_map(|bins| bins.keys().copied()).collect();
        let longest = *bins.last()?;
        let mut at_risk = survival.connections();
        let (mut alive, mut greenwood, mut incidence) = (1.0_f64, 0.0_f64, [0.0; 6]);
        let mut points = Vec::new();
        for bin in bins {
            let in_bin = |bins: &Bins| bins.get(&bin).copied().unwrap_or(0);
            let died: u64 = deaths.iter().map(|bins| in_bin(bins)).sum();
            if died > 0 {
                for (sum, bins) in incidence.iter_mut().zip(deaths) {
                    *sum += alive * in_bin(bins) as f64 / at_risk as f64;
                }
                let left = at_risk - died;
                alive *= left as f64 / at_risk as f64;
                // Once no connection is left the estimate is zero, and so is its error.
                if left > 0 {
                    greenwood += died as f64 / (at_risk as f64 * left as f64);
                }
                let error = alive * greenwood.sqrt();
                let after_s = ends_s(bin);
                points.push(CurvePoint {
                    after_s,
                    at_risk,
                    died,
                    survival: alive,
                    error,
                    incidence,
                });
            }
            // Within a bin deaths come before the ends of observation, as is usual.
            at_risk -= died + in_bin(censored);
        }
        Some(Self { points, seen_s: begins_s(longest) })
    }

    /// The fraction of connections that live longer than `seconds`, and its standard error;
    /// `None` when none was seen that long.
    pub fn at(&self, seconds: u64) -> Option<(f64, f64)> {
        let dead = self.points.last().is_some_and(|last| last.survival <= 0.0);
        if self.seen_s < seconds && !dead {
            return None;
        }
        let point = self.points.iter().rfind(|point| point.after_s <= seconds);
        Some(point.map_or((1.0, 0.0), |point| (point.survival, point.error)))
    }

    /// The life that half of the connections do not outlive, to its bin's end: seconds. `None` when
    /// more than half outlived the run.
    pub fn median_s(&self) -> Option<u64> {
        self.points.iter().find(|point| point.survival <= 0.5).map(|point| point.after_s)
    }
}
