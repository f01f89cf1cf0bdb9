//! Turns a run, or a search, into JUnit XML: a test case for each threshold and each rule of
//! validity.
//!
//! A broken threshold is a `failure`, what makes the run INVALID is an `error`. GitLab shows no
//! attributes of either, so the figures are in their text, too.

use super::case::{Case, CaseOutcome, rules, thresholds};
use crate::report::foreign::visible;
use crate::report::search::SearchReport;
use crate::report::section::end_of;
use crate::store::SavedRun;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The file for one run.
pub fn junit(run: &SavedRun) -> Vec<u8> {
    let name = visible(&run.plan.name);
    let length = Duration::from_nanos(end_of(&run.recording));
    let mut report = Report::new(name.as_ref());
    report.set_time(length);
    for (suite_name, cases) in [("thresholds", thresholds(run)), ("validity", rules(run))] {
        let mut suite = TestSuite::new(suite_name);
        suite.set_time(length);
        suite.add_property(("verdict", run.judgement.verdict.to_string().as_str()));
        suite.add_property(("seed", run.plan.seed.to_string().as_str()));
        suite.add_property(("plan_sha256", run.header.plan_sha256.as_str()));
        if let Some(baseline) = &run.header.baseline {
            suite.add_property(("baseline", visible(&baseline.run).as_ref()));
        }
        suite.add_property(("results", visible(&run.folder.to_string_lossy()).as_ref()));
        suite.add_test_cases(cases.iter().map(|case| test_case(&name, suite_name, case)));
        report.add_test_suite(suite);
    }
    bytes(&report)
}

fn test_case(plan: &str, suite: &str, case: &Case) -> TestCase {
    let kind = |kind: NonSuccessKind, name: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(case.figures.as_str()).set_type(name).set_description(text(case));
        status
    };
    let status = match case.outcome {
        CaseOutcome::Passed | CaseOutcome::Warned => TestCaseStatus::success(),
        CaseOutcome::Failed => kind(NonSuccessKind::Failure, "threshold"),
        CaseOutcome::Error => kind(NonSuccessKind::Error, "invalid"),
        CaseOutcome::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(case.figures.as_str());
            status
        }
    };
    let mut test = TestCase::new(case.name.as_str(), status);
    let class = case.scenario.as_deref().unwrap_or(suite);
    test.set_classname(format!("{plan}.{class}"));
    if matches!(case.outcome, CaseOutcome::Passed | CaseOutcome::Warned) {
        test.set_system_out(case.figures.as_str());
    }
    test
}

/// The figures, and the place in the plan of the condition that they broke.
fn text(case: &Case) -> String {
    let line = case.line.map(|line| format!(" (line {line} of the plan)"));
    format!("{}: {}{}", case.name, case.figures, line.unwrap_or_default())
}

/// The file for a search: one case, which asks for the level that the plan wants.
pub fn junit_search(search: &SearchReport) -> Vec<u8> {
    let words = search.conclusion();
    let kind = match search.verdict {
        Some("PASS") => None,
        Some("FAIL") => Some(NonSuccessKind::Failure),
        _ => Some(NonSuccessKind::Error),
    };
    let status = kind.map_or_else(TestCaseStatus::success, |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(words.as_str()).set_type("search").set_description(words.as_str());
        status
    });
    let mut case = TestCase::new(format!("at least {}", search.level(search.at_least())), status);
    case.set_classname(format!("{}.search", search.plan()));
    case.set_system_out(words.as_str());
    let mut suite = TestSuite::new("search");
    suite.add_test_case(case);
    let mut report = Report::new(search.plan());
    report.add_test_suite(suite);
    bytes(&report)
}

fn bytes(report: &Report) -> Vec<u8> {
    report.to_string().expect("XML of strings, and no I/O").into_bytes()
}
