//! Works out how many samples a threshold can count on, by the plan's own arithmetic: between what
//! it may have at most, which `reach` checks, and what a run then finds.

use crate::catalogue::{Need, Samples};
use crate::plan::elements::extent::{Placed, looked_at, placed};
use crate::plan::elements::threshold::request_scope;
use crate::plan::{Churn, During, Metric, Plan, Protocol, Scenario, Stat, Threshold};
use crate::units::Time;
use crate::units::figure::grouped;

/// Where counts are random, how far above its floor a percentile's count must be.
const MARGIN: f64 = 1.1;

/// At how many instants the connections of a ramp are taken as opened.
const INSTANTS: u32 = 64;

/// A threshold that is likely to have too few samples, so that the run will be INVALID.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// Index into `Plan::scenarios`.
    pub scenario: usize,
    /// Index into `Scenario::thresholds`.
    pub threshold: usize,
    /// In words: a stage, or this scenario.
    pub whom: String,
    /// How many it takes.
    pub needed: u64,
    /// About how many there will be, if the target answers at once.
    pub expected: f64,
}

impl Sparse {
    /// Its meaning and the remedy, in one line.
    pub fn words(&self, plan: &Plan) -> String {
        let scenario = &plan.scenarios[self.scenario];
        let threshold = &scenario.thresholds[self.threshold];
        let whom = if self.whom == "this scenario" {
            format!("scenario {}", scenario.name)
        } else {
            format!("{} of {}", self.whom, scenario.name)
        };
        format!(
            "`{}` takes at least {} samples, and {whom} is likely to give about {} at most: the run would be INVALID; {}",
            threshold.condition,
            grouped(self.needed),
            whole(self.expected),
            advice(threshold, self.expected)
        )
    }
}

fn whole(expected: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = expected.round() as u64;
    grouped(whole)
}

fn advice(threshold: &Threshold, expected: f64) -> String {
    let Metric::Time(time, _) = threshold.metric else { return "hold longer".to_owned() };
    if time.row().samples == Samples::Connects {
        return format!("connections are kept: open more of them, or write `{time}.max`");
    }
    let enough =
        |stat: &&Stat| stat.quantile().is_some() && stat.sample_floor() as f64 * MARGIN <= expected;
    let stat = Stat::ALL.iter().rfind(enough).unwrap_or(&Stat::Max);
    format!("hold longer, plan for more users, or write `{time}.{stat}`")
}

/// The thresholds of a plan that are likely to have too few samples.
pub fn sparse(plan: &Plan) -> Vec<Sparse> {
    let mut all = Vec::new();
    for (scenario, of) in plan.scenarios.iter().enumerate() {
        for (index, threshold) in of.thresholds.iter().enumerate() {
            let needed = threshold.metric.sample_floor();
            let wanted = needed as f64 * if needed > 1 { MARGIN } else { 1.0 };
            let short = looked_at(threshold, &of.stages).into_iter().find_map(|(whom, parts)| {
                let (expected, by_chance) = expected(threshold, of, &parts)?;
                let (fraction, of_a_mix) = request_scope::fraction(threshold, &of.protocol);
                let (expected, by_chance) = (expected * fraction, by_chance || of_a_mix);
                let wanted = if by_chance { wanted } else { needed as f64 };
                (expected < wanted).then_some((whom, expected))
            });
            if let Some((whom, expected)) = short {
                all.push(Sparse { scenario, threshold: index, whom, needed, expected });
            }
        }
    }
    all
}

/// About how many samples there will be, and whether chance has a part in it; `None` when
/// arithmetic does not know.
fn expected(threshold: &Threshold, scenario: &Scenario, parts: &[Placed]) -> Option<(f64, bool)> {
    let metric = threshold.metric;
    let Some(window) = threshold.window else {
        let each = parts.iter().map(|part| samples(metric, scenario, part));
        let each = each.collect::<Option<Vec<_>>>()?;
        let by_chance = each.iter().any(|(_, by_chance)| *by_chance);
        return Some((each.iter().map(|(count, _)| count).sum(), by_chance));
    };
    // One window with enough samples is enough.
    let busiest = parts.iter().map(|part| {
        let (count, _) = samples(metric, scenario, part)?;
        let length = part.extent.length.filter(|length| *length > window.as_nanos());
        let share = length.map_or(1.0, |length| window.as_nanos() as f64 / length as f64);
        let (_, to) = part.extent.rates;
        let of_rate = if part.extent.open {
            to.max(part.extent.rates.0) * window.0.as_secs_f64()
        } else {
            0.0
        };
        Some(f64::max(count * share, of_rate.min(count)))
    });
    let busiest = busiest.collect::<Option<Vec<_>>>()?.into_iter();
    let most = match threshold.during {
        During::All => busiest.sum(),
        During::Ramp | During::Hold => busiest.fold(0.0, f64::max),
    };
    Some((most, true))
}

fn samples(metric: Metric, scenario: &Scenario, part: &Placed) -> Option<(f64, bool)> {
    let protocol = &scenario.protocol;
    if !protocol.row().lasts {
        return requests(metric, protocol, part);
    }
    let Metric::Time(time, _) = metric else { return None };
    if time.row().samples != Samples::Heartbeats || protocol.churn().is_some_and(Churn::is_any) {
        return None;
    }
    Some((heartbeats(protocol.heartbeat_every()?, scenario, part), true))
}

/// Requests of a part, as if answers took no time.
fn requests(metric: Metric, protocol: &Protocol, part: &Placed) -> Option<(f64, bool)> {
    let Metric::Time(time, _) = metric else { return None };
    let row = time.row();
    // The number of failures does not follow from the plan.
    if row.samples == Samples::FailedResponses {
        return None;
    }
    let (before, after) = part.extent.users;
    if part.extent.open {
        // Exact, and `reach` has counted them.
        let of_connecting = row.samples == Samples::Connects;
        let length = part.length_ns() as f64 / 1e9;
        let arrivals = f64::midpoint(part.extent.rates.0, part.extent.rates.1) * length;
        let steps = if protocol.in_steps() { protocol.requests().len() as f64 } else { 1.0 };
        return (!of_connecting).then_some((arrivals * steps, false));
    }
    if row.needs(Need::Rate) {
        return Some((0.0, false));
    }
    let new = after.saturating_sub(before) as f64;
    if row.samples == Samples::Connects {
        // A target may close them as well, at an unknown rate.
        let kept = protocol.requests_each().is_none() && protocol.lifetime().is_none();
        let opened = if part.extent.hold { 0.0 } else { new };
        return kept.then_some((opened / f64::from(protocol.version().streams()), false));
    }
    let pause = protocol.mean_think_time().0.as_secs_f64();
    if pause <= 0.0 || row.samples == Samples::Starts {
        return None;
    }
    let seconds = part.length_ns() as f64 / 1e9;
    let first = if part.extent.hold { 0.0 } else { new };
    Some((f64::midpoint(before as f64, after as f64) * seconds / pause + first, true))
}

/// Heartbeats that fall into a part, of connections that live until the end.
fn heartbeats(every: Time, scenario: &Scenario, part: &Placed) -> f64 {
    let every = every.as_nanos().max(1) as f64;
    let (from, to) = (part.begin_ns as f64, (part.begin_ns + part.length_ns()) as f64);
    // The first is due one period after the opening.
    let due = |until: f64| f64::max(0.0, (until / every).ceil() - 1.0);
    let mut count = 0.0;
    for ramp in placed(&scenario.stages).into_iter().flatten() {
        let (before, after) = ramp.extent.users;
        let new = after.saturating_sub(before) as f64;
        if ramp.extent.hold || new <= 0.0 || ramp.begin_ns as f64 > to {
            continue;
        }
        for instant in 0..INSTANTS {
            let share = (f64::from(instant) + 0.5) / f64::from(INSTANTS);
            let opened = ramp.begin_ns as f64 + share * ramp.length_ns() as f64;
            count += new / f64::from(INSTANTS) * (due(to - opened) - due(from - opened));
        }
    }
    count
}
