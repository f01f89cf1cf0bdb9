//! Turns durations into histograms: nanoseconds, three significant figures, fixed bounds, so that
//! all of them add up.

use super::histogram_v2::{self, HIGHEST_NS, empty};
use crate::plan::{Stat, TimeMetric};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HdrReader, Serializer as _, V2Serializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What longer times are recorded as: more than an hour, and still in the last of the powers of two
/// that histograms are made of.
pub(super) const BEYOND_NS: u64 = 4_000_000_000_000;

/// One histogram for each [`TimeMetric`] that has samples. Memory does not grow with samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeHistograms(Vec<Option<Box<Histogram<u64>>>>);

/// The `rank`th smallest sample, from 1 to as many as there are.
pub(super) fn at_rank(samples: &Histogram<u64>, rank: u64) -> f64 {
    // The middle of a rank's step, so that no rounding falls on its neighbour.
    samples.value_at_quantile((rank as f64 - 0.5) / samples.len() as f64) as f64
}

impl TimeHistograms {
    /// Records one sample.
    pub fn record(&mut self, metric: TimeMetric, ns: u64) {
        let samples = self.place(metric);
        if ns <= HIGHEST_NS {
            samples.saturating_record(ns);
        } else {
            samples.record(BEYOND_NS).expect("within the last power of two");
        }
    }

    /// The samples of a metric, if there are any.
    pub fn get(&self, metric: TimeMetric) -> Option<&Histogram<u64>> {
        self.0.get(metric.index()).and_then(Option::as_deref)
    }

    /// How many samples a metric has.
    pub fn count(&self, metric: TimeMetric) -> u64 {
        self.get(metric).map_or(0, Histogram::len)
    }

    /// The `rank`th smallest sample of a metric, from 1 to as many as there are, in nanoseconds.
    pub fn at_rank(&self, metric: TimeMetric, rank: u64) -> Option<f64> {
        self.get(metric).map(|samples| at_rank(samples, rank))
    }

    /// How many samples of all metrics together were longer than [`HIGHEST_NS`].
    pub fn beyond_bounds(&self) -> u64 {
        let all = self.0.iter().flatten();
        all.filter(|samples| samples.max() > HIGHEST_NS)
            .map(|samples| samples.count_between(samples.next_non_equivalent(HIGHEST_NS), u64::MAX))
            .sum()
    }

    /// One figure of a metric in nanoseconds; `None` without samples.
    pub fn stat(&self, metric: TimeMetric, stat: Stat) -> Option<f64> {
        let samples = self.get(metric).filter(|samples| !samples.is_empty())?;
        Some(match stat {
            Stat::Min => samples.min() as f64,
            Stat::Mean => samples.mean(),
            Stat::Max => samples.max() as f64,
            percentile => samples
                .value_at_quantile(percentile.quantile().expect("the others are percentiles"))
                as f64,
        })
    }

    /// Adds all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        for metric in TimeMetric::ALL {
            if let Some(samples) = other.get(*metric) {
                self.place(*metric).add(samples).expect("all histograms have the same bounds");
            }
        }
    }

    pub(super) fn place(&mut self, metric: TimeMetric) -> &mut Histogram<u64> {
        if self.0.is_empty() {
            self.0.resize(TimeMetric::ALL.len(), None);
        }
        self.0[metric.index()].get_or_insert_with(|| Box::new(empty()))
    }
}

impl Serialize for TimeHistograms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encode = |metric: &TimeMetric| {
            let mut bytes = Vec::new();
            V2Serializer::new().serialize(self.get(*metric)?, &mut bytes).ok()?;
            Some((*metric, bytes))
        };
        write_named(TimeMetric::ALL.iter().filter_map(encode), serializer)
    }
}

/// Writes histograms in the format V2 by the names of their metrics: base64 where people read.
pub(super) fn write_named<S: Serializer>(
    all: impl Iterator<Item = (TimeMetric, Vec<u8>)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = serializer.is_human_readable();
    let named = all.map(|(metric, bytes)| {
        let encoded =
            if text { Encoded::Text(STANDARD.encode(bytes)) } else { Encoded::Bytes(bytes) };
        (metric.name(), encoded)
    });
    // A format without names has to know how many come.
    serializer.collect_map(named.collect::<Vec<_>>())
}

/// Reads what [`write_named`] has written.
pub(super) fn read_named<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(TimeMetric, Vec<u8>)>, D::Error> {
    use serde::de::Error;
    // A metric from a later version adds nothing here.
    let known = |name: &str| TimeMetric::named(name);
    if deserializer.is_human_readable() {
        let named = BTreeMap::<String, String>::deserialize(deserializer)?;
        let decode = |(metric, text): (TimeMetric, String)| {
            STANDARD.decode(text).map(|bytes| (metric, bytes)).map_err(D::Error::custom)
        };
        let named = named.into_iter();
        return named.filter_map(|(name, text)| Some((known(&name)?, text))).map(decode).collect();
    }
    let named = BTreeMap::<String, Vec<u8>>::deserialize(deserializer)?.into_iter();
    Ok(named.filter_map(|(name, bytes)| Some((known(&name)?, bytes))).collect())
}

enum Encoded {
    Text(String),
    Bytes(Vec<u8>),
}

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

/// Reads a histogram of ours.
fn read(bytes: &[u8]) -> Result<Histogram<u64>, String> {
    histogram_v2::decode(bytes)?;
    HdrReader::new().deserialize(&mut &*bytes).map_err(|error| error.to_string())
}

impl<'de> Deserialize<'de> for TimeHistograms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut times = Self::default();
        for (metric, bytes) in read_named(deserializer)? {
            let samples = read(&bytes).map_err(D::Error::custom)?;
            times
                .place(metric)
                .add(&samples)
                .map_err(|error| D::Error::custom(format!("{error:?}")))?;
        }
        Ok(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bounds_is_counted_wherever_it_goes() {
        let mut times = TimeHistograms::default();
        let longer = [HIGHEST_NS + 1, HIGHEST_NS * 24, u64::MAX];
        for ns in [1, 7, HIGHEST_NS].into_iter().chain(longer) {
            times.record(TimeMetric::HeartbeatGap, ns);
        }
        times.record(TimeMetric::ServiceTime, HIGHEST_NS);
        // No time at all stays none.
        times.record(TimeMetric::QueueWait, 0);
        assert_eq!(
            times.get(TimeMetric::QueueWait).map(|all| (all.min(), all.max())),
            Some((0, 0))
        );
        assert_eq!(times.beyond_bounds(), 3);
        let text = serde_json::to_string(&times).expect("text");
        let mut saved: TimeHistograms = serde_json::from_str(&text).expect("times");
        let bytes = postcard::to_stdvec(&times).expect("bytes");
        let sent: TimeHistograms = postcard::from_bytes(&bytes).expect("times");
        saved.merge(&sent);
        assert_eq!(saved.beyond_bounds(), 6);
        assert!(saved.stat(TimeMetric::HeartbeatGap, Stat::Max) > Some(HIGHEST_NS as f64));
    }
}
