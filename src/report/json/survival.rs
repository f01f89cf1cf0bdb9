//! Turns lifetimes into JSON: how they ended, the survival curve, and what many deaths share.

use super::OrderedMap;
use crate::catalogue::RatioMetric;
use crate::record::{Curve, CurvePoint, LifeEnd, Survival, spikes};
use crate::units::SECOND_NS;
use schemars::JsonSchema;
use serde::Serialize;

/// The most points that a curve keeps.
const MOST_POINTS: usize = 100;

/// The lifetimes of held connections.
#[derive(Serialize, JsonSchema)]
pub(super) struct SurvivalReport {
    connections: u64,
    deaths: u64,
    ended: OrderedMap<&'static str, u64>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    after: OrderedMap<&'static str, Estimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    median_ns: Option<u64>,
    curve: Vec<PointReport>,
    spikes: Vec<SpikeReport>,
}

/// Kaplan and Meier's estimate, and Greenwood's standard error.
#[derive(Serialize, JsonSchema)]
struct Estimate {
    survival: f64,
    error: f64,
}

#[derive(Serialize, JsonSchema)]
struct PointReport {
    after_ns: u64,
    at_risk: u64,
    died: u64,
    #[serde(flatten)]
    estimate: Estimate,
    incidence: OrderedMap<&'static str, f64>,
}

#[derive(Serialize, JsonSchema)]
struct SpikeReport {
    kind: &'static str,
    at_ns: u64,
    within_ns: u64,
    count: u64,
    says: String,
}

impl SurvivalReport {
    /// `None` when no held connection has ended.
    pub(super) fn of(survival: &Survival) -> Option<Self> {
        let curve = Curve::of(survival)?;
        let ended = |end: &LifeEnd| (end.name(), survival.count(*end));
        // The ages that metrics use are always included, if they were reached.
        let after = RatioMetric::ages().filter_map(|(name, seconds)| {
            let (survival, error) = curve.at(seconds)?;
            Some((name, Estimate { survival, error }))
        });
        Some(Self {
            connections: survival.connections(),
            deaths: survival.deaths(),
            ended: OrderedMap(
                LifeEnd::ALL.iter().map(ended).filter(|(_, count)| *count > 0).collect(),
            ),
            after: OrderedMap(after.collect()),
            median_ns: curve.median_s().map(|seconds| seconds * SECOND_NS),
            curve: thinned(&curve.points).into_iter().map(point).collect(),
            spikes: spikes(survival)
                .into_iter()
                .map(|spike| SpikeReport {
                    kind: spike.kind.name(),
                    at_ns: spike.at_s * SECOND_NS,
                    within_ns: spike.within_s * SECOND_NS,
                    count: spike.count,
                    says: spike.to_string(),
                })
                .collect(),
        })
    }
}

fn point(point: CurvePoint) -> PointReport {
    let causes = LifeEnd::DEATHS.iter().map(|end| end.name()).zip(point.incidence);
    PointReport {
        after_ns: point.after_s * SECOND_NS,
        at_risk: point.at_risk,
        died: point.died,
        estimate: Estimate { survival: point.survival, error: point.error },
        incidence: OrderedMap(causes.filter(|(_, part)| *part > 0.0).collect()),
    }
}

/// The points that are kept: all where they are few, else evenly chosen ones and the last; what
/// died in between counts with the next one.
fn thinned(points: &[CurvePoint]) -> Vec<CurvePoint> {
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    points
        .chunks(step)
        .filter_map(|chunk| {
            let (first, last) = (chunk.first()?, chunk.last()?);
            let died = chunk.iter().map(|point| point.died).sum();
            Some(CurvePoint { at_risk: first.at_risk, died, ..*last })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Life;

    #[test]
    fn a_long_curve_is_thinned_and_loses_no_death() {
        let mut survival = Survival::default();
        for second in 0..1_000 {
            let ended_ns = second * SECOND_NS;
            survival.record(&Life { end: LifeEnd::Fin, opened_ns: 0, heard_ns: 0, ended_ns });
        }
        let report = SurvivalReport::of(&survival).unwrap();
        assert_eq!(report.curve.len(), MOST_POINTS);
        assert_eq!(report.curve.iter().map(|point| point.died).sum::<u64>(), 1_000);
        assert!(report.curve[99].estimate.survival <= 0.0);
        assert_eq!(report.curve[1].at_risk, 990);
        assert!(SurvivalReport::of(&Survival::default()).is_none());
    }
}
