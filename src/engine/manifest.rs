//! Turns a checked plan, its files and the targets found for it into what the run is made from.
//!
//! **Invariant:** workers get a manifest, never the plan's text: what was checked is what runs,
//! whatever becomes of the files meanwhile, and no worker looks at its own environment.

use super::event::Resolved;
use super::targets::{Targets, peers_of};
use crate::machine::{MachineLimits, NetworkPath, Sources, sources_of_scenarios, workers};
use crate::plan::{Plan, Scenario};
use crate::units::{Address, narrow};
use crate::workload::http::ScenarioFiles;
use crate::workload::tls::Peers;
use serde::{Deserialize, Serialize};

/// Everything that the load of a run is made from, resolved once.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The checked plan; values from the environment are filled in.
    pub plan: Plan,
    /// Where each target is, by index into `Plan::targets`.
    pub targets: Vec<Resolved>,
    /// Where the connections of each scenario go, and from where, by index into `Plan::scenarios`.
    pub scenarios: Vec<ScenarioInputs>,
    /// The files that each scenario names, as they were read when the plan was checked.
    pub files: Vec<ScenarioFiles>,
    /// Worker processes of each scenario.
    pub workers: Vec<u32>,
}

/// Where the connections of a scenario go, and from where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioInputs {
    /// The target's addresses, used in turn; at least one.
    pub addresses: Vec<Address>,
    /// Which of the plan's addresses each of these belongs to; empty for a built-in server.
    pub origins: Vec<u16>,
    /// Where to connect from.
    pub sources: Sources,
    /// The TLS client of connections; `None`: they are not secured.
    pub tls: Option<Peers>,
}

/// The part of a [`Manifest`] that the workers of one scenario get.
///
/// It holds the values that the plan took from the environment: it goes through the channel to a
/// worker, and into no file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerManifest {
    /// The checked plan.
    pub plan: Plan,
    /// Index into `Plan::scenarios`.
    pub scenario: u16,
    /// Where its connections go, and from where.
    pub inputs: ScenarioInputs,
    /// http: the content of the files that the scenario names.
    pub files: ScenarioFiles,
}

impl Manifest {
    /// The manifest of a plan whose files were read and whose targets were found. `files`: of each
    /// scenario.
    pub fn resolve(
        plan: Plan,
        files: Vec<ScenarioFiles>,
        targets: &Targets,
        limits: &MachineLimits,
    ) -> Self {
        debug_assert_eq!(files.len(), plan.scenarios.len(), "files of each scenario");
        debug_assert_eq!(targets.resolved.len(), plan.targets.len(), "an entry for each target");
        let addresses: Vec<&[Address]> =
            targets.resolved.iter().map(|target| target.addresses.as_slice()).collect();
        let sources = sources_of_scenarios(&plan, &addresses, limits);
        let inputs = |(scenario, sources): (&Scenario, Sources)| {
            let resolved = &targets.resolved[scenario.target];
            let peers = targets.peers[scenario.target].clone();
            let target = plan.targets.get(scenario.target);
            ScenarioInputs {
                addresses: resolved.addresses.clone(),
                origins: resolved.origins.clone(),
                sources,
                tls: peers.map(|peers| peers_of(peers, target, &scenario.protocol)),
            }
        };
        let scenarios = plan.scenarios.iter().zip(sources).map(inputs).collect();
        let workers = plan.scenarios.iter().map(|one| workers(one, &plan, limits)).collect();
        Self { targets: targets.resolved.clone(), scenarios, files, workers, plan }
    }

    /// The manifest of the workers of one scenario.
    pub fn for_workers(&self, scenario: usize) -> WorkerManifest {
        WorkerManifest {
            plan: self.plan.clone(),
            scenario: narrow(scenario),
            inputs: self.scenarios[scenario].clone(),
            files: self.files[scenario].clone(),
        }
    }

    /// Where the connections of each scenario go, and from where.
    pub fn network_paths(&self) -> Vec<NetworkPath> {
        let paths = self.scenarios.iter();
        paths.map(|inputs| NetworkPath::of(&inputs.sources, &inputs.addresses)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::channel::wire::{ToWorker, encode};
    use super::*;
    use crate::plan::{Overrides, Source};
    use std::path::Path;

    fn parse(name: &str, text: String) -> Plan {
        let source = Source { name: name.to_owned(), text };
        let environment = |name: &str| (name == "TOKEN").then(|| "s3cr3t".to_owned());
        Plan::parse(&source, &Overrides::default(), &environment).expect(name)
    }

    /// A manifest for a target with this many addresses, and this file of rows.
    fn manifest(plan: Plan, data: Option<Vec<u8>>) -> WorkerManifest {
        let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
        let inputs = ScenarioInputs { addresses: vec![address; 8], ..ScenarioInputs::default() };
        WorkerManifest {
            plan,
            scenario: 0,
            inputs,
            files: ScenarioFiles { data, ..ScenarioFiles::default() },
        }
    }

    fn frame(manifest: &WorkerManifest) -> Vec<u8> {
        encode(&ToWorker::Manifest(Box::new(manifest.clone()))).unwrap()
    }

    #[test]
    fn every_published_plan_reaches_workers_as_it_was_checked() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let length = text.len();
            let sent = manifest(parse(&path.display().to_string(), text), None);
            let frame = frame(&sent);
            let ToWorker::Manifest(read) = postcard::from_bytes(&frame[4..]).unwrap() else {
                panic!("a manifest")
            };
            assert_eq!(*read, sent, "{}", path.display());
            assert!(frame.len() < length + 1_000, "{}: {}", path.display(), frame.len());
            seen += 1;
        }
        assert!(seen >= 3, "{seen} plans");
    }

    #[test]
    fn values_of_the_environment_reach_workers_and_no_text() {
        let text = "name = \"p\"\n[targets.t]\naddress = \"http://localhost/\"\n[scenarios.s]\n\
            protocol = \"http\"\nrequests = [{ path = \"/\", headers = { x-key = \"${env.TOKEN}\" } }]\n\
            stages = [{ users = 1, hold = \"1s\" }]\n";
        let sent = manifest(parse("p.toml", text.to_owned()), None);
        assert!(frame(&sent).windows(6).any(|bytes| bytes == b"s3cr3t"));
        let refused = serde_json::to_string(&sent).unwrap_err().to_string();
        assert!(refused.contains("never written as text"), "{refused}");
    }

    #[test]
    fn a_large_file_of_rows_is_sent_once_and_as_it_is() {
        let rows = vec![b'x'; 10 << 20];
        let text = "name = \"p\"\n[targets.t]\naddress = \"127.0.0.1:80\"\n[scenarios.s]\n\
            protocol = \"tcp-hold\"\nstages = [{ users = 1, hold = \"1s\" }]\n";
        let frame = frame(&manifest(parse("p.toml", text.to_owned()), Some(rows)));
        assert!(frame.len() < (10 << 20) + 1_000, "{}", frame.len());
    }
}
