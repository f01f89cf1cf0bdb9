//! Turns what all hosts get into what the workers of this host get, once this host has been found
//! fit for its part.

use super::{AgentError, AgentSpec, allowed};
use crate::engine::channel::host_wire::HostManifest;
use crate::engine::file_memory;
use crate::engine::lookup::try_addresses;
use crate::engine::manifest::{ScenarioInputs, WorkerManifest};
use crate::machine::{
    HostRequirement, MachineLimits, Probes, Requirement, RequirementStatus, part_of_plan,
    preflight, sources_of_scenarios,
};
use crate::plan::{Plan, Source};
use crate::units::{Address, narrow};

/// The manifests of each scenario's workers, and what came of the checks.
pub(super) struct Prepared {
    pub(super) manifests: Vec<WorkerManifest>,
    pub(super) warnings: Vec<String>,
    pub(super) requirements: Vec<HostRequirement>,
}

/// What this machine has, of what its part of the plan asks.
struct Checked {
    plan: Plan,
    limits: MachineLimits,
    rows: Vec<Requirement>,
}

impl Checked {
    fn words(&self, status: RequirementStatus) -> Vec<String> {
        let rows = self.rows.iter().filter(|row| row.status == status);
        rows.map(Requirement::words).collect()
    }

    fn requirements(&self) -> Vec<HostRequirement> {
        self.rows.iter().map(HostRequirement::from).collect()
    }
}

/// Compares this machine with its share of the load.
fn check(
    spec: &AgentSpec,
    manifest: &HostManifest,
    share: (u32, u32),
) -> Result<Checked, AgentError> {
    let source = Source { name: manifest.name.clone(), text: manifest.text.clone() };
    // Values of the environment are this host's own.
    let plan = Plan::parse(&source, &manifest.overrides, &spec.environment).map_err(|errors| {
        let words: Vec<String> = errors.iter().map(|one| one.message.clone()).collect();
        unfit(format!("its plan is wrong: {}", words.join("; ")))
    })?;
    // Workers take addresses from `scenarios`, probes from `addresses`.
    let through = manifest.scenarios.iter().flat_map(|inputs| &inputs.addresses);
    let addresses = manifest.addresses.iter().flatten().chain(through);
    allowed::check(&spec.allowed, addresses).map_err(unfit)?;
    let limits = MachineLimits::read();
    let part = part_of_plan(&plan, share);
    let probes =
        Probes::take(&part, &limits).with_files(&part, file_memory(&part, &manifest.files));
    let rows = preflight(&part, &limits, &probes);
    Ok(Checked { plan, limits, rows })
}

/// Says what its share of the load asks of this machine.
pub(super) fn examine(
    spec: &AgentSpec,
    manifest: &HostManifest,
    share: (u32, u32),
) -> Result<Prepared, AgentError> {
    let requirements = check(spec, manifest, share)?.requirements();
    Ok(Prepared { manifests: Vec::new(), warnings: Vec::new(), requirements })
}

/// Checks this machine for its share of the load.
pub(super) async fn prepare(
    spec: &AgentSpec,
    manifest: HostManifest,
    share: (u32, u32),
) -> Result<Prepared, AgentError> {
    let checked = check(spec, &manifest, share)?;
    let missing = checked.words(RequirementStatus::Fail);
    let mut warnings = checked.words(RequirementStatus::Warn);
    let requirements = checked.requirements();
    let HostManifest { addresses, scenarios, files, probe, force, .. } = manifest;
    let Checked { plan, limits, .. } = checked;
    if !missing.is_empty() && !force {
        return Err(unfit(missing.join("; ")));
    }
    warnings.extend(missing);
    if probe && !force {
        let wanted = plan.targets.iter().zip(&addresses).filter(|(target, _)| target.probe);
        let wanted: Vec<(String, Vec<Address>)> =
            wanted.map(|(target, found)| (target.name.clone(), found.clone())).collect();
        let generator = plan.generator.clone();
        let tried = tokio::task::spawn_blocking(move || try_addresses(&wanted, &generator)).await;
        tried
            .map_err(|error| unfit(error.to_string()))?
            .map_err(|error| unfit(error.to_string()))?;
    }
    let each: Vec<&[Address]> = addresses.iter().map(Vec::as_slice).collect();
    let sources = sources_of_scenarios(&plan, &each, &limits);
    let inputs = scenarios.into_iter().zip(sources).zip(files).enumerate();
    let manifests = inputs.map(|(scenario, ((inputs, sources), files))| WorkerManifest {
        plan: plan.clone(),
        scenario: narrow(scenario),
        inputs: ScenarioInputs { sources, ..inputs },
        files,
    });
    Ok(Prepared { manifests: manifests.collect(), warnings, requirements })
}

fn unfit(why: String) -> AgentError {
    AgentError::NotFit { why }
}
