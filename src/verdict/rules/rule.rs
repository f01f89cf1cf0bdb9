//! The definition of a validity rule, and the facts of a run that it reads.

use crate::catalogue::LimitKey;
use crate::plan::{Level, Phase, Plan, Ramp, Scenario, Stage};
use crate::record::{
    Cell, CellKey, GeneratorLoad, HostDelta, HostId, HostLoad, HostTotals, Recording,
    ScenarioRecording,
};
use crate::units::figure::{grouped, percent, time};
use crate::units::narrow;
use crate::verdict::Finding;
use serde::{Serialize, Serializer};

/// A rule of validity. A value at a limit is within it.
#[derive(Debug)]
pub struct Rule {
    /// The word in reports; for one that a plan may set, its key.
    pub name: &'static str,
    /// A description in one sentence, for documents.
    pub doc: &'static str,
    /// The unit of the value and of both limits.
    pub unit: RuleUnit,
    /// Beyond this it warns.
    pub warn: Option<f64>,
    /// Beyond this the run is INVALID.
    pub invalid: Option<f64>,
    /// When it warns otherwise, for documents.
    pub warn_note: &'static str,
    /// When `invalid` counts, for documents.
    pub invalid_note: &'static str,
    /// The limit of a plan that replaces `invalid`.
    pub setting: Option<LimitKey>,
    /// The finding in words; `{}` is the value.
    pub what: &'static str,
    /// The remedy.
    pub advice: &'static str,
    /// Whether it applies only to runs on several hosts.
    pub(in crate::verdict) of_hosts: bool,
    /// The values that are held against the limits, each with its place. None if nothing was
    /// measured, which does not count as within limits. Absent for rules that measure nothing.
    pub(in crate::verdict) measure: Option<fn(&RunFacts<'_>, RuleLimits) -> Vec<Sample>>,
    /// Describes the breaches, if the worst value alone does not.
    pub(in crate::verdict) breaches: Option<fn(&RunFacts<'_>, RuleLimits) -> Vec<Found>>,
    /// Whether the run will break it regardless of what the rest of the plan does.
    pub(in crate::verdict) is_beyond_repair: Option<fn(&RunFacts<'_>, RuleLimits) -> bool>,
}

/// The defaults of rules.
pub(super) const RULE: Rule = Rule {
    name: "",
    doc: "",
    unit: RuleUnit::Count,
    warn: None,
    invalid: None,
    warn_note: "",
    invalid_note: "",
    setting: None,
    what: "",
    advice: "",
    of_hosts: false,
    measure: None,
    breaches: None,
    is_beyond_repair: None,
};

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Rule {}

/// A place of a run: index of the scenario, stage and phase.
pub(in crate::verdict) type RunPlace = (u16, CellKey);

/// A breach of a rule: its place, if there is one, and a description.
pub(in crate::verdict) type Found = (Option<RunPlace>, String);

impl Serialize for Rule {
    /// A rule is its name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl Rule {
    /// The word in reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its limits as the plan sets them; other limits keep their defaults. A warning is never
    /// stricter than what makes a run INVALID.
    pub(in crate::verdict) fn limits(&self, plan: &Plan) -> RuleLimits {
        let set = self.setting.and_then(|key| plan.generator.limits.get(key));
        let own = RuleLimits { warn: self.warn, invalid: self.invalid, default: None };
        let Some(set) = set else { return own };
        RuleLimits {
            invalid: Some(set),
            warn: self.warn.map(|warn| warn.min(set)),
            default: self.invalid.filter(|own| own.total_cmp(&set).is_ne()),
        }
    }
}

/// The unit of a rule's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleUnit {
    /// A number of things.
    Count,
    /// A ratio from 0 to 1.
    Share,
    /// Nanoseconds.
    Time,
}

impl RuleUnit {
    /// A number of this unit for people.
    pub fn figure(self, value: f64) -> String {
        match self {
            Self::Count => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "counts are whole and not negative"
                )]
                let count = value as u64;
                grouped(count)
            }
            Self::Share => percent(value),
            Self::Time => time(value),
        }
    }
}

/// The limits of a rule in one run.
#[derive(Debug, Clone, Copy)]
pub(in crate::verdict) struct RuleLimits {
    pub(in crate::verdict) warn: Option<f64>,
    pub(in crate::verdict) invalid: Option<f64>,
    /// Planrun's own, where the plan has set another one in its place.
    pub(in crate::verdict) default: Option<f64>,
}

impl RuleLimits {
    /// Beyond this the run is INVALID.
    pub(super) fn most(self) -> f64 {
        self.invalid.unwrap_or(f64::INFINITY)
    }

    /// The same, where a value beyond them is only worth a warning if `is_harmless`.
    pub(super) fn only_warn_if(self, is_harmless: bool) -> Self {
        Self { invalid: self.invalid.filter(|_| !is_harmless), ..self }
    }

    /// Whether `bad` attempts are beyond the limit even if all of `most_due` attempts come. Of an
    /// infinite number no share is beyond it, unless the limit is none.
    pub(super) fn are_passed_for_good(self, bad: u64, most_due: f64) -> bool {
        let (bad, most) = (bad as f64, self.most());
        bad > 0.0 && (most == 0.0 || bad > most * most_due)
    }

    /// `, at most 1% is allowed`, where a share is.
    pub(super) fn allowed(self) -> String {
        let most = self.most();
        if most > 0.0 { format!(", at most {} is allowed", percent(most)) } else { String::new() }
    }
}

/// One value that a rule is held against.
#[derive(Debug, Clone, Copy)]
pub(in crate::verdict) struct Sample {
    pub(in crate::verdict) place: Option<RunPlace>,
    /// The host that it is of, or that has most of it; `None` where one machine makes the load.
    pub(in crate::verdict) host: Option<HostId>,
    pub(in crate::verdict) value: f64,
    pub(in crate::verdict) limits: RuleLimits,
}

/// One value of the whole run, if it was measured.
pub(super) fn of_run(value: Option<f64>, limits: RuleLimits) -> Vec<Sample> {
    value.map(|value| Sample { place: None, host: None, value, limits }).into_iter().collect()
}

/// A value of each machine that makes the load, over the whole run, where it was measured.
pub(super) fn of_machines(
    facts: &RunFacts<'_>,
    limits: RuleLimits,
    measure: impl Fn(&HostDelta) -> Option<f64>,
) -> Vec<Sample> {
    let recording = facts.recording;
    if recording.start_skew_ns.is_none() {
        return of_run(recording.host_delta.as_ref().and_then(measure), limits);
    }
    let far = recording.host_deltas.iter().filter(|(host, _)| !host.is_coordinator());
    let sample = |(host, delta): (&HostId, &HostDelta)| {
        Some(Sample { place: None, host: Some(*host), value: measure(delta)?, limits })
    };
    far.filter_map(sample).collect()
}

/// A value of a phase, and the host that is behind it.
pub(super) struct Measured(f64, Option<HostId>);

impl From<f64> for Measured {
    fn from(value: f64) -> Self {
        Self(value, None)
    }
}

/// A value, if it was measured, and the host for which `figure` is largest.
pub(super) fn of_worst(
    load: &GeneratorLoad,
    value: Option<f64>,
    figure: impl Fn(&HostLoad) -> Option<f64>,
) -> Option<Measured> {
    Some(Measured(value?, load.worst_host(figure)))
}

/// The facts of a run that rules read.
#[derive(Debug, Clone, Copy)]
pub(in crate::verdict) struct RunFacts<'a> {
    pub(in crate::verdict) plan: &'a Plan,
    pub(in crate::verdict) recording: &'a Recording,
    pub(in crate::verdict) findings: &'a [Finding],
}

/// The facts of a phase of a stage.
#[derive(Clone, Copy)]
pub(super) struct InCell<'a> {
    pub(super) place: RunPlace,
    pub(super) scenario: &'a Scenario,
    pub(super) cell: &'a Cell,
}

/// A phase of a stage that is measured.
#[derive(Clone, Copy)]
pub(super) struct InPhase<'a> {
    pub(super) place: RunPlace,
    pub(super) stage: &'a Stage,
    pub(super) facts: &'a ScenarioRecording,
}

impl<'a> InPhase<'a> {
    /// How the generator fared in it; `None` in ramps.
    pub(super) fn load_in_hold(&self) -> Option<&'a GeneratorLoad> {
        let (_, key) = self.place;
        self.facts.generator_load.get(&key).filter(|_| key.phase == Phase::Hold)
    }

    /// Whether users come as fast as this machine can make them.
    pub(super) fn is_unpaced_ramp(&self) -> bool {
        let unpaced = matches!(self.stage.level, Level::Users { ramp: Ramp::Unpaced, .. });
        self.place.1.phase == Phase::Ramp && unpaced
    }
}

impl<'a> RunFacts<'a> {
    fn scenarios(&self) -> impl Iterator<Item = (u16, &'a Scenario, &'a ScenarioRecording)> {
        let all = (0..).zip(self.plan.scenarios.iter().zip(&self.recording.scenarios));
        all.map(|(number, (scenario, facts))| (number, scenario, facts))
    }

    /// Whether a second has been recorded.
    pub(super) fn has_begun(&self) -> bool {
        self.recording.seconds > 0
    }

    /// Everything that was due, warm-ups and drains too: what is wrong with the accounting or with
    /// this machine is wrong everywhere.
    pub(super) fn cells(&self) -> impl Iterator<Item = InCell<'a>> {
        self.scenarios().flat_map(|(number, scenario, facts)| {
            let cells = facts.cells.iter();
            cells.map(move |(key, cell)| InCell { place: (number, *key), scenario, cell })
        })
    }

    /// The ramps and holds of stages that are measured: warm-ups and drains may be as they like.
    fn phases(&self) -> impl Iterator<Item = InPhase<'a>> {
        self.scenarios().flat_map(|(number, scenario, facts)| {
            let stages = scenario.stages.iter().enumerate();
            let measured = stages.filter(|(_, stage)| !stage.warmup);
            measured.flat_map(move |(index, stage)| {
                let key = move |phase| CellKey { stage: narrow(index), phase };
                let phases = [Phase::Ramp, Phase::Hold].map(key);
                phases.map(|key| InPhase { place: (number, key), stage, facts })
            })
        })
    }

    /// A value for each phase that is measured, where there is one, with the limits that count
    /// there.
    pub(super) fn by_phase<M: Into<Measured>>(
        &self,
        measure: impl Fn(&InPhase<'a>) -> Option<M>,
        limits: impl Fn(&InPhase<'a>) -> RuleLimits,
    ) -> Vec<Sample> {
        let sample = |one: InPhase<'a>| {
            let Measured(value, host) = measure(&one)?.into();
            Some(Sample { place: Some(one.place), host, value, limits: limits(&one) })
        };
        self.phases().filter_map(sample).collect()
    }

    /// The host of which a figure of a scenario is largest.
    pub(super) fn worst_host(
        &self,
        (scenario, _): RunPlace,
        figure: impl Fn(&HostTotals) -> u64,
    ) -> Option<HostId> {
        self.recording.hosts.worst(scenario, figure)
    }

    /// `; most on host client3`, of the host of which a figure of a scenario is largest.
    pub(super) fn most_on(&self, place: RunPlace, figure: impl Fn(&HostTotals) -> u64) -> String {
        let host = self.worst_host(place, figure);
        let name = host.and_then(|host| self.recording.hosts.name(host));
        name.map_or_else(String::new, |name| format!("; most on host {name}"))
    }

    /// `web, stage 10k, hold`.
    pub(super) fn words(&self, place: RunPlace) -> String {
        place_words(self.plan, place)
    }
}

/// `web, stage 10k, hold`.
pub(in crate::verdict) fn place_words(plan: &Plan, (scenario, key): RunPlace) -> String {
    let scenario = plan.scenarios.get(usize::from(scenario));
    let stage = scenario.and_then(|scenario| scenario.stages.get(usize::from(key.stage)));
    let name = scenario.map_or("?", |scenario| scenario.name.as_str());
    format!("{name}, stage {}, {}", stage.map_or("?", |stage| stage.name.as_str()), key.phase)
}

/// Thousandths as a share.
pub(super) fn thousandths(permille: Option<u32>) -> Option<f64> {
    Some(f64::from(permille?) / 1_000.0)
}

/// A share of two counts; `None` where there is no whole.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
