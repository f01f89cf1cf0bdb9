//! Which requests a threshold looks at.

use crate::plan::error::Errors;
use crate::plan::raw::Field;
use crate::plan::suggest::did_you_mean;
use crate::plan::text::Text;
use crate::plan::{Metric, Protocol, RequestScope, Threshold};

/// Requests are drawn at random: by how many standard deviations one may come more often than
/// its weight says.
const DEVIATIONS: f64 = 3.0;

/// Reads `request`; `protocol` is `None` where its requests could not be read.
pub(in crate::plan) fn scope(
    field: &Field<Text>,
    metric: Metric,
    protocol: Option<&Protocol>,
    errors: &mut Errors,
) -> Option<RequestScope> {
    let Some(given) = field.given() else { return Some(RequestScope::All) };
    let requests = protocol?.requests();
    if requests.is_empty() {
        errors
            .add(given.at, "`request` has no meaning in tcp-hold: its users make connections")
            .help("leave `request` out, or look at one stage: `stage = \"…\"`");
        return None;
    }
    if !metric.row().per_request {
        errors
            .add(given.at, format!("`{metric}` is not measured for each request"))
            .help(format!("leave `request` out, or look at one of {}", families()));
        return None;
    }
    let name = given.value.value.as_str();
    if name == "*" {
        return Some(RequestScope::Each);
    }
    let at = requests.iter().position(|request| request.name == name);
    let Some(at) = at.and_then(|at| u16::try_from(at).ok()) else {
        let names = requests.iter().map(|request| request.name.as_str());
        errors
            .add(given.at, format!("this scenario has no request `{}`", given.value.shown))
            .help(did_you_mean(&given.value.shown, names, "its requests are"));
        return None;
    };
    Some(RequestScope::One(at))
}

/// The metrics of each request, distributions with a star.
fn families() -> String {
    let mut names = Metric::families(|row| row.per_request);
    names.push("within.200ms.ratio".to_owned());
    names.join(", ")
}

/// The part of all requests that a threshold looks at, of each by itself the rarest; and whether
/// that is a matter of chance.
pub(in crate::plan) fn fraction(threshold: &Threshold, protocol: &Protocol) -> (f64, bool) {
    // How often a check is made is known without.
    if threshold.requests == RequestScope::All || matches!(threshold.metric, Metric::Check(_)) {
        return (1.0, false);
    }
    if protocol.in_steps() {
        return (1.0 / protocol.requests().len().max(1) as f64, false);
    }
    let weights = || protocol.requests().iter().map(|request| f64::from(request.weight));
    let weight = match threshold.requests {
        RequestScope::One(at) => weights().nth(usize::from(at)).unwrap_or(0.0),
        _ => weights().fold(f64::INFINITY, f64::min),
    };
    let sum: f64 = weights().sum();
    if sum > 0.0 { (weight / sum, protocol.requests().len() > 1) } else { (0.0, false) }
}

/// The most requests of one kind among some; if each kind is judged by itself, of the rarest.
pub(in crate::plan) fn share(requests: RequestScope, protocol: &Protocol, all: u64) -> u64 {
    let of = |at: usize| {
        if protocol.in_steps() {
            // A pass that has begun may end after its part.
            return all.div_ceil(protocol.requests().len().max(1) as u64);
        }
        let sum: f64 = protocol.requests().iter().map(|request| f64::from(request.weight)).sum();
        let weight = protocol.requests().get(at).map_or(0.0, |request| f64::from(request.weight));
        let mean = if sum > 0.0 { all as f64 * weight / sum } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and this is not below zero"
        )]
        let most = (mean + DEVIATIONS * mean.sqrt()).ceil() as u64;
        most.min(all)
    };
    match requests {
        RequestScope::All => all,
        RequestScope::One(at) => of(usize::from(at)),
        RequestScope::Each => (0..protocol.requests().len()).map(of).min().unwrap_or(all),
    }
}
