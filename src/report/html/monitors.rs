//! Charts of what monitors read, under the stages of the first scenario.

use super::chart::{Axis, Chart, Series, Unit};
use super::stages::bands;
use crate::report::foreign::visible;
use crate::report::monitors::{all, failures, table};
use crate::report::section::end_of;
use crate::store::SavedRun;
use maud::{Markup, html};

pub(super) fn monitors(run: &SavedRun) -> Markup {
    let Some(table) = table(run) else { return html! {} };
    let end_s = end_of(&run.recording) as f64 / 1e9;
    let bands = bands(&run.plan.scenarios[0], &run.recording.scenarios[0], end_s);
    let chart = |monitor: u16, metric: u16, title: String| Chart {
        series: vec![Series::new("mean", run.timeline.monitored(monitor, metric))],
        title,
        unit: Unit::Number,
        axis: Axis::Seconds(end_s),
        x: run.timeline.middles(0),
        stacked: false,
        log: false,
        bands: bands.clone(),
        heat: None,
    };
    let charts = all(run).map(|(index, monitor, metric, name, _)| {
        chart(index, metric, format!("{}: {}", visible(&monitor.name), visible(name)))
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
