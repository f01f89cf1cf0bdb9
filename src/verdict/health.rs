//! How well the generator did: every rule of validity that measures something, with what was
//! measured where it was worst.
//!
//! **Invariant:** a rule that was not measured is reported as such; it is never within its limit.

use super::rules::{self, Rule, RuleLimits, RuleUnit, RunFacts, Sample, place_words};
use crate::plan::Plan;
use crate::record::{CellKey, HostRecordings};
use std::fmt::Write as _;

/// How one rule came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Health {
    /// Which.
    pub rule: &'static Rule,
    /// Of the value and the limits.
    pub unit: RuleUnit,
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
    /// The name of the host that was worst; absent where one machine makes the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Whether a value is within its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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

impl Sample {
    fn status(&self) -> RuleStatus {
        let beyond = |limit: Option<f64>| limit.is_some_and(|limit| self.value > limit);
        match (beyond(self.limits.invalid), beyond(self.limits.warn)) {
            (true, _) => RuleStatus::Violated,
            (false, true) => RuleStatus::Warned,
            (false, false) => RuleStatus::Ok,
        }
    }
}

impl Health {
    fn worst(
        rule: &'static Rule,
        limits: RuleLimits,
        samples: &[Sample],
        hosts: &HostRecordings,
    ) -> Self {
        let key = |one: &Sample| (one.status(), one.value);
        let worst = samples
            .iter()
            .copied()
            .reduce(|worst, next| if key(&next) > key(&worst) { next } else { worst });
        let at_worst = worst.map_or(limits, |worst| worst.limits);
        Self {
            rule,
            unit: rule.unit,
            state: worst.map_or(RuleStatus::NotMeasured, |worst| worst.status()),
            measured: worst.map(|worst| worst.value),
            warn: at_worst.warn,
            invalid: at_worst.invalid,
            default_limit: limits.default,
            place: worst.and_then(|worst| worst.place),
            host: worst.and_then(|worst| hosts.name(worst.host?)).map(str::to_owned),
        }
    }

    /// The limit that counts as things stand.
    fn limit(&self) -> Option<f64> {
        if self.state == RuleStatus::Violated { self.invalid } else { self.warn.or(self.invalid) }
    }

    /// The finding in words; absent if the value is within its limits.
    pub fn words(&self, plan: &Plan) -> Option<String> {
        let measured = self.measured.filter(|_| self.state >= RuleStatus::Warned)?;
        let mut place =
            self.place.map_or_else(String::new, |place| place_words(plan, place) + ": ");
        if let Some(host) = &self.host {
            let _ = write!(place, "host {host}: ");
        }
        let what = self.rule.what.replace("{}", &self.unit.figure(measured));
        let most = self.unit.figure(self.limit()?);
        let allowed = match self.state {
            RuleStatus::Violated => format!("at most {most} is allowed"),
            RuleStatus::NotMeasured | RuleStatus::Ok | RuleStatus::Warned => {
                format!("more than {most}")
            }
        };
        Some(format!("{place}{what}, {allowed}; {}", self.rule.advice))
    }
}

/// Every rule that measures something, held against the facts so far.
pub(super) fn of(facts: &RunFacts<'_>) -> Vec<Health> {
    let hosts = facts.recording.start_skew_ns.is_some();
    let of_run = rules::ALL.iter().filter(|rule| hosts || !rule.of_hosts);
    let measured = of_run.filter_map(|rule| Some((*rule, rule.measure?)));
    let health = measured.map(|(rule, measure)| {
        let limits = rule.limits(facts.plan);
        Health::worst(rule, limits, &measure(facts, limits), &facts.recording.hosts)
    });
    health.collect()
}
