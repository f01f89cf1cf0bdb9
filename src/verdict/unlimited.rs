//! Says which scenarios had failures that no threshold limits: a percentile of successes holds
//! however many attempts fail beside them.

use crate::plan::{Metric, Plan, RatioMetric, RequestScope, Scenario, Threshold};
use crate::record::{Cell, Gauges, MeasuredSpan, Recording, measure};

/// Failures of a scenario that none of its thresholds limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnlimitedFailures {
    /// Index into `Plan::scenarios`.
    pub scenario: usize,
    /// Attempts that failed or timed out; failures of this machine's own are not among them.
    pub failed: u64,
    /// Attempts that ended, and those that the run's end cut off; local failures are not among
    /// them.
    pub of: u64,
}

/// The scenarios with failures that no threshold limits, in the plan's order.
pub fn unlimited_failures(plan: &Plan, recording: &Recording) -> Vec<UnlimitedFailures> {
    let all = plan.scenarios.iter().zip(&recording.scenarios).enumerate();
    let unlimited = all.filter(|(_, (scenario, _))| !limits_failures(scenario));
    unlimited
        .filter_map(|(index, (scenario, facts))| {
            let (mut cell, gauges) = (Cell::default(), Gauges::default());
            facts.cells.values().for_each(|phase| cell.merge_counts(phase));
            let protocol = &scenario.protocol;
            let span = MeasuredSpan { protocol, cell: &cell, gauges: &gauges, length_ns: 0 };
            let (failed, of) = measure(Metric::Ratio(RatioMetric::Failure), &span)?.ratio?;
            (failed > 0).then_some(UnlimitedFailures { scenario: index, failed, of })
        })
        .collect()
}

fn limits_failures(scenario: &Scenario) -> bool {
    let of_all = |one: &&Threshold| !matches!(one.requests, RequestScope::One(_));
    scenario.thresholds.iter().filter(of_all).any(|one| match one.metric {
        Metric::Within(_) => true,
        // A bound on checks or heartbeats says nothing of an attempt that had none.
        Metric::Ratio(ratio) => !matches!(
            ratio,
            RatioMetric::Checks | RatioMetric::HeartbeatSuccess | RatioMetric::Recovery
        ),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Phase, Source};
    use crate::record::{CellKey, Counter};

    fn found(thresholds: &str, counts: &[(Counter, u64)]) -> Vec<UnlimitedFailures> {
        let text = format!(
            "name = \"x\"\ntargets.web.address = \"http://127.0.0.1:9/\"\n[scenarios.web]\n\
             protocol = \"http\"\nrequests = [{{ name = \"a\", path = \"/a\", expect = {{ status = 200 }} }}, {{ name = \"b\", path = \"/b\" }}]\n\
             stages = [{{ users = 9, hold = \"1h\" }}]\nthresholds = [{thresholds}]\n"
        );
        let source = Source { name: "x.toml".to_owned(), text };
        let plan = Plan::parse(&source, &Overrides::default(), &|_| None).expect("a plan");
        let mut recording = Recording::new(1);
        let mut cell = Cell::default();
        for (counter, count) in counts {
            cell.counters.set(*counter, *count);
        }
        recording.scenarios[0].cells.insert(CellKey { stage: 0, phase: Phase::Hold }, cell);
        unlimited_failures(&plan, &recording)
    }

    #[test]
    fn failures_that_no_threshold_limits_are_found() {
        let p99 = "\"service_time.p99 < 1s\"";
        let counts = [(Counter::Ok, 92), (Counter::TimedOut, 5), (Counter::Failed, 3)];
        let some = vec![UnlimitedFailures { scenario: 0, failed: 8, of: 100 }];
        assert_eq!(found(p99, &counts), some);
        assert_eq!(found("", &counts), some);
        let one = "{ condition = \"failure_ratio < 1%\", request = \"a\" }";
        assert_eq!(found(one, &counts), some);
        assert_eq!(found("\"checks.success_ratio > 99%\"", &counts), some);
        for limit in [
            "\"failure_ratio < 10%\"",
            "\"success_ratio > 1%\"",
            "\"status.2xx.ratio > 1%\"",
            "\"within.1s.ratio > 1%\"",
            "{ condition = \"failure_ratio < 1%\", request = \"*\" }",
        ] {
            assert_eq!(found(&format!("{p99}, {limit}"), &counts), [], "{limit}");
        }
        assert_eq!(found(p99, &[(Counter::Ok, 100)]), []);
        // Failures of this machine's own are for the rules of validity.
        assert_eq!(
            found(p99, &[(Counter::Ok, 9), (Counter::Failed, 1), (Counter::FailedLocal, 1)]),
            []
        );
    }
}
