//! Charts of what monitors read, under the stages of the first scenario.

use super::chart::{Chart, ChartSeries};
use super::chart_unit::ChartUnit;
use super::run_axis::RunAxis;
use crate::report::foreign::visible;
use crate::report::monitors::{all, failures, table};
use crate::store::SavedRun;
use maud::{Markup, html};

pub(super) fn monitors(run: &SavedRun) -> Markup {
    let Some(table) = table(run) else { return html! {} };
    let axis = RunAxis::new(run, 0);
    let charts = all(run).map(|one| {
        let title = format!("{}: {}", visible(&one.monitor.name), visible(one.name));
        let values = run.timeline.monitored(one.index.0, one.index.1);
        axis.chart(title, ChartUnit::Number, vec![ChartSeries::new("mean", values)])
    });
    let charts: Vec<Markup> = charts.filter_map(Chart::markup).collect();
    html! {
        section {
            h2 { "Monitors" }
            div.charts { @for chart in charts { (chart) } }
            (table.html())
            @for text in failures(run) { p.quiet { (visible(&text)) } }
        }
    }
}
