//! How well the generator was: every rule of validity that measures something, with what was measured where it was worst.
//!
//! **Invariant:** what was not measured is said to be so; it is never within its limit.

use super::accounting::{drops_are_meant, imbalance};
use super::limits::{LIMITS, Limit};
use super::{Breach, Rule, Unit};
use crate::plan::{
    Bound, Comparison, Level, Metric, Phase, Plan, Ramp, Scenario, Stat, TimeMetric,
};
use crate::record::{Cell, CellKey, Counter, GeneratorLoad, Recording, WINDOW_SECONDS};

/// The least budget for lag: timers are not more exact.
const LEAST_BUDGET_NS: f64 = 1e6;

/// A p99 of lag beyond this is more than a busy machine's jitter.
const LATE_NS: f64 = 10e6;

/// The part of a bound on response times that the generator's own lag may take.
const LAG_PART: f64 = 0.1;

/// How one rule came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Which.
    pub rule: Rule,
    /// Of the value and the limits.
    pub unit: Unit,
    /// How it stands.
    pub state: RuleStatus,
    /// The worst value; absent when nothing was measured.
    pub measured: Option<f64>,
    /// Beyond this it warns.
    pub warn: Option<f64>,
    /// Beyond this the run is INVALID.
    pub invalid: Option<f64>,
    /// Planrun's own limit, where the plan has set another in its place.
    pub default_limit: Option<f64>,
    /// Where it was worst: scenario, stage and phase; absent when it is of the whole run.
    pub place: Option<(u16, CellKey)>,
}

/// Whether a value is within its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleStatus {
    /// Nothing was measured: the machine does not tell, or the run was too short.
    NotMeasured,
    /// Within both.
    Ok,
    /// Worth a warning.
    Warned,
    /// The run is INVALID.
    Violated,
}

impl RuleStatus {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotMeasured => "not_measured",
            Self::Ok => "ok",
            Self::Warned => "warning",
            Self::Violated => "violated",
        }
    }
}

/// One value that a rule is held against.
#[derive(Clone, Copy)]
struct Sample {
    place: Option<(u16, CellKey)>,
    value: f64,
    warn: Option<f64>,
    invalid: Option<f64>,
}

impl Sample {
    fn status(&self) -> RuleStatus {
        let beyond = |limit: Option<f64>| limit.is_some_and(|limit| self.value > limit);
        match (beyond(self.invalid), beyond(self.warn)) {
            (true, _) => RuleStatus::Violated,
            (false, true) => RuleStatus::Warned,
            (false, false) => RuleStatus::Ok,
        }
    }
}

impl Health {
    fn worst(limit: &Limit, samples: &[Sample]) -> Self {
        let key = |one: &Sample| (one.status(), one.value);
        let worst = samples
            .iter()
            .copied()
            .reduce(|worst, next| if key(&next) > key(&worst) { next } else { worst });
        Self {
            rule: limit.rule,
            unit: limit.unit,
            state: worst.map_or(RuleStatus::NotMeasured, |worst| worst.status()),
            measured: worst.map(|worst| worst.value),
            warn: worst.map_or(limit.warn, |worst| worst.warn),
            invalid: worst.map_or(limit.invalid, |worst| worst.invalid),
            default_limit: limit.own,
            place: worst.and_then(|worst| worst.place),
        }
    }

    /// The limit that counts as things stand.
    fn limit(&self) -> Option<f64> {
        if self.state == RuleStatus::Violated { self.invalid } else { self.warn.or(self.invalid) }
    }

    /// What was found, in words; absent when it is within its limits.
    pub fn words(&self, plan: &Plan) -> Option<String> {
        let limit = LIMITS.iter().find(|limit| limit.rule == self.rule)?;
        let measured = self.measured.filter(|_| self.state >= RuleStatus::Warned)?;
        let place = self.place.map_or_else(String::new, |place| words(plan, place) + ": ");
        let what = limit.what.replace("{}", &self.unit.figure(measured));
        let most = self.unit.figure(self.limit()?);
        let allowed = match self.state {
            RuleStatus::Violated => format!("at most {most} is allowed"),
            _ => format!("more than {most}"),
        };
        Some(format!("{place}{what}, {allowed}; {}", limit.advice))
    }
}

/// `web, stage 10k, hold`.
fn words(plan: &Plan, (scenario, key): (u16, CellKey)) -> String {
    let scenario = plan.scenarios.get(usize::from(scenario));
    let stage = scenario.and_then(|scenario| scenario.stages.get(usize::from(key.stage)));
    let name = scenario.map_or("?", |scenario| scenario.name.as_str());
    format!("{name}, stage {}, {}", stage.map_or("?", |stage| stage.name.as_str()), key.phase)
}

/// Every rule of [`LIMITS`], held against the facts so far.
pub(super) fn of(plan: &Plan, recording: &Recording) -> Vec<Health> {
    let limits = LIMITS.iter().map(|limit| limit.of(plan));
    limits.map(|limit| Health::worst(&limit, &samples(&limit, plan, recording))).collect()
}

/// What the rules that have no words of their own elsewhere say.
pub(super) fn breaches<'a>(
    plan: &'a Plan,
    health: &'a [Health],
) -> impl Iterator<Item = Breach> + 'a {
    const TOLD_BY_PLACE: [Rule; 5] =
        [Rule::Dropped, Rule::ScheduleLag, Rule::LocalFailures, Rule::WorkerLost, Rule::Accounting];
    let violated = health
        .iter()
        .filter(|one| one.state == RuleStatus::Violated && !TOLD_BY_PLACE.contains(&one.rule));
    violated.filter_map(|one| Some(Breach { rule: one.rule, detail: one.words(plan)? }))
}

fn samples(limit: &Limit, plan: &Plan, recording: &Recording) -> Vec<Sample> {
    let value =
        |value: f64| Sample { place: None, value, warn: limit.warn, invalid: limit.invalid };
    let begun = recording.seconds > 0;
    let supply = recording.supply.as_ref();
    match limit.rule {
        Rule::WorkerLost => begun.then(|| value(recording.lost.len() as f64)).into_iter().collect(),
        Rule::Accounting => {
            let ended = recording.stopped.is_some();
            let cells = recording.scenarios.iter().flat_map(|scenario| scenario.cells.values());
            let wrong = cells.filter(|cell| imbalance(cell, ended).is_some()).count();
            begun.then(|| value(wrong as f64)).into_iter().collect()
        }
        Rule::ClockStep => {
            supply.map(|all| value(all.clock_step_ns.unsigned_abs() as f64)).into_iter().collect()
        }
        Rule::ClockSource => supply
            .and_then(|all| all.clock_source_changes)
            .map(|changes| value(changes as f64))
            .into_iter()
            .collect(),
        Rule::SwapIn => supply
            .and_then(|all| all.swapped_in_pages)
            .map(|pages| value(pages as f64))
            .into_iter()
            .collect(),
        Rule::Suspended => supply.map(|all| value(all.suspended_ns as f64)).into_iter().collect(),
        Rule::MemoryStall => {
            let long = supply.filter(|all| all.elapsed_ns > 0);
            let share =
                long.and_then(|all| Some(all.memory_stall_ns? as f64 / all.elapsed_ns as f64));
            share.map(value).into_iter().collect()
        }
        Rule::NetworkDrops => {
            const DROPS: [&str; 3] =
                ["softnet.dropped", "conntrack.drop", "conntrack.insert_failed"];
            let rise = |name| recording.kernel.get(name).copied().unwrap_or(0).max(0);
            let drops: i64 = DROPS.into_iter().map(rise).sum();
            let looked = recording.baseline.is_some() && begun;
            looked.then(|| value(drops as f64)).into_iter().collect()
        }
        Rule::Dropped | Rule::ScheduleLag | Rule::LocalFailures | Rule::Overflow => {
            by_cell(limit, plan, recording)
        }
        _ => by_phase(limit, plan, recording),
    }
}

/// Of everything that was due, warm-ups too: what is wrong with the books or with this machine is so everywhere.
fn by_cell(limit: &Limit, plan: &Plan, recording: &Recording) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (number, (scenario, facts)) in (0..).zip(plan.scenarios.iter().zip(&recording.scenarios)) {
        for (key, cell) in &facts.cells {
            let get = |counter| cell.counters.get(counter) as f64;
            let share = |part, whole| (get(whole) > 0.0).then(|| get(part) / get(whole));
            let (value, warn) = match limit.rule {
                Rule::Dropped => (share(Counter::Dropped, Counter::Due), limit.warn),
                Rule::LocalFailures => (share(Counter::FailedLocal, Counter::Started), limit.warn),
                Rule::Overflow => (Some(cell.times.beyond_bounds() as f64), limit.warn),
                _ => (cell.times.stat(TimeMetric::ScheduleLag, Stat::P99), budget(scenario)),
            };
            let place = Some((number, *key));
            let meant = limit.rule == Rule::Dropped && drops_are_meant(scenario);
            let invalid = limit.invalid.filter(|_| !meant);
            samples.extend(value.map(|value| Sample { place, value, warn, invalid }));
        }
    }
    samples
}

/// What the tightest bound on response times leaves for the generator's lag.
fn budget(scenario: &Scenario) -> Option<f64> {
    let bounds = scenario.thresholds.iter().filter_map(|one| {
        let Bound(bound) = one.bound;
        let upper = matches!(one.comparison, Comparison::Less | Comparison::AtMost);
        let response = matches!(one.metric, Metric::Time(TimeMetric::ResponseTime, _));
        (upper && response).then_some(bound)
    });
    bounds.reduce(f64::min).map(|tightest| (tightest * LAG_PART).max(LEAST_BUDGET_NS))
}

/// Of the phases that are measured: warm-ups and drains may be as they like.
fn by_phase(limit: &Limit, plan: &Plan, recording: &Recording) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (number, (scenario, facts)) in (0..).zip(plan.scenarios.iter().zip(&recording.scenarios)) {
        for (index, stage) in (0..).zip(&scenario.stages).filter(|(_, stage)| !stage.warmup) {
            for phase in [Phase::Ramp, Phase::Hold] {
                let key = CellKey { stage: index, phase };
                let value = if limit.rule == Rule::Throttled {
                    // Where no group counts, nothing is known.
                    let counted = recording.supply.and_then(|all| all.throttled_periods);
                    let periods = facts.throttled.get(&key).copied().unwrap_or(0);
                    counted.map(|_| periods as f64)
                } else {
                    let strain = facts.strain.get(&key).filter(|_| phase == Phase::Hold);
                    strain.and_then(|strain| strained(limit.rule, strain))
                };
                let Some(value) = value else { continue };
                let unpaced = matches!(stage.level, Level::Users { ramp: Ramp::Unpaced, .. });
                let only_warns = match limit.rule {
                    Rule::WorkerCpu => !matches!(stage.level, Level::Rate { .. }),
                    Rule::Throttled => phase == Phase::Ramp && unpaced,
                    Rule::ProcessCpu => !facts.cells.get(&key).is_some_and(is_late),
                    _ => false,
                };
                let invalid = limit.invalid.filter(|_| !only_warns);
                let place = Some((number, key));
                samples.push(Sample { place, value, warn: limit.warn, invalid });
            }
        }
    }
    samples
}

/// Whether attempts were started so late that a processor was wanting.
fn is_late(cell: &Cell) -> bool {
    cell.times.stat(TimeMetric::ScheduleLag, Stat::P99).is_some_and(|lag| lag > LATE_NS)
}

fn strained(rule: Rule, strain: &GeneratorLoad) -> Option<f64> {
    let thousandths = |permille: Option<u32>| Some(f64::from(permille?) / 1_000.0);
    match rule {
        Rule::Stall => strain.stall_max_ns.map(|ns| ns as f64),
        Rule::Stalled => strain.stalled_share(),
        Rule::WorkerCpu => thousandths(strain.busy_permille),
        Rule::ProcessCpu => strain.run_worst,
        Rule::CpuWait => thousandths(strain.waiting_permille),
        Rule::Steal if strain.seconds >= WINDOW_SECONDS => strain.supply?.steal_share(),
        Rule::StealBurst => strain.steal_worst,
        _ => None,
    }
}
