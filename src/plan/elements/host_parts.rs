//! On how many hosts a plan makes its load, and what part each of them gets.

use crate::plan::error::Errors;
use crate::plan::raw::{Field, OneOrMany};
use crate::units::Count;

/// The most hosts of a run.
const MOST_HOSTS: u16 = 1_000;

/// The largest weight of a host.
const MOST_WEIGHT: u32 = 1_000;

/// The hosts, if the plan says how many.
pub(super) fn hosts(field: &Field<Count>, errors: &mut Errors) -> Option<u16> {
    let given = field.given()?;
    let Count(number) = given.value;
    let hosts = u16::try_from(number).ok().filter(|hosts| (1..=MOST_HOSTS).contains(hosts));
    if hosts.is_none() {
        errors
            .add(given.at, format!("expected 1 to {MOST_HOSTS} hosts, found {number}"))
            .help("leave `hosts` out to make the load on this machine alone");
    }
    hosts
}

/// The weight of each host; empty: all are equal.
pub(super) fn weights(
    field: &Field<OneOrMany<Count>>,
    (said, hosts): (&Field<Count>, Option<u16>),
    errors: &mut Errors,
) -> Vec<u32> {
    let Some(given) = field.given() else { return Vec::new() };
    let list = &given.value.0;
    if said.is_absent() {
        errors
            .add(given.at, "`weights` needs `hosts`")
            .help(format!("add `hosts = {}`", list.len()));
        return Vec::new();
    }
    let mut weights = Vec::new();
    for one in list {
        let Count(number) = one.value;
        match u32::try_from(number) {
            Ok(weight) if (1..=MOST_WEIGHT).contains(&weight) => weights.push(weight),
            _ => {
                errors
                    .add(one.at, format!("expected a weight from 1 to {MOST_WEIGHT}"))
                    .help("weights are parts of their sum: `weights = [3, 1, 2]`");
            }
        }
    }
    if let Some(hosts) = hosts.filter(|hosts| usize::from(*hosts) != list.len()) {
        errors
            .add(given.at, format!("expected {hosts} weights, found {}", list.len()))
            .help(format!("give one for each host, or write `hosts = {}`", list.len()));
    }
    weights
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{HOLD, set};

    #[test]
    fn hosts_have_parts_by_weight() {
        let plan = set(HOLD, &["generator.hosts=3", "generator.weights=[3, 1, 2]"]);
        assert_eq!((plan.generator.hosts, plan.generator.weights), (Some(3), vec![3, 1, 2]));
        let plan = set(HOLD, &["generator.hosts=21"]);
        assert_eq!((plan.generator.hosts, plan.generator.weights.len()), (Some(21), 0));
        assert_eq!(set(HOLD, &[]).generator.hosts, None);
    }
}
