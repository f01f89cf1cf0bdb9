//! `network_drops`: the kernel dropped packets on this machine.

use super::rule::{RULE, Rule, RuleLimits, RunFacts, Sample, of_run};

/// The kernel dropped packets on this machine.
// Only a warning: the counters are of the whole machine, and dropped packets are sent again.
pub static NETWORK_DROPS: Rule = Rule {
    name: "network_drops",
    doc: "Packets that the kernel dropped on this machine.",
    warn: Some(0.0),
    what: "this machine's kernel dropped {} packets",
    advice: "raise net.core.netdev_max_backlog or net.netfilter.nf_conntrack_max",
    measure: Some(measure),
    ..RULE
};

fn measure(facts: &RunFacts<'_>, limits: RuleLimits) -> Vec<Sample> {
    const DROPS: [&str; 3] = ["softnet.dropped", "conntrack.drop", "conntrack.insert_failed"];
    let recording = facts.recording;
    let rise = |name| recording.kernel.get(name).copied().unwrap_or(0).max(0);
    let drops: i64 = DROPS.into_iter().map(rise).sum();
    let looked = recording.baseline.is_some() && facts.has_begun();
    of_run(looked.then_some(drops as f64), limits)
}
