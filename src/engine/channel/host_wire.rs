//! Messages between the coordinator and the agent of a host, around those of workers.
//!
//! ```text
//!  coordinator ── RunNotice (a key of the broker) ─▶ agent
//!              ◀─ HostClaim (a key) ──────
//!              ── HostManifest (an object), Prepare ─▶  the agent checks its machine
//!              ◀─ Prepared ─────
//!              ── Worker: Manifest is the agent's own, Assign ─▶
//!              ◀─ Worker: Ready ─
//!              ── Arm ──────▶
//!              ◀─ Armed ────
//!              ── Worker: Start, commands ─▶
//!              ◀─ Second, Worker: all else; Ended ─
//!              ── Release or Abort ─▶
//! ```

use super::super::clock::ClockReading;
use super::super::manifest::ScenarioInputs;
use super::wire::FromWorker;
use crate::machine::{HostRequirement, MachineLimits};
use crate::plan::Overrides;
use crate::record::{CellKey, Counters, HostSample, Snapshot};
use crate::units::Address;
use crate::workload::http::ScenarioFiles;
use serde::{Deserialize, Serialize};

/// The offer of a run to agents; as JSON, which every version can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunNotice {
    /// The version of all messages.
    pub version: u32,
    /// How many hosts it is for.
    pub hosts: u16,
    /// SHA-256 of the plan's text, in hexadecimal.
    pub plan_sha256: String,
}

/// The claim of a slot by an agent; as JSON, which every version can read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostClaim {
    /// The version of all messages.
    pub version: u32,
    /// A number that no other agent has.
    pub incarnation: u64,
    /// The host's name.
    pub name: String,
    /// Its capabilities.
    pub limits: MachineLimits,
}

/// The refusal of an agent, with the reason; as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// The host's name.
    pub name: String,
    /// Why, in words.
    pub why: String,
}

/// The input of all hosts, without values of the environment: each host takes its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostManifest {
    /// The name of the plan's file.
    pub name: String,
    /// The plan's text.
    pub text: String,
    /// Changes to it from the command line.
    pub overrides: Overrides,
    /// The addresses of each target.
    pub addresses: Vec<Vec<Address>>,
    /// Where the connections of each scenario go; where they come from is each host's own.
    pub scenarios: Vec<ScenarioInputs>,
    /// The files that each scenario names.
    pub files: Vec<ScenarioFiles>,
    /// Whether targets are tried before the run.
    pub probe: bool,
    /// Whether a host that is not fit takes part.
    pub force: bool,
}

/// From the coordinator to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ToHost {
    /// Check the machine and start workers.
    Prepare {
        /// The part of the load: this many of so many.
        share: (u32, u32),
        /// The scenario of each worker.
        workers: Vec<u16>,
        /// Only says what the part asks of the machine.
        examine: bool,
        /// The agent ends itself once the coordinator has been silent for so long, in milliseconds.
        grace_ms: u64,
    },
    /// A frame for a worker, as it is.
    Worker {
        /// Which of this host's.
        worker: u32,
        /// For its pipe.
        frame: Vec<u8>,
    },
    /// Be ready to start at this reading of this host's clock.
    Arm {
        /// Translated by the coordinator.
        t0: ClockReading,
    },
    /// End a worker at once.
    Kill {
        /// Which of this host's.
        worker: u32,
    },
    /// Everything has been taken in: end.
    Release,
    /// End everything at once.
    Abort,
}

/// From an agent to the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum FromHost {
    /// The machine was checked, and workers were started.
    Prepared {
        /// The warnings of the checks, in words.
        warnings: Vec<String>,
        /// All that was checked.
        requirements: Vec<HostRequirement>,
    },
    /// The machine is not fit, or the agent cannot go on.
    Failed {
        /// Why, in words.
        why: String,
    },
    /// A message of a worker; snapshots come as [`FromHost::Second`].
    Worker {
        /// Which of this host's.
        worker: u32,
        /// The message.
        message: FromWorker,
    },
    /// Waits for the start.
    Armed,
    /// The facts of the workers in one second, merged.
    Second(Box<HostSecond>),
    /// How the machine is; once a second, so that silence means something.
    Sample(#[serde(with = "as_json")] Box<HostSample>),
    /// All workers have ended: what they counted in all, by scenario.
    Ended {
        /// Of each scenario.
        totals: Vec<(u16, Vec<(CellKey, Counters)>)>,
    },
}

/// The facts of a host's workers in one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostSecond {
    /// By scenario.
    pub scenarios: Vec<HostScenarioSecond>,
}

/// The facts of one scenario's workers on one host in one second, merged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostScenarioSecond {
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Their snapshots, merged.
    pub snapshot: Snapshot,
    /// How many of them it is from.
    pub reporting: u32,
}

/// Facts that leave out what is absent travel as text: the format of messages has no names.
mod as_json {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(value).map_err(S::Error::custom)?;
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Inbox, encode};
    use super::*;
    use crate::record::{HostDelta, HostId, HostLevels};

    #[test]
    fn manifests_travel_with_and_without_what_is_absent() {
        let manifest = HostManifest {
            name: "plan.toml".to_owned(),
            text: "name = \"x\"".to_owned(),
            overrides: Overrides { scale: Some("50%".to_owned()), ..Overrides::default() },
            addresses: Vec::new(),
            scenarios: Vec::new(),
            files: Vec::new(),
            probe: true,
            force: false,
        };
        let baseline = Some("results/a".to_owned());
        let with = Overrides { baseline, ..Overrides::default() };
        for manifest in [HostManifest { overrides: with, ..manifest.clone() }, manifest] {
            let mut inbox = Inbox::default();
            inbox.feed(&encode(&manifest).unwrap());
            assert_eq!(inbox.take::<HostManifest>().unwrap(), Some(manifest));
        }
    }

    #[test]
    fn samples_travel_with_and_without_what_is_absent() {
        let full = HostSample {
            host: HostId::numbered(3),
            levels: Some(HostLevels { tcp_in_use: Some(7), ..HostLevels::default() }),
            delta: Some(HostDelta { steal_ns: 5, ..HostDelta::default() }),
            counters: [("TcpExt.ListenOverflows".to_owned(), 2)].into(),
            ..HostSample::default()
        };
        for sample in [full, HostSample::default()] {
            let message = FromHost::Sample(Box::new(sample));
            let mut inbox = Inbox::default();
            inbox.feed(&encode(&message).unwrap());
            assert_eq!(inbox.take::<FromHost>().unwrap(), Some(message));
        }
    }
}
