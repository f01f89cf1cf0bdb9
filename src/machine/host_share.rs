//! Turns a plan into what one host's part of it asks of that host.

use crate::plan::{Level, Plan};

/// The plan with a host's part of every level: `weight` of `total`, rounded up. What it needs is
/// what the host needs; when what is due is not to be read off it.
#[must_use]
pub fn part_of_plan(plan: &Plan, (weight, total): (u32, u32)) -> Plan {
    let part = |count: u64| {
        let exact = u128::from(count) * u128::from(weight);
        u64::try_from(exact.div_ceil(u128::from(total.max(1)))).unwrap_or(u64::MAX)
    };
    let mut plan = plan.clone();
    for stage in plan.scenarios.iter_mut().flat_map(|scenario| &mut scenario.stages) {
        match &mut stage.level {
            Level::Users { users, .. } => *users = part(*users),
            Level::Rate { rate, .. } => rate.count = part(rate.count),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Requirements;
    use crate::plan::Ramp;
    use crate::schedule::testing;

    #[test]
    fn parts_of_hosts_cover_the_whole_plan() {
        let level = Level::Users { users: 10_001, ramp: Ramp::Unpaced };
        let plan = testing::plan(testing::scenario(testing::hold(), &[(level, 1_000)]));
        let users = |share| Requirements::of(&part_of_plan(&plan, share)).scenarios[0].users;
        assert_eq!([(3, 6), (1, 6), (2, 6)].map(users), [5_001, 1_667, 3_334]);
        assert_eq!(users((1, 1)), 10_001);
    }
}
