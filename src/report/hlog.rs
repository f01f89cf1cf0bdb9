//! Turns each second's histograms into lines of `latency.hlog`: the interval log, format 1.3, of
//! the public `HdrHistogram` tools.
//!
//! Values are nanoseconds; `Interval_Max` is in milliseconds; a tag reads
//! `web.service_time:s02.hold`.

use crate::plan::{Plan, TimeMetric};
use crate::store::{Durations, Header, Started};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

/// Nanoseconds in the unit of `Interval_Max`.
const MAX_UNIT: f64 = 1e6;

/// The first lines.
pub fn heading(header: &Header) -> Vec<u8> {
    format!(
        "#[{} {}, plan {}: values in ns, Interval_Max in ms]\n\
         #[service_time, response_time, first_byte, transfer.time: of successes; failed_time: of responses that failed]\n\
         #[Histogram log format version 1.3]\n",
        header.tool.name, header.tool.version, header.plan
    )
    .into_bytes()
}

/// The lines that say when the run's clock started.
pub fn times(started: &Started) -> Vec<u8> {
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
pub fn intervals(plan: &Plan, durations: &Durations) -> Vec<u8> {
    let mut lines = Vec::new();
    let Some(scenario) = plan.scenarios.get(usize::from(durations.scenario)) else { return lines };
    let length = u64::from(durations.last.saturating_sub(durations.first)) + 1;
    for (key, cell) in &durations.cells {
        for metric in TimeMetric::ALL {
            let Some(samples) = cell.times.get(*metric) else { continue };
            let mut bytes = Vec::new();
            V2DeflateSerializer::new()
                .serialize(samples, &mut bytes)
                .expect("memory takes every histogram with these bounds");
            let line = format!(
                "Tag={}.{metric}:s{:02}.{},{}.000,{length}.000,{:.3},{}\n",
                tag(&scenario.name),
                u32::from(key.stage) + 1,
                key.phase,
                durations.first,
                samples.max() as f64 / MAX_UNIT,
                STANDARD.encode(&bytes),
            );
            lines.extend_from_slice(line.as_bytes());
        }
    }
    lines
}

/// A name as a tag may have it: fields end at commas and spaces.
fn tag(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    name.chars().map(kept).collect()
}
