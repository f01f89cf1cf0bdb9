//! Turns series of numbers into charts: an SVG, a legend, and the values that a reader's cursor
//! shows.

use super::axis::Axis;
use super::chart_unit::ChartUnit;
use crate::report::foreign::visible;
use maud::{Markup, PreEscaped, html};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use serde::Serialize;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// Width and height of a chart; pages scale it.
const SIZE: (u32, u32) = (560, 206);

/// Room for the labels of the axes, and to the right of the plot.
const LEFT: u32 = 66;
const BELOW: u32 = 24;
const RIGHT: u32 = 14;
const ABOVE: u32 = 8;

/// Room above the plot for the names of the stages.
const ABOVE_BANDS: u32 = 20;

/// Width of a letter of a stage's name, and the room around the name.
const LETTER: f64 = 6.0;
const BAND_MARGIN: f64 = 8.0;

/// An axis is logarithmic if the highest value is at least this many times the lowest.
const WIDE: f64 = 20.0;

/// Colours that differ on light and dark backgrounds, also to people who cannot tell red from green
/// (Okabe and Ito 2008).
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(150, 150, 150),
];

/// One series: a value at each x of its chart, or none.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ChartSeries {
    pub(super) name: String,
    pub(super) values: Vec<Option<f64>>,
    /// Whether it shows the plan rather than measurements.
    #[serde(skip)]
    pub(super) planned: bool,
    /// The lowest and the highest of the runs at each x, where it stands for several.
    #[serde(skip)]
    pub(super) spread: Vec<Option<(f64, f64)>>,
}

impl ChartSeries {
    pub(super) fn new(name: impl Into<String>, values: Vec<Option<f64>>) -> Self {
        let values = values.into_iter().map(|value| value.map(rounded)).collect();
        Self { name: name.into(), values, planned: false, spread: Vec::new() }
    }

    fn says_nothing(&self) -> bool {
        self.values.iter().all(|value| value.is_none_or(|value| value == 0.0))
    }
}

/// Four significant digits: more is seen neither in a line nor by a cursor.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A chart in the making.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) unit: ChartUnit,
    pub(super) axis: Axis,
    pub(super) x: Vec<f64>,
    pub(super) series: Vec<ChartSeries>,
    /// Whether the series are stacked.
    pub(super) stacked: bool,
    /// Whether the y axis is logarithmic where values lie far apart.
    pub(super) log: bool,
    /// Stages: from, to, name.
    pub(super) bands: Vec<(f64, f64, String)>,
    /// How many samples fell where, in place of series.
    pub(super) heat: Option<Heat>,
}

/// Counts of samples by time of the run and by their value.
#[derive(Debug, Clone)]
pub(super) struct Heat {
    /// The bounds of the values, on a logarithmic scale.
    pub(super) range: Range<f64>,
    /// One for each stretch of the run, each with a count for each band of values, the lowest
    /// first.
    pub(super) columns: Vec<Vec<u64>>,
}

/// The data for the page's script.
#[derive(Serialize)]
struct Values<'a> {
    unit: ChartUnit,
    left: f64,
    right: f64,
    max: f64,
    nines: bool,
    x: &'a [f64],
    series: &'a [ChartSeries],
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Chart {
    /// The chart; `None` when there is nothing in it.
    pub(super) fn markup(mut self) -> Option<Markup> {
        self.series.retain(|series| !series.says_nothing());
        if self.heat.is_none() && self.series.iter().all(|series| series.planned) {
            return None;
        }
        let svg = self.svg().ok()?;
        let (width, _) = SIZE;
        let share = |pixels: u32| f64::from(pixels) / f64::from(width);
        let values = Values {
            unit: self.unit,
            left: share(LEFT),
            right: share(width - RIGHT),
            max: self.axis.max(),
            nines: matches!(self.axis, Axis::Nines(_)),
            x: &self.x,
            series: &self.series,
        };
        let data = serde_json::to_string(&values).ok()?.replace('<', "\\u003c");
        Some(html! {
            figure.chart {
                figcaption {
                    strong { (self.title) }
                    @if self.series.len() > 1 || self.stacked {
                        @for (at, series) in self.series.iter().enumerate() {
                            span.key {
                                span class={ "swatch c" (at % COLOURS.len()) @if series.planned { " planned" } } {}
                                (series.name)
                            }
                        }
                    }
                }
                div.plot {
                    (PreEscaped(svg))
                    div.cursor {}
                    div.values role="status" {}
                }
                script type="application/json" { (PreEscaped(data)) }
            }
        })
    }

    fn above(&self) -> u32 {
        if self.bands.is_empty() { ABOVE } else { ABOVE_BANDS }
    }

    fn svg(&self) -> Result<String, Box<dyn std::error::Error>> {
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            let spreads = |one: &ChartSeries| -> Vec<f64> {
                one.spread.iter().flatten().flat_map(|(low, high)| [*low, *high]).collect()
            };
            let values = || {
                let own = |one: &ChartSeries| one.values.iter().flatten().copied().collect();
                self.series
                    .iter()
                    .flat_map(move |one| -> Vec<f64> { [own(one), spreads(one)].concat() })
            };
            if let Some(Heat { range, .. }) = &self.heat {
                self.draw(&root, range.clone().log_scale(), range)?;
            } else if let Some((low, high)) = self.log.then(|| ends(values())).flatten() {
                let range = low / 1.3..(high * 1.3).max(low * 2.0);
                self.draw(&root, range.clone().log_scale(), &range)?;
            } else {
                let high = if self.stacked { self.tallest() } else { values().fold(0.0, f64::max) };
                // The axis of a ratio always extends to 1.
                let high = if self.unit == ChartUnit::Ratio { high.max(1.0) } else { high * 1.08 };
                self.draw(&root, 0.0..high, &(0.0..high))?;
            }
            root.present()?;
        }
        if let Some(heat) = &self.heat {
            let end = svg.rfind("</svg>").unwrap_or(svg.len());
            svg.insert_str(end, &heat.paths(self.above()));
        }
        Ok(svg)
    }

    fn tallest(&self) -> f64 {
        let at = |at: usize| -> f64 {
            self.series.iter().filter_map(|one| one.values.get(at).copied().flatten()).sum()
        };
        (0..self.x.len()).map(at).fold(0.0, f64::max)
    }

    fn draw<Y>(
        &self,
        root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
        y: Y,
        range: &Range<f64>,
    ) -> Drawn
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(root)
            .set_label_area_size(LabelAreaPosition::Left, LEFT)
            .set_label_area_size(LabelAreaPosition::Bottom, BELOW)
            .margin_right(RIGHT)
            .margin_top(self.above())
            .build_cartesian_2d(self.axis, y)?;
        let grey = RGBColor(128, 128, 128);
        for (number, (from, to, _)) in self.bands.iter().enumerate() {
            let shade = if number % 2 == 0 { 0.10 } else { 0.03 };
            let corners = [(*from, range.start), (*to, range.end)];
            chart.draw_series([Rectangle::new(corners, grey.mix(shade).filled())])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(grey.mix(0.25))
            .axis_style(grey.mix(0.6))
            .label_style(("sans-serif", 12))
            .y_labels(5)
            .x_label_formatter(&|x| self.axis.label(*x))
            .y_label_formatter(&|value| self.unit.figure(*value))
            .draw()?;
        for (left, name) in self.band_names() {
            let style = ("sans-serif", 11).into_font().color(&grey);
            root.draw(&Text::new(name, (left, 4), style))?;
        }
        self.draw_series(&mut chart)
    }

    /// The label above the start of each band, and where it begins: the names of the stages; their
    /// numbers where not every name has room, and nothing where a number has none.
    fn band_names(&self) -> Vec<(i32, String)> {
        let scale = f64::from(SIZE.0 - LEFT - RIGHT) / self.axis.max();
        let fits = |(from, to, name): &(f64, f64, String)| {
            (to - from) * scale >= BAND_MARGIN + LETTER * name.width() as f64
        };
        let named =
            |(from, to, name): &(f64, f64, String)| (*from, *to, visible(name).into_owned());
        let names: Vec<_> = self.bands.iter().map(named).collect();
        let numbers = (1..).zip(&self.bands);
        let numbers: Vec<_> =
            numbers.map(|(number, (from, to, _))| (*from, *to, format!("{number}"))).collect();
        let chosen = if names.iter().all(fits) { names } else { numbers };
        #[expect(clippy::cast_possible_truncation, reason = "within the chart")]
        let left = |from: f64| (f64::from(LEFT) + from * scale) as i32 + 2;
        let chosen = chosen.into_iter().filter(fits);
        chosen.map(|(from, _, name)| (left(from), name)).collect()
    }

    fn draw_series<X, Y>(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    ) -> Drawn
    where
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
    {
        let mut below = vec![0.0; self.x.len()];
        for (number, series) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            if self.stacked {
                let top: Vec<f64> = below
                    .iter()
                    .enumerate()
                    .map(|(at, low)| low + series.values.get(at).copied().flatten().unwrap_or(0.0))
                    .collect();
                let up = self.x.iter().copied().zip(top.iter().copied());
                let down = self.x.iter().copied().zip(below.iter().copied());
                let outline: Vec<(f64, f64)> =
                    up.chain(down.collect::<Vec<_>>().into_iter().rev()).collect();
                chart.draw_series([Polygon::new(outline, colour.mix(0.75).filled())])?;
                below = top;
                continue;
            }
            let edges = self.x.iter().copied().zip(&series.spread);
            let edges: Vec<(f64, (f64, f64))> = edges
                .filter_map(|(x, edges)| Some((x, (*edges)?)))
                .filter(|(_, (low, _))| !self.log || *low > 0.0)
                .collect();
            let high = edges.iter().map(|(x, (_, high))| (*x, *high));
            let low = edges.iter().rev().map(|(x, (low, _))| (*x, *low));
            let outline: Vec<(f64, f64)> = high.chain(low).collect();
            chart.draw_series([Polygon::new(outline, colour.mix(0.22).filled())])?;
            let points = self.x.iter().copied().zip(&series.values);
            let points: Vec<(f64, f64)> = points
                .filter_map(|(x, y)| Some((x, (*y)?)))
                .filter(|(_, y)| !self.log || *y > 0.0)
                .collect();
            if series.planned {
                chart.draw_series(DashedLineSeries::new(points, 4, 3, colour.stroke_width(1)))?;
            } else if let [(x, y)] = points[..] {
                chart.draw_series([Circle::new((x, y), 2, colour.filled())])?;
            } else {
                chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
            }
        }
        Ok(())
    }
}

/// The lowest and the highest value above zero, where they lie so far apart that a logarithmic axis
/// has several marks.
fn ends(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let low = values.clone().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let high = values.fold(0.0, f64::max);
    (low.is_finite() && high > low * WIDE).then_some((low, high))
}

impl Heat {
    /// One path for each strength of colour: one rectangle for each cell would be five times as
    /// long.
    fn paths(&self, above: u32) -> String {
        const STRENGTHS: usize = 8;
        let most = self.columns.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
        let (left, right) = (f64::from(LEFT), f64::from(SIZE.0 - RIGHT));
        let (top, bottom) = (f64::from(above), f64::from(SIZE.1 - BELOW));
        let width = (right - left) / self.columns.len().max(1) as f64;
        let rows = self.columns.first().map_or(1, Vec::len).max(1) as f64;
        let height = (bottom - top) / rows;
        let mut paths = vec![String::new(); STRENGTHS];
        for (column, counts) in self.columns.iter().enumerate() {
            for (row, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                // Rare values are seen, too: one in ten thousand has a colour.
                let share = (*count as f64).ln_1p() / most.ln_1p();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "at most 1"
                )]
                let strength = ((share * STRENGTHS as f64) as usize).min(STRENGTHS - 1);
                let (x, y) = (left + column as f64 * width, bottom - (row + 1) as f64 * height);
                let cell = format!("M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z");
                paths[strength].push_str(&cell);
            }
        }
        let path = |(at, cells): (usize, &String)| {
            let opacity = (at + 1) as f64 / STRENGTHS as f64;
            format!("<path fill=\"#0072b2\" opacity=\"{opacity}\" d=\"{cells}\"/>")
        };
        let shown = paths.iter().enumerate().filter(|(_, cells)| !cells.is_empty());
        shown.map(path).collect::<Vec<_>>().concat()
    }
}
