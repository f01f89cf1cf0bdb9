//! Samples of the hosts of a run, beside the facts of the load.

use super::{HostDelta, WorkerFacts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A machine that takes part in a run. Its facts carry it: limits, samples, requirements,
/// diagnoses.
///
/// It is not saved if all processes run on one machine.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct HostId(u16);

impl HostId {
    /// The machine that the coordinator runs on.
    pub const COORDINATOR: Self = Self(0);

    /// Machine number `number` of a run; the coordinator's is 0.
    pub fn numbered(number: u16) -> Self {
        Self(number)
    }

    /// The slot of a host that makes load; `None` for the coordinator's machine.
    pub fn slot(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }

    /// Whether it is the coordinator's.
    pub fn is_coordinator(&self) -> bool {
        *self == Self::COORDINATOR
    }
}

/// Reads and writes the samples of a second: the object of one machine as it is, those of several
/// as a list.
pub(super) mod samples {
    use super::HostSample;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum SavedSamples {
        One(Box<HostSample>),
        Many(Vec<HostSample>),
    }

    pub(in super::super) fn serialize<S: Serializer>(
        samples: &[HostSample],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match samples {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<HostSample>, D::Error> {
        Ok(match SavedSamples::deserialize(deserializer)? {
            SavedSamples::One(one) => vec![*one],
            SavedSamples::Many(many) => many,
        })
    }
}

/// One sample of a host: the usage of the run's servers, of the kernel, and the change of its
/// counters since the last sample.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSample {
    /// The machine.
    #[serde(default, skip_serializing_if = "HostId::is_coordinator")]
    pub host: HostId,
    /// When, on the run's clock.
    pub at_ns: u64,
    /// Processor time that the built-in servers have used; zero without any.
    #[serde(default)]
    pub servers_cpu_ns: u64,
    /// Resident memory of the built-in servers.
    #[serde(default)]
    pub servers_rss_bytes: u64,
    /// Processor time that the coordinator has used; zero where it was not measured.
    #[serde(default)]
    pub own_cpu_ns: u64,
    /// Processors that the run may use; zero where it is unknown.
    #[serde(default)]
    pub processors: u32,
    /// Memory of the slabs that sockets live in, of the whole machine; absent when it cannot be
    /// read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_bytes: Option<u64>,
    /// Memory that can be had, of the whole machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// What `uptime` and `ss -s` show; absent in recordings that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<HostLevels>,
    /// Changes of the kernel's counters since the look before, without zeros:
    /// `TcpExt.ListenOverflows`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, i64>,
    /// The resources that the host withheld since the last sample; absent at the baseline.
    #[serde(default, rename = "supply", skip_serializing_if = "Option::is_none")]
    pub delta: Option<HostDelta>,
    /// At the baseline only: the workers of each scenario together, by index into
    /// `Plan::scenarios`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workers: BTreeMap<u16, WorkerFacts>,
}

/// How busy the machine is and how many sockets it has. What cannot be read is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLevels {
    /// The load average of the last minute, in hundredths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_hundredths: Option<u32>,
    /// TCP sockets in use, of the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_in_use: Option<u64>,
    /// TCP sockets in `TIME_WAIT`, of the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_time_wait: Option<u64>,
    /// Memory of the buffers of TCP, of the whole machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_buffer_bytes: Option<u64>,
}

/// A sample of the host and of one scenario's workers, with what the scenario had done by then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostReading {
    /// The machine.
    pub host: HostSample,
    /// The workers together.
    pub workers: WorkerFacts,
    /// Connections opened so far.
    pub opened: u64,
    /// Heartbeats received and sent so far.
    pub heartbeats: u64,
}

/// The moment at which most connections were open.
///
/// A look is taken a little after the end of its second. Only where the next second has the same
/// level is it sure to be a look at that level; so the last second of a level does not count. Of
/// the others the one with the most resident memory does: pages that the kernel took back meanwhile
/// have been paid for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Peak {
    /// Connections open.
    pub open: u64,
    /// The machine.
    pub host: HostSample,
    /// The workers together.
    pub workers: WorkerFacts,
    /// Whether the sample was certainly taken at that level.
    settled: bool,
    next: Option<(HostSample, WorkerFacts)>,
}

/// Updates the peak with the next second.
pub(super) fn update_peak(
    peak: &mut Option<Peak>,
    open: u64,
    host: &HostSample,
    workers: WorkerFacts,
) {
    match peak {
        Some(known) if open == known.open => {
            if let Some((host, workers)) = known.next.replace((host.clone(), workers)) {
                let resident = |host: &HostSample, workers: &WorkerFacts| {
                    host.servers_rss_bytes + workers.rss_bytes
                };
                if !known.settled
                    || resident(&host, &workers) > resident(&known.host, &known.workers)
                {
                    (known.host, known.workers, known.settled) = (host, workers, true);
                }
            }
        }
        Some(known) if open < known.open => {}
        _ if open == 0 => {}
        _ => *peak = Some(Peak { open, host: host.clone(), workers, settled: false, next: None }),
    }
}

/// Adds later changes of counters.
pub(super) fn add_changes(sum: &mut BTreeMap<String, i64>, later: &BTreeMap<String, i64>) {
    for (name, change) in later {
        *sum.entry(name.clone()).or_default() += change;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Second;

    fn second(hosts: &[u16]) -> Second {
        let sample = |host: &u16| HostSample {
            host: HostId::numbered(*host),
            at_ns: 1_000_000_000 + u64::from(*host),
            ..HostSample::default()
        };
        Second { hosts: hosts.iter().map(sample).collect(), ..Second::default() }
    }

    #[test]
    fn one_machine_is_saved_as_ever_and_several_by_their_number() {
        let texts = [&[][..], &[0], &[0, 3]].map(|hosts| {
            let second = second(hosts);
            let text = serde_json::to_string(&second).expect("text");
            assert_eq!(serde_json::from_str::<Second>(&text).expect("a second"), second);
            text
        });
        assert!(!texts[0].contains("host"), "{}", texts[0]);
        assert!(texts[1].contains(r#""host":{"at_ns":1000000000,"#), "{}", texts[1]);
        assert!(texts[2].contains(r#""host":[{"at_ns":"#), "{}", texts[2]);
        assert!(texts[2].contains(r#"{"host":3,"at_ns":1000000003,"#), "{}", texts[2]);
    }

    #[test]
    fn memory_that_the_kernel_takes_back_has_been_paid_for() {
        let mut peak = None;
        for (open, rss_bytes) in [(1, 9), (5, 40), (5, 50), (5, 30), (5, 70), (2, 80)] {
            let workers = WorkerFacts { rss_bytes, ..WorkerFacts::default() };
            update_peak(&mut peak, open, &HostSample::default(), workers);
        }
        let peak = peak.expect("a peak");
        assert_eq!(
            (peak.open, peak.workers.rss_bytes),
            (5, 50),
            "the last reading may be a later level's"
        );
    }
}
