//! A sparse histogram of the durations of one request, which takes memory only for its samples; the
//! buckets are those of [`TimeHistograms`].

use super::histogram_v2::HIGHEST_NS;
use super::times::{BEYOND_NS, read_named, write_named};
use super::{TimeHistograms, histogram_v2};
use crate::plan::{Stat, TimeMetric};
use crate::units::{index, narrow};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Buckets for each power of two: three significant figures.
const HALF: u64 = 1 << 10;

/// How many samples are kept one by one before they are counted in buckets.
const LOG: usize = 1 << 10;

/// The times of one request, a few distributions at most.
#[derive(Debug, Clone, Default)]
pub struct SparseTimes(Vec<(TimeMetric, SparseSamples)>);

/// The content of a distribution: recent samples, and the counts of buckets, the lowest first.
#[derive(Debug, Clone, Default)]
struct SparseSamples {
    log: Vec<u16>,
    buckets: Vec<(u16, u64)>,
}

/// The bucket of a duration.
fn bucket_of(ns: u64) -> u16 {
    let ns = if ns > HIGHEST_NS { BEYOND_NS } else { ns };
    let power = u64::from((u64::BITS - (ns | (2 * HALF - 1)).leading_zeros()).saturating_sub(11));
    // The highest one is below 33 * 1,024.
    narrow(index(power * HALF + (ns >> power)))
}

/// The lowest duration of a bucket.
fn lowest_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * HALF {
        return bucket;
    }
    let power = bucket / HALF - 1;
    (bucket - power * HALF) << power
}

/// The longest duration of a bucket.
fn highest_of(bucket: u16) -> u64 {
    lowest_of(bucket.saturating_add(1)) - 1
}

/// The duration that represents a bucket in a mean.
fn middle_of(bucket: u16) -> u64 {
    let lowest = lowest_of(bucket);
    lowest + ((highest_of(bucket) - lowest + 1) >> 1)
}

/// Adds sorted counts to sorted counts.
fn add_sorted(mine: &mut Vec<(u16, u64)>, theirs: impl Iterator<Item = (u16, u64)>) {
    let mut merged: Vec<(u16, u64)> = Vec::with_capacity(mine.len() + 1);
    let mut put = |bucket: u16, count: u64| match merged.last_mut() {
        Some((last, sum)) if *last == bucket => *sum += count,
        _ => merged.push((bucket, count)),
    };
    let mut left = mine.iter().copied().peekable();
    for (bucket, count) in theirs {
        while let Some((known, sum)) = left.next_if(|(known, _)| *known <= bucket) {
            put(known, sum);
        }
        put(bucket, count);
    }
    left.for_each(|(known, sum)| put(known, sum));
    *mine = merged;
}

impl SparseSamples {
    fn record(&mut self, ns: u64) {
        self.log.push(bucket_of(ns));
        if self.log.len() >= LOG {
            self.settle();
        }
    }

    /// Moves individual samples into buckets.
    fn settle(&mut self) {
        self.log.sort_unstable();
        add_sorted(&mut self.buckets, self.log.iter().map(|bucket| (*bucket, 1)));
        self.log.clear();
    }

    /// All counts, the lowest bucket first.
    fn counts(&self) -> Vec<(u16, u64)> {
        let mut log = self.log.clone();
        log.sort_unstable();
        let mut counts = self.buckets.clone();
        add_sorted(&mut counts, log.into_iter().map(|bucket| (bucket, 1)));
        counts
    }
}

impl SparseTimes {
    /// Records one sample.
    pub fn record(&mut self, metric: TimeMetric, ns: u64) {
        self.place(metric).record(ns);
    }

    /// How many samples a metric has.
    pub fn count(&self, metric: TimeMetric) -> u64 {
        let known = self.0.iter().find(|(known, _)| *known == metric);
        known.map_or(0, |(_, samples)| {
            samples.log.len() as u64 + samples.buckets.iter().map(|(_, count)| count).sum::<u64>()
        })
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, samples)| samples.log.is_empty() && samples.buckets.is_empty())
    }

    /// One figure of a metric in nanoseconds, the same as that of [`TimeHistograms`]; `None`
    /// without samples.
    pub fn stat(&self, metric: TimeMetric, stat: Stat) -> Option<f64> {
        let counts = self.counts(metric)?;
        let total = counts.iter().map(|(_, count)| count).sum::<u64>();
        let ns = match (stat, stat.quantile()) {
            (Stat::Min, _) => lowest_of(counts.first()?.0),
            (Stat::Max, _) => highest_of(counts.last()?.0),
            (_, None) => {
                let share = |(bucket, count): &(u16, u64)| {
                    middle_of(*bucket) as f64 * *count as f64 / total as f64
                };
                return Some(counts.iter().map(share).sum());
            }
            (_, Some(quantile)) => {
                // Rounded up to whole samples, as the histograms of the library do.
                let rank = (quantile * total as f64).ceil().max(1.0);
                let mut below = 0;
                let at_rank = counts.iter().find(|(_, count)| {
                    below += count;
                    below as f64 >= rank
                });
                highest_of(at_rank.or(counts.last())?.0)
            }
        };
        Some(ns as f64)
    }

    /// The histogram of a metric in the format V2 of `HdrHistogram`; `None` without samples.
    pub fn histogram_v2(&self, metric: TimeMetric) -> Option<Vec<u8>> {
        Some(histogram_v2::encode(&self.counts(metric)?))
    }

    /// How many samples fell into which bucket, the lowest first; `None` without samples.
    fn counts(&self, metric: TimeMetric) -> Option<Vec<(u16, u64)>> {
        let (_, samples) = self.0.iter().find(|(known, _)| *known == metric)?;
        Some(samples.counts()).filter(|counts| !counts.is_empty())
    }

    /// Adds all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (metric, theirs) in &other.0 {
            let mine = self.place(*metric);
            mine.settle();
            add_sorted(&mut mine.buckets, theirs.counts().into_iter());
        }
    }

    /// Adds all samples to distributions that hold every bucket.
    pub fn add_to(&self, times: &mut TimeHistograms) {
        for (metric, samples) in &self.0 {
            let whole = times.place(*metric);
            let one_by_one = samples.log.iter().map(|bucket| (*bucket, 1));
            for (bucket, count) in samples.buckets.iter().copied().chain(one_by_one) {
                whole.saturating_record_n(lowest_of(bucket), count);
            }
        }
    }

    /// Bytes that it holds.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let each =
            |samples: &SparseSamples| samples.log.capacity() * 2 + samples.buckets.capacity() * 16;
        self.0.capacity() * size_of::<(TimeMetric, SparseSamples)>()
            + self.0.iter().map(|(_, samples)| each(samples)).sum::<usize>()
    }

    fn place(&mut self, metric: TimeMetric) -> &mut SparseSamples {
        let at = self.0.iter().position(|(known, _)| *known == metric).unwrap_or_else(|| {
            self.0.push((metric, SparseSamples::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

impl PartialEq for SparseTimes {
    fn eq(&self, other: &Self) -> bool {
        let same = |metric: &TimeMetric| self.counts(*metric) == other.counts(*metric);
        TimeMetric::ALL.iter().all(same)
    }
}

/// People and the journal read the histograms that all other times have; between processes the
/// counts are enough.
impl Serialize for SparseTimes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let encode = |metric: &TimeMetric| Some((*metric, self.histogram_v2(*metric)?));
            return write_named(TimeMetric::ALL.iter().filter_map(encode), serializer);
        }
        let index =
            |metric: &TimeMetric| u8::try_from(metric.index()).expect("fewer than 256 metrics");
        serializer.collect_seq(self.0.iter().map(|(one, samples)| (index(one), samples.counts())))
    }
}

impl<'de> Deserialize<'de> for SparseTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |buckets| SparseSamples { log: Vec::new(), buckets };
        if deserializer.is_human_readable() {
            let read = |(metric, bytes): (TimeMetric, Vec<u8>)| {
                let buckets = histogram_v2::decode(&bytes).map_err(serde::de::Error::custom)?;
                Ok((metric, read(buckets)))
            };
            return read_named(deserializer)?
                .into_iter()
                .map(read)
                .collect::<Result<_, _>>()
                .map(Self);
        }
        let all = Vec::<(u8, Vec<(u16, u64)>)>::deserialize(deserializer)?;
        let known = all.into_iter().filter_map(|(at, buckets)| {
            Some((*TimeMetric::ALL.get(usize::from(at))?, read(buckets)))
        });
        Ok(Self(known.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVICE: TimeMetric = TimeMetric::ServiceTime;

    fn durations() -> impl Strategy<Value = Vec<u64>> {
        let any = (0_u32..44, 0..u64::MAX).prop_map(|(bits, ns)| ns & ((1 << bits) - 1));
        proptest::collection::vec(any, 0..3_000)
    }

    proptest! {
        #[test]
        fn its_samples_are_those_of_a_whole_histogram(all in durations(), cut in 0_usize..3_000) {
            let (mut whole, mut one, mut other) =
                (TimeHistograms::default(), SparseTimes::default(), SparseTimes::default());
            for (at, ns) in all.iter().enumerate() {
                whole.record(SERVICE, *ns);
                if at < cut { &mut one } else { &mut other }.record(SERVICE, *ns);
            }
            one.merge(&other);
            prop_assert_eq!(one.count(SERVICE), all.len() as u64);
            let mut again = TimeHistograms::default();
            one.add_to(&mut again);
            for stat in crate::plan::Stat::ALL {
                prop_assert_eq!(again.stat(SERVICE, *stat), whole.stat(SERVICE, *stat), "{}", stat);
                prop_assert_eq!(one.stat(SERVICE, *stat), whole.stat(SERVICE, *stat), "{}", stat);
            }
            prop_assert_eq!(again.get(SERVICE), whole.get(SERVICE));
            let text = serde_json::to_string(&one).expect("text");
            prop_assert_eq!(&text, &serde_json::to_string(&whole).expect("text"));
            prop_assert_eq!(&serde_json::from_str::<SparseTimes>(&text).expect("times"), &one);
            let bytes = postcard::to_stdvec(&one).expect("bytes");
            prop_assert_eq!(&postcard::from_bytes::<SparseTimes>(&bytes).expect("times"), &one);
        }
    }

    #[test]
    fn what_took_almost_an_hour_is_read_back_as_that() {
        let mut times = SparseTimes::default();
        times.record(SERVICE, 3_599_182_594_048);
        times.record(SERVICE, HIGHEST_NS + 1);
        let text = serde_json::to_string(&times).expect("text");
        assert_eq!(serde_json::from_str::<SparseTimes>(&text).expect("times"), times);
    }

    #[test]
    fn a_request_that_is_rarely_sent_takes_little_memory() {
        let mut times = SparseTimes::default();
        assert_eq!(times.bytes(), 0);
        let metrics = [SERVICE, TimeMetric::ResponseTime, TimeMetric::FirstByte];
        for sample in 0..100 {
            for metric in metrics {
                times.record(metric, 1_000_000 * (sample + 1));
            }
        }
        assert!(times.bytes() <= 2_048, "{}", times.bytes());
        // Many samples of what is usual, one power of two wide, are far from a whole histogram's
        // 264 KiB.
        (0..100_000).for_each(|sample| times.record(SERVICE, 1_000_000 + sample * 10));
        assert!(times.bytes() <= 48 << 10, "{}", times.bytes());
    }
}
