//! Turns the facts of a scenario into JSON: as a whole, by stage, by phase of a stage.

use super::OrderedMap;
use super::addresses::AddressReport;
use super::cost::CostReport;
use super::measures::{
    AttemptsReport, DistributionReport, FailureReport, RatioReport, distributions, failure, ratio,
};
use super::requests::{RequestReport, requests};
use super::storms::EventReport;
use super::survival::SurvivalReport;
use crate::catalogue::{Need, ProtocolKind, per_second};
use crate::plan::{Level, Metric, Phase, Ramp, Scenario, Spacing, Stage, TimeMetric};
use crate::record::{Cell, CheckTally, CookieLoss, FailureTally, Transition};
use crate::report::causes::kernel_of_stage;
use crate::report::checks::tallies;
use crate::report::columns::ReportedMetrics;
use crate::report::failures::sorted;
use crate::report::figures::thousandths;
use crate::report::section::{ScenarioFacts, Section};
use crate::report::storms::storms;
use crate::store::SavedRun;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// One scenario.
#[derive(Serialize, JsonSchema)]
pub(super) struct ScenarioReport<'a> {
    name: &'a str,
    #[schemars(extend("enum" = protocols()))]
    protocol: &'static str,
    target: &'a str,
    #[serde(flatten)]
    facts: SectionReport<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    survival: Option<SurvivalReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventReport>,
    workers: WorkersReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostReport>,
    boundaries: Vec<BoundaryReport<'a>>,
    stages: Vec<StageReport<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct WorkersReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    cpu_ns: u64,
    rss_bytes: u64,
    lag_max_ns: u64,
}

/// A mark that was passed.
#[derive(Serialize, JsonSchema)]
struct BoundaryReport<'a> {
    #[schemars(extend("enum" = ["ramp", "hold", "drain", "end"]))]
    mark: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    at_ns: u64,
}

#[derive(Serialize, JsonSchema)]
struct StageReport<'a> {
    name: &'a str,
    warmup: bool,
    planned: PlannedReport,
    #[serde(flatten)]
    facts: SectionReport<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    survival: Option<SurvivalReport>,
    /// Changes of the kernel's counters meanwhile.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kernel: BTreeMap<&'a str, i64>,
    parts: OrderedMap<Phase, SectionReport<'a>>,
}

/// The planned load of a stage.
#[derive(Serialize, Default, JsonSchema)]
struct PlannedReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spawn_rate_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ramp_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spacing: Option<&'static str>,
    hold_ns: u64,
}

#[derive(Serialize, JsonSchema)]
struct SectionReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length_ns: Option<u64>,
    ratios: OrderedMap<String, RatioReport>,
    accounting: AccountingReport,
    counters: OrderedMap<&'static str, u64>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    rates: OrderedMap<String, f64>,
    gauges: OrderedMap<&'static str, u64>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    times: OrderedMap<&'static str, DistributionReport>,
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    statuses: OrderedMap<u16, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requests: Vec<RequestReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<CheckReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies_lost: Vec<CookieReport>,
    /// Connections that ended, by the reason.
    #[serde(skip_serializing_if = "OrderedMap::is_empty")]
    connections_ended: OrderedMap<&'static str, u64>,
    /// Connections by address, where the target has several, or a name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<AddressReport>,
    failures: Vec<FailureReport<'a>>,
}

/// The books: `due = started + dropped`, `started = ok + failed + timed_out + unfinished`.
#[derive(Serialize, JsonSchema)]
struct AccountingReport {
    #[serde(flatten)]
    attempts: AttemptsReport,
    identities_hold: bool,
}

#[derive(Serialize, JsonSchema)]
struct CheckReport<'a> {
    name: &'a str,
    passed: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_ratio: Option<f64>,
}

/// Cookies that users did not keep.
#[derive(Serialize, JsonSchema)]
struct CookieReport {
    reason: &'static str,
    count: u64,
    first_seen_ns: u64,
    last_seen_ns: u64,
    sample: String,
}

/// The protocols that there are.
fn protocols() -> Vec<&'static str> {
    ProtocolKind::ALL.iter().map(|kind| kind.name()).collect()
}

impl<'a> ScenarioReport<'a> {
    pub(super) fn new(run: &'a SavedRun, index: usize) -> Self {
        let scenario = &run.plan.scenarios[index];
        let facts = ScenarioFacts::new(run, index);
        let recorded = &run.recording.scenarios[index];
        let whole = facts.whole();
        Self {
            name: &scenario.name,
            protocol: scenario.protocol.name(),
            target: &run.plan.target(scenario).name,
            facts: SectionReport::new(scenario, &whole),
            survival: SurvivalReport::of(&whole.cell.survival),
            events: storms(scenario, &whole.cell).iter().map(EventReport::new).collect(),
            workers: WorkersReport {
                count: run.started.as_ref().and_then(|started| started.workers.get(index).copied()),
                cpu_ns: recorded.workers.cpu_ns,
                rss_bytes: recorded.workers.rss_bytes,
                lag_max_ns: recorded.workers.lag_max_ns,
            },
            cost: CostReport::of_scenario(run, index),
            boundaries: recorded
                .transitions
                .all()
                .iter()
                .map(|one| boundary(scenario, one.transition, one.at_ns))
                .collect(),
            stages: (0..)
                .zip(&scenario.stages)
                .map(|(number, stage)| StageReport {
                    name: &stage.name,
                    warmup: stage.warmup,
                    planned: planned(stage),
                    facts: SectionReport::new(scenario, &facts.stage(number)),
                    survival: SurvivalReport::of(&facts.stage(number).cell.survival),
                    kernel: kernel_of_stage(recorded, number),
                    parts: OrderedMap(
                        facts
                            .phases(number)
                            .into_iter()
                            .map(|(phase, section)| (phase, SectionReport::new(scenario, &section)))
                            .collect(),
                    ),
                })
                .collect(),
        }
    }
}

fn boundary(scenario: &Scenario, mark: Transition, at_ns: u64) -> BoundaryReport<'_> {
    let name = |at: u16| scenario.stages.get(usize::from(at)).map(|stage| stage.name.as_str());
    let (mark, stage) = match mark {
        Transition::Ramp(stage) => ("ramp", name(stage)),
        Transition::Hold(stage) => ("hold", name(stage)),
        Transition::Drain => ("drain", None),
        Transition::End => ("end", None),
    };
    BoundaryReport { mark, stage, at_ns }
}

fn planned(stage: &Stage) -> PlannedReport {
    let hold_ns = stage.hold.as_nanos();
    match stage.level {
        Level::Users { users, ramp } => {
            let planned = PlannedReport { users: Some(users), hold_ns, ..PlannedReport::default() };
            match ramp {
                Ramp::Unpaced => planned,
                Ramp::SpawnRate(rate) => {
                    PlannedReport { spawn_rate_per_s: Some(rate.value()), ..planned }
                }
                Ramp::Over(time) => PlannedReport { ramp_ns: Some(time.as_nanos()), ..planned },
            }
        }
        Level::Rate { rate, ramp, spacing } => PlannedReport {
            spacing: (spacing == Spacing::Poisson).then_some("poisson"),
            rate_per_s: Some(rate.value()),
            ramp_ns: Some(ramp.as_nanos()),
            hold_ns,
            ..PlannedReport::default()
        },
    }
}

impl<'a> SectionReport<'a> {
    fn new(scenario: &'a Scenario, section: &Section<'_>) -> Self {
        let words = ReportedMetrics::of(&scenario.protocol);
        let cell = &section.cell;
        let rate = |metric: crate::plan::RateMetric| {
            let measure = section.measure(Metric::Rate(metric))?;
            Some((per_second(metric.name()), thousandths(measure.value)))
        };
        // Without a handshake there is nothing of which some could have been resumed.
        let shook = cell.times.get(TimeMetric::TlsTime).is_some();
        let counted = words.counters.iter().filter(|one| shook || one.need() != Some(Need::Tls));
        let counters = counted.map(|one| (one.name(), cell.counters.get(*one)));
        let gauges = words.gauges.iter().map(|one| (one.name(), section.gauges.get(*one)));
        Self {
            start_ns: section.time.map(|(start, _)| start),
            length_ns: section.time.map(|(start, end)| end - start),
            ratios: OrderedMap(words.parts().filter_map(|one| ratio(section, one)).collect()),
            accounting: accounting(cell),
            counters: OrderedMap(counters.collect()),
            rates: OrderedMap(words.rates.iter().filter_map(|one| rate(*one)).collect()),
            gauges: OrderedMap(gauges.collect()),
            times: distributions(section),
            statuses: OrderedMap(
                cell.statuses.iter().map(|(status, count)| (*status, *count)).collect(),
            ),
            requests: requests(scenario, section),
            checks: tallies(scenario, cell).map(check).collect(),
            cookies_lost: cell.cookies.iter().map(cookie).collect(),
            connections_ended: OrderedMap(
                cell.ends.iter().map(|(end, count)| (end.name(), *count)).collect(),
            ),
            addresses: AddressReport::all(cell),
            failures: failures(cell, scenario),
        }
    }
}

fn accounting(cell: &Cell) -> AccountingReport {
    let attempts = AttemptsReport::new(cell);
    AccountingReport { identities_hold: attempts.add_up(), attempts }
}

fn failures<'a>(cell: &Cell, scenario: &'a Scenario) -> Vec<FailureReport<'a>> {
    let of_plan = |name: &str| {
        scenario.protocol.requests().iter().map(|one| one.name.as_str()).find(|one| *one == name)
    };
    let all = sorted(cell, scenario).into_iter();
    all.map(|(request, cause, tally)| failure(request.and_then(of_plan), cause, tally)).collect()
}

fn check((name, CheckTally { passed, failed }): (&str, CheckTally)) -> CheckReport<'_> {
    let made = passed + failed;
    let success_ratio = (made > 0).then(|| passed as f64 / made as f64);
    CheckReport { name, passed, failed, success_ratio }
}

fn cookie((loss, tally): &(CookieLoss, FailureTally)) -> CookieReport {
    CookieReport {
        reason: loss.name(),
        count: tally.count,
        first_seen_ns: tally.first_ns,
        last_seen_ns: tally.last_ns,
        sample: tally.sample.clone(),
    }
}
