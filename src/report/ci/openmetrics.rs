//! Turns a run, or a search, into OpenMetrics text: the verdict, ratios, rates and times of each
//! scenario.
//!
//! GitLab compares two reports as text, so figures are rounded to three significant digits: noise
//! below that shows no change.

use crate::plan::{Metric, Stat};
use crate::report::columns::ReportedMetrics;
use crate::report::search::SearchReport;
use crate::report::section::{ScenarioFacts, Section};
use crate::store::SavedRun;
use crate::units::openmetrics::{Families, family, labels};

/// The percentiles written, where there are enough samples.
const STATS: [Stat; 4] = [Stat::P50, Stat::P90, Stat::P99, Stat::P999];

/// The file for one run.
pub fn openmetrics(run: &SavedRun) -> Vec<u8> {
    let mut families = Families::default();
    verdict(&mut families, &run.judgement.verdict.to_string());
    for (index, scenario) in run.plan.scenarios.iter().enumerate() {
        let whole = ScenarioFacts::new(run, index).whole();
        figures(&mut families, &scenario.name, &whole);
    }
    families.text().into_bytes()
}

/// The file for a search.
pub fn openmetrics_search(search: &SearchReport) -> Vec<u8> {
    let mut families = Families::default();
    verdict(&mut families, search.verdict.unwrap_or("STOPPED"));
    if let Some(highest) = search.highest {
        let labels = labels(&[("unit", search.unit())]);
        families.gauge("planrun_highest_level", &labels, &highest.to_string());
    }
    families.text().into_bytes()
}

fn verdict(families: &mut Families, is: &str) {
    for verdict in ["PASS", "FAIL", "INVALID"] {
        let value = if is == verdict { "1" } else { "0" };
        families.gauge("planrun_verdict", &labels(&[("verdict", verdict)]), value);
    }
}

fn figures(families: &mut Families, scenario: &str, whole: &Section<'_>) {
    let words = ReportedMetrics::of(whole.protocol);
    let own = labels(&[("scenario", scenario)]);
    let ratios = words.ratios.iter().map(|one| (Metric::Ratio(*one), one.to_string()));
    let rates = words.rates.iter().map(|one| {
        let name = one.to_string();
        let name = name.strip_suffix(".rate").unwrap_or(&name);
        (Metric::Rate(*one), format!("{name}_per_second"))
    });
    for (metric, name) in ratios.chain(rates) {
        if let Some(measure) = whole.measure(metric) {
            families.gauge(&family(&name), &own, &rounded(measure.value));
        }
    }
    for time in &words.times {
        let name = family(&format!("{time}_seconds"));
        for stat in STATS {
            let measure = whole.measure(Metric::Time(*time, stat));
            let enough = measure.filter(|one| one.samples >= stat.sample_floor());
            if let Some(measure) = enough.filter(|one| one.value.is_finite()) {
                let labels = labels(&[("scenario", scenario), ("stat", stat.name())]);
                families.gauge(&name, &labels, &rounded(measure.value / 1e9));
            }
        }
    }
}

/// Three significant digits.
fn rounded(value: f64) -> String {
    format!("{value:.2e}").parse::<f64>().unwrap_or(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 1.0, 0.123_456, 1234.5, 0.000_012_345, 99_999.0].map(rounded);
        assert_eq!(shown, ["0", "1", "0.123", "1230", "0.0000123", "100000"]);
    }
}
