//! Turns what all hosts get into what the workers of this host get, once this host has been found
//! fit for its part.

use super::{AgentError, AgentSpec, allowed};
use crate::engine::channel::host_wire::HostManifest;
use crate::engine::file_memory;
use crate::engine::lookup::try_addresses;
use crate::engine::manifest::{ScenarioInputs, WorkerManifest};
use crate::machine::{
    MachineLimits, Probes, Requirement, RequirementStatus, part_of_plan, preflight,
    sources_of_scenarios,
};
use crate::plan::{Plan, Source};
use crate::units::{Address, narrow};

/// The manifests of each scenario's workers, and the warnings of the checks.
pub(super) struct Prepared {
    pub(super) manifests: Vec<WorkerManifest>,
    pub(super) warnings: Vec<String>,
}

/// Checks this machine for its share of the load.
pub(super) async fn prepare(
    spec: &AgentSpec,
    manifest: HostManifest,
    share: (u32, u32),
) -> Result<Prepared, AgentError> {
    let HostManifest { name, text, overrides, addresses, scenarios, files, probe, force } =
        manifest;
    let source = Source { name, text };
    // Values of the environment are this host's own.
    let plan = Plan::parse(&source, &overrides, &spec.environment).map_err(|errors| {
        let words: Vec<String> = errors.iter().map(|one| one.message.clone()).collect();
        unfit(format!("its plan is wrong: {}", words.join("; ")))
    })?;
    // Workers take addresses from `scenarios`, probes from `addresses`.
    let through = scenarios.iter().flat_map(|inputs| &inputs.addresses);
    allowed::check(&spec.allowed, addresses.iter().flatten().chain(through)).map_err(unfit)?;
    let limits = MachineLimits::read();
    let part = part_of_plan(&plan, share);
    let probes = Probes::take(&part, &limits).with_files(&part, file_memory(&part, &files));
    let rows = preflight(&part, &limits, &probes);
    let words = |status: RequirementStatus| {
        rows.iter().filter(move |row| row.status == status).map(Requirement::words)
    };
    let missing: Vec<String> = words(RequirementStatus::Fail).collect();
    if !missing.is_empty() && !force {
        return Err(unfit(missing.join("; ")));
    }
    if probe && !force {
        let wanted = plan.targets.iter().zip(&addresses).filter(|(target, _)| target.probe);
        let wanted: Vec<(String, Vec<Address>)> =
            wanted.map(|(target, found)| (target.name.clone(), found.clone())).collect();
        let tried = tokio::task::spawn_blocking(move || try_addresses(&wanted)).await;
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
    let warnings = words(RequirementStatus::Warn).chain(missing.iter().cloned());
    Ok(Prepared { manifests: manifests.collect(), warnings: warnings.collect() })
}

fn unfit(why: String) -> AgentError {
    AgentError::NotFit { why }
}
