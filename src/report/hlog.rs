//! Turns each second's histograms into lines of `latency.hlog`: the interval log, format 1.3, of
//! the public `HdrHistogram` tools.
//!
//! Values are nanoseconds; `Interval_Max` is in milliseconds; a tag reads
//! `web.service_time:s02.hold`, of one of several requests `web/order.service_time:s02.hold`.

use crate::plan::{Plan, Stat, TimeMetric};
use crate::record::CellKey;
use crate::store::{Durations, Header, Started};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
use std::io::Write as _;

/// Nanoseconds in the unit of `Interval_Max`.
const MAX_UNIT: f64 = 1e6;

/// The magic number of a compressed histogram in the format V2.
const COMPRESSED_COOKIE: u32 = 0x1c84_9314;

/// The first lines.
pub(super) fn heading(header: &Header) -> Vec<u8> {
    format!(
        "#[{} {}, plan {}: values in ns, Interval_Max in ms]\n\
         #[service_time, response_time, first_byte, transfer.time: of successes; failed_time: of responses that failed]\n\
         #[Histogram log format version 1.3]\n",
        header.tool.name, header.tool.version, header.plan
    )
    .into_bytes()
}

/// The lines that say when the run's clock started.
pub(super) fn times(started: &Started) -> Vec<u8> {
    let at = started.at.as_millisecond();
    let (seconds, millis) = (at.div_euclid(1_000), at.rem_euclid(1_000));
    format!(
        "#[StartTime: {seconds}.{millis:03} (seconds since epoch), {}]\n\
         #[BaseTime: {seconds}.{millis:03} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        started.at
    )
    .into_bytes()
}

/// A line for each histogram of some seconds.
pub(super) fn intervals(plan: &Plan, durations: &Durations) -> Vec<u8> {
    let mut lines = Vec::new();
    let Some(scenario) = plan.scenarios.get(usize::from(durations.scenario)) else { return lines };
    for (key, cell) in &durations.cells {
        let mut interval = LogInterval { of: tag(&scenario.name), key: *key, durations };
        for metric in TimeMetric::ALL {
            let Some(samples) = cell.times.get(*metric) else { continue };
            let mut packed = Vec::new();
            V2DeflateSerializer::new()
                .serialize(samples, &mut packed)
                .expect("memory takes every histogram with these bounds");
            interval.add(&mut lines, *metric, samples.max() as f64, &packed);
        }
        for (at, facts) in &cell.requests {
            let Some(request) = scenario.request(*at) else { continue };
            interval.of = format!("{}/{}", tag(&scenario.name), tag(request));
            for metric in TimeMetric::ALL {
                let of_metric =
                    facts.times.stat(*metric, Stat::Max).zip(facts.times.histogram_v2(*metric));
                let Some((max, bytes)) = of_metric else { continue };
                interval.add(&mut lines, *metric, max, &packed(&bytes));
            }
        }
    }
    lines
}

/// The tag of a line's histograms.
struct LogInterval<'a> {
    of: String,
    key: CellKey,
    durations: &'a Durations,
}

impl LogInterval<'_> {
    fn add(&self, lines: &mut Vec<u8>, metric: TimeMetric, max: f64, packed: &[u8]) {
        let Durations { first, last, .. } = *self.durations;
        let line = format!(
            "Tag={}.{metric}:s{:02}.{},{first}.000,{}.000,{:.3},{}\n",
            self.of,
            u32::from(self.key.stage) + 1,
            self.key.phase,
            u64::from(last.saturating_sub(first)) + 1,
            max / MAX_UNIT,
            STANDARD.encode(packed),
        );
        lines.extend_from_slice(line.as_bytes());
    }
}

/// A histogram in the format V2 as its compressed form.
fn packed(histogram_v2: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(histogram_v2).and_then(|()| encoder.finish());
    let packed = packed.expect("memory takes everything");
    let length = u32::try_from(packed.len()).expect("a histogram has 300 KB at most");
    [&COMPRESSED_COOKIE.to_be_bytes()[..], &length.to_be_bytes(), &packed].concat()
}

/// A name as a tag may have it: fields end at commas and spaces.
fn tag(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    name.chars().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{SparseTimes, TimeHistograms};

    #[test]
    fn a_histogram_from_buckets_is_packed_as_the_library_does() {
        let (mut sparse, mut whole) = (SparseTimes::default(), TimeHistograms::default());
        for ns in (0..2_000_u64).map(|sample| sample * sample * 977) {
            sparse.record(TimeMetric::ServiceTime, ns);
            whole.record(TimeMetric::ServiceTime, ns);
        }
        let mut expected = Vec::new();
        let samples = whole.get(TimeMetric::ServiceTime).expect("samples");
        V2DeflateSerializer::new().serialize(samples, &mut expected).expect("memory");
        let bytes = sparse.histogram_v2(TimeMetric::ServiceTime).expect("samples");
        assert_eq!(packed(&bytes), expected);
    }
}
