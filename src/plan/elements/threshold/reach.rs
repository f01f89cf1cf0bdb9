//! Whether a threshold can see anything at all, and enough of it: a threshold without data would
//! never pass.

use crate::catalogue::{Need, Samples};
use crate::plan::elements::extent::{Extent, length, looked_at};
use crate::plan::elements::threshold::request_scope;
use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::{
    Churn, During, Level, Metric, Overrides, Protocol, RequestScope, Stage, Stat, Threshold,
};
use crate::units::Time;

/// The load of a scenario, as planned.
pub(in crate::plan) struct ThresholdContext<'a> {
    pub protocol: &'a Protocol,
    /// Whether its connections are secured.
    pub secured: bool,
    /// Whether they go through tunnels of a forward proxy.
    pub tunnelled: bool,
    pub stages: &'a [Stage],
    pub overrides: &'a Overrides,
}

/// Says why a threshold could never be judged.
pub(in crate::plan) fn check(
    threshold: &Threshold,
    seen: &ThresholdContext<'_>,
    at: Span,
    errors: &mut Errors,
) {
    if let Some((message, help)) = without_sense(threshold.metric, seen) {
        errors.add(at, message).help(help);
        return;
    }
    if seen.stages.iter().all(|stage| stage.warmup) {
        errors
            .add(at, "every stage is a warm-up: thresholds look at none")
            .help("remove `warmup` from the stage to be judged");
        return;
    }
    for (whom, parts) in looked_at(threshold, seen.stages) {
        let parts: Vec<Extent> = parts.into_iter().map(|part| part.extent).collect();
        if let Some((message, help)) = unseen(threshold, seen, &parts, &whom) {
            errors.add(at, message).help(help);
            return;
        }
    }
}

/// Metrics that the scenario's own keys rule out.
fn without_sense(metric: Metric, seen: &ThresholdContext<'_>) -> Option<(String, String)> {
    let missing = metric.row().needs.iter().find(|need| !is_met(**need, seen))?;
    let (what, line) = missing.words();
    let has_none = match missing {
        Need::Tls | Need::Proxy => "this scenario's target has none",
        _ => "this scenario has none",
    };
    let help = match missing {
        Need::Tls if seen.protocol.row().lasts => "add `tls = {}` to the target".to_owned(),
        Need::Tls => {
            "write `https://` in the target's address, or `tls = {}` beside `builtin`".to_owned()
        }
        Need::Proxy => {
            "`proxy_time` is that of `CONNECT`: it needs `proxy`, and an address with `https://`"
                .to_owned()
        }
        Need::Checks => format!("write what a response must be: `{line}`"),
        _ => format!("add `{line}` to the scenario"),
    };
    Some((format!("`{metric}` needs {what}, and {has_none}"), help))
}

/// Whether a scenario has what a metric needs. Whether a stage has a rate is asked of each stage.
fn is_met(need: Need, seen: &ThresholdContext<'_>) -> bool {
    match need {
        Need::Tls => seen.secured,
        Need::Proxy => seen.tunnelled,
        Need::Rate => true,
        of_protocol => seen.protocol.meets(of_protocol),
    }
}

/// Why nothing, or too little, can be seen in some parts.
fn unseen(
    threshold: &Threshold,
    seen: &ThresholdContext<'_>,
    parts: &[Extent],
    whom: &str,
) -> Option<(String, String)> {
    let metric = threshold.metric;
    let named = match threshold.requests {
        RequestScope::One(at) => {
            let request = seen.protocol.requests().get(usize::from(at));
            let name = request.map_or("?", |request| &request.name);
            format!("request `{name}` in {whom}")
        }
        RequestScope::Each => format!("the rarest request in {whom}"),
        RequestScope::All => whom.to_owned(),
    };
    let whom = named.as_str();
    if metric.row().needs(Need::Rate) && !parts.iter().any(|part| part.open) {
        return Some((
            format!("`{metric}` is measured where arrivals have a rate, and {whom} has `users`"),
            "in a closed stage look at `service_time`, or give the stage a `rate`".to_owned(),
        ));
    }
    if parts.iter().all(Extent::is_empty) {
        let (nothing, help) = match threshold.during {
            During::Ramp => ("has no ramp", "leave `during` out to look at the hold"),
            During::Hold | During::All => (
                "holds nothing",
                "give the stage a `hold`, or look at the ramp: `{ condition = \"…\", during = \"ramp\" }`",
            ),
        };
        return Some((
            format!("`{metric}` would never see anything: {whom} {nothing}"),
            help.to_owned(),
        ));
    }
    if let Some(problem) = wrong_window(threshold, parts, whom) {
        return Some(problem);
    }
    if let Some(problem) = not_so_old(metric, seen) {
        return Some(problem);
    }
    let sum = match metric.row().samples {
        Samples::Drops => dropped(seen).map(|each| each.iter().sum()),
        // Each event must give enough.
        Samples::Events => dropped(seen)?.into_iter().min(),
        _ => parts.iter().map(|part| samples(metric, seen.protocol, part)).sum::<Option<u64>>(),
    };
    let most = shared_requests(seen.protocol, parts);
    let sum = most.map_or(sum, |most| Some(sum.map_or(most, |sum| sum.min(most))));
    let share = |all| request_scope::share(threshold.requests, seen.protocol, all);
    let (available, floor) = (share(sum?), metric.sample_floor());
    if available == 0 {
        return Some(never(metric, threshold.during, seen, whom));
    }
    let Some(window) = threshold.window else {
        return (available < floor).then(|| too_few(metric, available, floor, seen, whom));
    };
    let in_window = parts.iter().map(|part| samples(metric, seen.protocol, &part.cut(window)));
    let in_window = in_window.collect::<Option<Vec<_>>>()?.into_iter();
    let most = match threshold.during {
        // It may lie across several parts.
        During::All => in_window.fold(0, u64::saturating_add),
        During::Ramp | During::Hold => in_window.max()?,
    };
    let available = share(most).min(available);
    let whom = format!("a window of {window} in {whom}");
    (available < floor).then(|| too_few(metric, available, floor, seen, &whom))
}

/// A window must make sense for the metric, and fit into the phases that it covers.
fn wrong_window(threshold: &Threshold, parts: &[Extent], whom: &str) -> Option<(String, String)> {
    let window = threshold.window?;
    if threshold.metric.row().samples == Samples::Events {
        return Some((
            format!(
                "`{}` looks at an event as a whole, not at a stretch of time",
                threshold.metric
            ),
            "leave `window` out, or look at `recovery.time`".to_owned(),
        ));
    }
    let lengths: Vec<u64> = parts.iter().map(|part| part.length).collect::<Option<_>>()?;
    let longest = match threshold.during {
        // Ramps and holds follow each other without a gap.
        During::All => lengths.into_iter().fold(0, u64::saturating_add),
        During::Ramp | During::Hold => lengths.into_iter().max()?,
    };
    (window.as_nanos() > longest).then(|| {
        let longest = Time(std::time::Duration::from_nanos(longest));
        (
            format!("the window of {window} is longer than what it looks at: {whom} has {longest}"),
            "write a shorter window, or leave `window` out".to_owned(),
        )
    })
}

/// No connection can be older than its scenario.
fn not_so_old(metric: Metric, seen: &ThresholdContext<'_>) -> Option<(String, String)> {
    let ((_, age), length) = (metric.row().age?, length(seen.stages)?);
    (length.0.as_secs() < age).then(|| {
        (
            format!("`{metric}` would never see anything: the stages end after {length}"),
            "hold longer, or look at a shorter age, or at `hold.survival_ratio`".to_owned(),
        )
    })
}

/// The most connections that each event can drop.
fn dropped(seen: &ThresholdContext<'_>) -> Option<Vec<u64>> {
    let churn = seen.protocol.churn()?;
    let users = |stage: &Stage| match stage.level {
        Level::Users { users, .. } => users,
        Level::Rate { .. } => 0,
    };
    let peak = seen.stages.iter().map(users).max()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of them")]
    let of = |share: f64| (share * peak as f64).ceil() as u64;
    Some(churn.events.iter().map(|event| of(event.share.0)).collect())
}

fn never(
    metric: Metric,
    during: During,
    seen: &ThresholdContext<'_>,
    whom: &str,
) -> (String, String) {
    let help = match metric.row().samples {
        Samples::Heartbeats => {
            "hold longer, or lower `every`: the first heartbeat would be due after the end"
        }
        Samples::Starts if !seen.protocol.row().lasts => {
            "write `during = \"ramp\"`: users have a schedule in a paced ramp only"
        }
        Samples::Held => "leave `during` out: this is measured in the hold",
        _ if during == During::Hold && seen.protocol.row().lasts => {
            "leave `during` out: connections are opened in the ramp"
        }
        _ => "look at a stage that adds users: no connection is opened here",
    };
    (format!("`{metric}` would never see anything in {whom}"), help.to_owned())
}

fn too_few(
    metric: Metric,
    available: u64,
    floor: u64,
    seen: &ThresholdContext<'_>,
    whom: &str,
) -> (String, String) {
    let scaled = seen
        .overrides
        .scale
        .as_ref()
        .map_or_else(String::new, |scale| format!(" at `--scale {scale}`"));
    let message = format!(
        "`{metric}` takes at least {floor} samples, and {whom} has at most {available}{scaled}"
    );
    let reachable = Stat::ALL
        .iter()
        .rfind(|stat| stat.quantile().is_some() && stat.sample_floor() <= available);
    let help = match (metric, reachable) {
        (Metric::Time(time, _), Some(stat)) => {
            format!("write `{time}.{stat}`, which takes {}, or plan for more", stat.sample_floor())
        }
        (Metric::Time(time, _), None) => format!("write `{time}.max`, or plan for more"),
        _ => "plan for more".to_owned(),
    };
    (message, help)
}

/// The most samples that a part can give; `None` when that is not known, and then it is some.
fn samples(metric: Metric, protocol: &Protocol, part: &Extent) -> Option<u64> {
    if part.is_empty() {
        return Some(0);
    }
    if metric.row().samples == Samples::Scrapes {
        return None;
    }
    if !protocol.row().lasts {
        return requests(metric, protocol, part);
    }
    let (before, after) = part.users;
    match metric.row().samples {
        Samples::Level | Samples::ConnectionTime => None,
        Samples::Held => Some(if part.hold { after } else { 0 }),
        Samples::Heartbeats => {
            let every = protocol.heartbeat_every()?;
            // The oldest connection is at most as old as the scenario.
            if part.end? < every.as_nanos() {
                return Some(0);
            }
            Some(before.max(after).saturating_mul(part.length? / every.as_nanos().max(1) + 1))
        }
        // A connection that was opened in a ramp may get its first message in the hold.
        Samples::FirstMessages if part.hold => Some(after),
        _ if protocol.churn().is_some_and(Churn::is_any) => None,
        // Connections are opened in ramps only.
        _ if part.hold => Some(0),
        _ => Some(after.saturating_sub(before)),
    }
}

/// The most requests of stages whose users share their iterations, in ramp or hold; `None` where
/// one has other users.
fn shared_requests(protocol: &Protocol, parts: &[Extent]) -> Option<u64> {
    let of = |hold: bool| {
        let parts = parts.iter().filter(|part| part.hold == hold);
        parts.map(|part| part.iterations).sum::<Option<u64>>()
    };
    let steps = if protocol.in_steps() { protocol.requests().len() as u64 } else { 1 };
    Some(of(false)?.max(of(true)?).saturating_mul(steps)).filter(|shared| *shared > 0)
}

/// The most requests that a part can make.
fn requests(metric: Metric, protocol: &Protocol, part: &Extent) -> Option<u64> {
    if part.open {
        let seconds = part.length? as f64 / 1e9;
        let arrivals = f64::midpoint(part.rates.0, part.rates.1) * seconds;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number"
        )]
        let passes = arrivals.ceil() as u64;
        let steps = if protocol.in_steps() { protocol.requests().len() as u64 } else { 1 };
        return Some(passes.saturating_mul(steps));
    }
    if metric.row().needs(Need::Rate) {
        return Some(0);
    }
    if metric.row().samples == Samples::Starts {
        // Users have no schedule but that of a paced ramp.
        let (before, after) = part.users;
        return Some(if part.hold { 0 } else { after.saturating_sub(before) });
    }
    let steps = if protocol.in_steps() { protocol.requests().len() as u64 } else { 1 };
    let shared = part.iterations.map(|count| count.saturating_mul(steps));
    let think_time = protocol.shortest_think_time();
    if think_time == Time::default() {
        return shared;
    }
    let (before, after) = part.users;
    let each = part.length? / think_time.as_nanos() + 1;
    let most = before.max(after).saturating_mul(each);
    Some(shared.map_or(most, |shared| shared.min(most)))
}
