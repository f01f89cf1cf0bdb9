//! Whether a threshold can see anything at all, and enough of it: a threshold without data would never pass.

use super::extent::{Extent, length, looked_at};
use super::threshold_request;
use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::{
    CountMetric, During, Heartbeat, Http, Level, Metric, Overrides, Protocol, RatioMetric,
    RequestScope, Stage, Stat, Threshold, TimeMetric,
};
use crate::units::Time;

/// What a scenario will do.
pub(super) struct ThresholdContext<'a> {
    pub protocol: &'a Protocol,
    /// Whether its connections are secured.
    pub secured: bool,
    pub stages: &'a [Stage],
    pub overrides: &'a Overrides,
}

/// Says why a threshold could never be judged.
pub(super) fn check(
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
            .help("leave `warmup` out of the stage that is to be judged");
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
    if matches!(metric, Metric::Time(TimeMetric::TlsTime, _)) && !seen.secured {
        let add = match seen.protocol {
            Protocol::TcpHold(_) => "add `tls = {}` to the target",
            Protocol::Http(_) => {
                "write `https://` in the target's address, or `tls = {}` beside `builtin`"
            }
        };
        let what = format!("`{metric}` needs TLS, and this scenario's target has none");
        return Some((what, add.to_owned()));
    }
    let hold = match seen.protocol {
        Protocol::Http(http) => {
            let none = metric == Metric::Ratio(RatioMetric::Checks) && http.checks.is_empty();
            return none.then(|| {
                (
                    format!("`{metric}` needs checks, and this scenario has none"),
                    "say what an answer must be: `expect = { status = 200 }`".to_owned(),
                )
            });
        }
        Protocol::TcpHold(hold) => hold,
    };
    let needs = |what: &str, line: &str| {
        Some((
            format!("`{metric}` needs {what}, and this scenario has none"),
            format!("add `{line}` to the scenario"),
        ))
    };
    let server = "heartbeat = { from = \"server\", every = \"60s\" }";
    let client = "heartbeat = { from = \"client\", send = \"ping\", every = \"30s\" }";
    let is_server = matches!(hold.heartbeat, Some(Heartbeat::Server { .. }));
    let is_client = matches!(hold.heartbeat, Some(Heartbeat::Client { .. }));
    match metric {
        Metric::Time(TimeMetric::HeartbeatGap, _) if !is_server => {
            needs("a heartbeat from the server", server)
        }
        Metric::Time(TimeMetric::HeartbeatRtt, _) if !is_client => {
            needs("a heartbeat from the client", client)
        }
        Metric::Count(CountMetric::HeartbeatReceived | CountMetric::HeartbeatMissed)
        | Metric::Ratio(RatioMetric::HeartbeatSuccess)
            if hold.heartbeat.is_none() =>
        {
            needs("a heartbeat", server)
        }
        Metric::Time(TimeMetric::RecoveryTime | TimeMetric::StormTime, _)
        | Metric::Ratio(RatioMetric::Recovery)
        | Metric::Count(CountMetric::StormDropped)
            if hold.churn.events.is_empty() =>
        {
            needs("events", "events = [{ at = \"30s\", drop = \"10%\" }]")
        }
        Metric::Time(TimeMetric::RecoveryTime | TimeMetric::StormTime, _)
        | Metric::Ratio(RatioMetric::Recovery)
        | Metric::Count(CountMetric::Reconnects)
            if !hold.churn.reopens() =>
        {
            needs("connections that come back", "reconnect = \"at-once\"")
        }
        Metric::Time(TimeMetric::FirstMessage, _)
            if hold.expect.is_none() && hold.greeting.is_none() && hold.heartbeat.is_none() =>
        {
            needs("messages", "greeting = \"5s\"")
        }
        _ => None,
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
    let named = match (threshold.requests, seen.protocol) {
        (RequestScope::One(at), Protocol::Http(http)) => {
            let name = http.requests.get(usize::from(at)).map_or("?", |request| &request.name);
            format!("request `{name}` in {whom}")
        }
        (RequestScope::Each, _) => format!("the rarest request in {whom}"),
        _ => whom.to_owned(),
    };
    let whom = named.as_str();
    if is_open_only(metric) && !parts.iter().any(|part| part.open) {
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
    let sum = match metric {
        Metric::Time(TimeMetric::RecoveryTime, _) => dropped(seen).map(|each| each.iter().sum()),
        // Each event must give enough.
        Metric::Time(TimeMetric::StormTime, _) => dropped(seen)?.into_iter().min(),
        _ => parts.iter().map(|part| samples(metric, seen.protocol, part)).sum::<Option<u64>>(),
    };
    let share = |all| match seen.protocol {
        Protocol::Http(http) => threshold_request::share(threshold.requests, http, all),
        Protocol::TcpHold(_) => all,
    };
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

/// A window must mean something, and fit into what it looks at.
fn wrong_window(threshold: &Threshold, parts: &[Extent], whom: &str) -> Option<(String, String)> {
    let window = threshold.window?;
    if matches!(threshold.metric, Metric::Time(TimeMetric::StormTime, _)) {
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
    let Metric::Ratio(ratio) = metric else { return None };
    let (age, length) = (ratio.survival_s()?, length(seen.stages)?);
    (length.0.as_secs() < age).then(|| {
        (
            format!("`{metric}` would never see anything: the stages end after {length}"),
            "hold longer, or look at a shorter age, or at `hold.survival_ratio`".to_owned(),
        )
    })
}

/// The most connections that each event can drop.
fn dropped(seen: &ThresholdContext<'_>) -> Option<Vec<u64>> {
    let Protocol::TcpHold(hold) = seen.protocol else { return None };
    let users = |stage: &Stage| match stage.level {
        Level::Users { users, .. } => users,
        Level::Rate { .. } => 0,
    };
    let peak = seen.stages.iter().map(users).max()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of them")]
    let of = |share: f64| (share * peak as f64).ceil() as u64;
    Some(hold.churn.events.iter().map(|event| of(event.share.0)).collect())
}

fn never(
    metric: Metric,
    during: During,
    seen: &ThresholdContext<'_>,
    whom: &str,
) -> (String, String) {
    let help = match metric {
        Metric::Time(TimeMetric::HeartbeatGap | TimeMetric::HeartbeatRtt, _)
        | Metric::Count(CountMetric::HeartbeatReceived | CountMetric::HeartbeatMissed)
        | Metric::Ratio(RatioMetric::HeartbeatSuccess) => {
            "the first heartbeat would be due after the end: hold longer, or lower `every`"
        }
        Metric::Time(TimeMetric::ScheduleLag, _) if matches!(seen.protocol, Protocol::Http(_)) => {
            "users have a schedule in a paced ramp only: write `during = \"ramp\"`"
        }
        _ if is_of_hold(metric) => "leave `during` out: this is measured in the hold",
        _ if during == During::Hold && matches!(seen.protocol, Protocol::TcpHold(_)) => {
            "connections are opened in the ramp: leave `during` out"
        }
        _ => "no connection is opened there: look at a stage that adds users",
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

fn is_open_only(metric: Metric) -> bool {
    matches!(metric, Metric::Time(TimeMetric::ResponseTime | TimeMetric::QueueWait, _))
}

fn is_of_hold(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::Count(CountMetric::HoldLost) | Metric::Ratio(RatioMetric::HoldSurvival)
    )
}

/// The most samples that a part can give; `None` when that is not known, and then it is some.
fn samples(metric: Metric, protocol: &Protocol, part: &Extent) -> Option<u64> {
    if part.is_empty() {
        return Some(0);
    }
    let hold = match protocol {
        Protocol::TcpHold(hold) => hold,
        Protocol::Http(http) => return requests(metric, http, part),
    };
    let (before, after) = part.users;
    match metric {
        Metric::Count(CountMetric::ConnectionsOpen) | Metric::Ratio(RatioMetric::HoldTime) => None,
        _ if is_of_hold(metric) => {
            if part.hold {
                Some(after)
            } else {
                Some(0)
            }
        }
        Metric::Count(CountMetric::HeartbeatReceived | CountMetric::HeartbeatMissed)
        | Metric::Ratio(RatioMetric::HeartbeatSuccess)
        | Metric::Time(TimeMetric::HeartbeatGap | TimeMetric::HeartbeatRtt, _) => {
            let (Heartbeat::Server { every, .. } | Heartbeat::Client { every, .. }) =
                hold.heartbeat.as_ref()?;
            // The oldest connection is at most as old as the scenario.
            if part.end? < every.as_nanos() {
                return Some(0);
            }
            Some(before.max(after).saturating_mul(part.length? / every.as_nanos().max(1) + 1))
        }
        // A connection that was opened in a ramp may get its first message in the hold.
        Metric::Time(TimeMetric::FirstMessage, _) if part.hold => Some(after),
        _ if hold.churn.is_any() => None,
        // Connections are opened in ramps only.
        _ if part.hold => Some(0),
        _ => Some(after.saturating_sub(before)),
    }
}

/// The most requests that a part can make.
fn requests(metric: Metric, http: &Http, part: &Extent) -> Option<u64> {
    if part.open {
        let seconds = part.length? as f64 / 1e9;
        let arrivals = f64::midpoint(part.rates.0, part.rates.1) * seconds;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number"
        )]
        let passes = arrivals.ceil() as u64;
        let steps = if http.in_steps { http.requests.len() as u64 } else { 1 };
        return Some(passes.saturating_mul(steps));
    }
    if is_open_only(metric) {
        return Some(0);
    }
    if matches!(metric, Metric::Time(TimeMetric::ScheduleLag, _)) {
        // Users have no schedule but that of a paced ramp.
        let (before, after) = part.users;
        return Some(if part.hold { 0 } else { after.saturating_sub(before) });
    }
    let pauses = http.requests.iter().filter_map(|one| Some(one.think_time?.min));
    let think_time = pauses.fold(http.think_time.min, Time::min);
    if think_time == Time::default() {
        return None;
    }
    let (before, after) = part.users;
    let each = part.length? / think_time.as_nanos() + 1;
    Some(before.max(after).saturating_mul(each))
}
