//! Turns a run into `report.json`: everything, in schema `planrun.report/1`.
//!
//! **Invariant:** figures that were not measured have no key; times are whole nanoseconds, ratios
//! come with numerator and denominator.

mod addresses;
mod cost;
mod facts;
mod findings;
mod hosts;
mod measures;
mod monitors;
mod requests;
mod storms;
mod survival;

use super::notes::notes;
use super::section::end_of;
use crate::record::{HostId, LostWorker, StopReason};
use crate::report::calibration::CalibrationReport;
use crate::schedule::Digests;
use crate::store::SavedRun;
use crate::store::{Bulk, MissingFacts, ResolvedTarget, Tool, UsedFile, options};
use crate::units::narrow;
use crate::units::schema::{map_of, written};
use addresses::LookupsReport;
use cost::{CauseReport, CostReport};
use facts::ScenarioReport;
use findings::{BaselineReport, BreachReport, HealthReport, ThresholdReport};
use hosts::HostReport;
use jiff::Timestamp;
use monitors::MonitorReport;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// The format and its version.
const SCHEMA: &str = "planrun.report/1";

/// The file.
pub(super) fn write(run: &SavedRun) -> Vec<u8> {
    pretty(&ReportDocument::new(run))
}

/// The JSON Schema of the file.
pub(super) fn schema() -> serde_json::Value {
    written::<ReportDocument<'_>>()
}

/// As indented JSON with a line end.
pub(super) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("maps with text keys, and no I/O");
    bytes.push(b'\n');
    bytes
}

/// A map whose keys keep their order.
#[derive(Debug)]
struct OrderedMap<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for OrderedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<K, V: JsonSchema> JsonSchema for OrderedMap<K, V> {
    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", V::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        map_of::<V>(generator)
    }
}

impl<K, V> OrderedMap<K, V> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The report of a run: verdict, plan and measurements. Keys are added within a version, never
/// changed; figures that were not measured have no key.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "planrun.report/1")]
struct ReportDocument<'a> {
    /// The format and its version.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    #[schemars(extend("enum" = ["PASS", "FAIL", "INVALID"]))]
    verdict: String,
    /// The exit status of the run.
    exit_code: u8,
    /// Whether all of the run was saved.
    complete: bool,
    /// Facts that the verdict leaves out, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<StoppedReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_bytes: Option<u64>,
    /// Facts of these seconds are missing, though their counts are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingReport<'a>>,
    invalid: Vec<BreachReport>,
    health: Vec<HealthReport<'a>>,
    thresholds: Vec<ThresholdReport<'a>>,
    /// The run that thresholds are relative to.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<BaselineReport<'a>>,
    causes: Vec<CauseReport<'a>>,
    plan: PlanReport<'a>,
    tool: &'a Tool,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    duration_ns: u64,
    seconds: u32,
    targets: Vec<TargetReport<'a>>,
    /// The files that requests were made of.
    #[serde(skip_serializing_if = "<[UsedFile]>::is_empty")]
    files: &'a [UsedFile],
    scenarios: Vec<ScenarioReport<'a>>,
    /// The load that this machine can generate, if `--calibrate` measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<CalibrationReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostReport>,
    workers_lost: Vec<LostWorkerReport<'a>>,
    /// By how much the starts of two hosts may be apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_skew_ns: Option<u64>,
    /// The machines that made the load, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<HostReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    servers: Vec<ServerReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    monitors: Vec<MonitorReport<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

#[derive(Serialize, JsonSchema)]
struct MissingReport<'a> {
    scenario: &'a str,
    #[schemars(extend("enum" = ["times", "requests"]))]
    facts: &'static str,
    first_second: u32,
    last_second: u32,
}

impl<'a> MissingReport<'a> {
    fn new(run: &'a SavedRun, missing: MissingFacts) -> Self {
        let MissingFacts { scenario, bulk, first, last } = missing;
        Self {
            scenario: &run.plan.scenarios[usize::from(scenario)].name,
            facts: match bulk {
                Bulk::Histograms => "times",
                Bulk::Requests => "requests",
            },
            first_second: first,
            last_second: last,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct StoppedReport<'a> {
    #[schemars(extend("enum" = [
        "completed", "aborted", "interrupted", "worker_loss", "beyond_repair",
    ]))]
    reason: &'static str,
    at_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
struct PlanReport<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    sha256: &'a str,
    seed: u64,
    overrides: Vec<String>,
    /// SHA-256 of the plan's meaning, which distinguishes runs of different plans.
    digests: Digests,
}

#[derive(Serialize, JsonSchema)]
struct TargetReport<'a> {
    name: &'a str,
    written: &'a [String],
    addresses: &'a [crate::units::Address],
    #[serde(rename = "preflight.probes")]
    probes: u64,
    #[serde(rename = "dns.time_ns", skip_serializing_if = "Option::is_none")]
    dns_time_ns: Option<u64>,
    /// Lookups during the run, where there were any with another result.
    #[serde(rename = "dns.lookups", skip_serializing_if = "Option::is_none")]
    lookups: Option<LookupsReport<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct LostWorkerReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<&'a str>,
    worker: u16,
    /// The number of the host that it was on, of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<HostId>,
    at_ns: u64,
    why: &'a str,
}

#[derive(Serialize, JsonSchema)]
struct ServerReport<'a> {
    target: &'a str,
    counters: OrderedMap<&'a str, u64>,
}

impl<'a> ReportDocument<'a> {
    fn new(run: &'a SavedRun) -> Self {
        Self {
            schema: SCHEMA,
            verdict: run.judgement.verdict.to_string(),
            exit_code: run.exit_code(),
            complete: run.complete(),
            notes: notes(run),
            stopped: stopped(run),
            torn_bytes: run.damage.map(|damage| damage.torn_bytes),
            missing: run.missing.iter().map(|one| MissingReport::new(run, *one)).collect(),
            invalid: run.judgement.breaches.iter().map(BreachReport::new).collect(),
            health: run.judgement.health.iter().map(|one| HealthReport::new(run, one)).collect(),
            thresholds: run
                .judgement
                .findings
                .iter()
                .filter_map(|one| ThresholdReport::new(run, one))
                .collect(),
            baseline: run.header.baseline.as_ref().map(BaselineReport::new),
            causes: CauseReport::all(run),
            plan: PlanReport {
                name: &run.plan.name,
                description: run.plan.description.as_deref(),
                sha256: &run.header.plan_sha256,
                seed: run.plan.seed,
                overrides: options(&run.header.overrides),
                digests: Digests::of(&run.plan_without_values),
            },
            tool: &run.header.tool,
            created_at: run.header.created_at,
            started_at: run.started.as_ref().map(|started| started.at),
            duration_ns: end_of(&run.recording),
            seconds: run.recording.seconds,
            files: run.started.as_ref().map_or(&[], |started| &started.files),
            targets: run.started.as_ref().map_or_else(Vec::new, |all| {
                all.targets.iter().map(|one| target(run, one)).collect()
            }),
            scenarios: (0..run.plan.scenarios.len())
                .map(|at| ScenarioReport::new(run, at))
                .collect(),
            calibration: CalibrationReport::new(run),
            cost: CostReport::of_run(run),
            workers_lost: run
                .recording
                .lost_workers
                .iter()
                .map(|lost| lost_worker(run, lost))
                .collect(),
            start_skew_ns: run.recording.start_skew_ns,
            hosts: HostReport::all(run),
            servers: servers(run),
            monitors: MonitorReport::all(run),
            warnings: run.started.as_ref().map_or(&[], |started| &started.warnings),
        }
    }
}

fn stopped(run: &SavedRun) -> Option<StoppedReport<'_>> {
    let (why, at_ns) = run.recording.stopped.as_ref()?;
    let mut stopped = StoppedReport {
        reason: why.name(),
        at_ns: *at_ns,
        signal: None,
        scenario: None,
        threshold: None,
        rule: None,
    };
    match why {
        StopReason::Aborted { scenario, threshold } => {
            let scenario = run.plan.scenarios.get(usize::from(*scenario));
            stopped.scenario = scenario.map(|one| one.name.as_str());
            stopped.threshold = scenario
                .and_then(|one| one.thresholds.get(usize::from(*threshold)))
                .map(|one| one.condition.as_str());
        }
        StopReason::Interrupted { signal } => stopped.signal = Some(*signal),
        StopReason::BeyondRepair { rule } => stopped.rule = Some(rule),
        StopReason::Completed | StopReason::WorkerLoss => {}
    }
    Some(stopped)
}

fn target<'a>(run: &'a SavedRun, target: &'a ResolvedTarget) -> TargetReport<'a> {
    let index = run.plan.targets.iter().position(|one| one.name == target.name);
    let lookups = index.and_then(|index| run.recording.lookups.get(&narrow(index)));
    TargetReport {
        lookups: lookups.map(LookupsReport::new),
        name: &target.name,
        written: &target.written,
        addresses: &target.addresses,
        probes: target.probes,
        dns_time_ns: target.dns_time_ns,
    }
}

fn lost_worker<'a>(run: &'a SavedRun, lost: &'a LostWorker) -> LostWorkerReport<'a> {
    let LostWorker { scenario, worker, host, at_ns, why } = lost;
    let host = Some(*host).filter(|host| !host.is_coordinator());
    let scenario = run.plan.scenarios.get(usize::from(*scenario)).map(|one| one.name.as_str());
    LostWorkerReport { scenario, worker: *worker, host, at_ns: *at_ns, why }
}

fn servers(run: &SavedRun) -> Vec<ServerReport<'_>> {
    let all = run.finished.as_ref().map_or(&[][..], |finished| &finished.servers);
    all.iter()
        .map(|server| ServerReport {
            target: &server.target,
            counters: OrderedMap(
                server.counters.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
            ),
        })
        .collect()
}
