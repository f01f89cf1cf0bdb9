//! Turns the figures of two sets of runs, and the interval of their change, into two strips: each
//! run as a dot, and the interval against its margin.

use super::chart::COLOURS;
use plotters::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

/// Width and height of a strip; pages scale it.
const SIZE: (u32, u32) = (560, 84);
const BELOW: u32 = 24;
const LEFT: u32 = 22;
const RIGHT: u32 = 22;

const GREY: RGBColor = RGBColor(128, 128, 128);
const GOOD: RGBColor = RGBColor(26, 127, 75);
const BAD: RGBColor = RGBColor(192, 54, 44);
const DOUBT: RGBColor = RGBColor(198, 138, 0);

/// The meaning of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripColour {
    /// The change is no worse than allowed.
    Good,
    /// It is worse.
    Bad,
    /// Nothing is decided.
    Doubt,
}

/// Which changes are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSide {
    /// The labels to the left, of rates.
    Left,
    /// The labels to the right, of times.
    Right,
    /// Both.
    Both,
}

/// A change with its interval, around 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeStrip {
    /// The change.
    pub effect: f64,
    /// From and to; `None`: there are too few runs.
    pub interval: Option<(f64, f64)>,
    /// How much worse is allowed.
    pub margin: f64,
    /// Which changes are bad.
    pub bad: BadSide,
    /// Its meaning.
    pub colour: StripColour,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn strip(
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn,
) -> String {
    let mut svg = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&root).and_then(|()| Ok(root.present()?))
    };
    if drawn.is_ok() { svg } else { String::new() }
}

/// Each run of A and of B as a dot on an axis of values, and their medians; an SVG.
pub fn dots(sides: [&[f64]; 2], medians: [f64; 2], figure: impl Fn(f64) -> String) -> String {
    let range = around(sides.iter().flat_map(|side| side.iter().copied()));
    strip(|root| {
        let mut chart = ChartBuilder::on(root)
            .set_label_area_size(LabelAreaPosition::Bottom, BELOW)
            .margin_left(LEFT)
            .margin_right(RIGHT)
            .build_cartesian_2d(range.clone(), 0.0..2.0)?;
        axis(&mut chart, &figure)?;
        for (number, values) in sides.iter().enumerate() {
            let (lane, colour) = (1.5 - number as f64, COLOURS[number]);
            let middle = vec![(medians[number], lane - 0.4), (medians[number], lane + 0.4)];
            chart.draw_series(LineSeries::new(middle, colour.stroke_width(2)))?;
            let dot = |value: &f64| Circle::new((*value, lane), 5, colour.mix(0.55).filled());
            chart.draw_series(values.iter().map(dot))?;
        }
        for (number, name) in ["A", "B"].iter().enumerate() {
            let style = ("sans-serif", 13).into_font().color(&GREY);
            let at = (4, 12 + 30 * i32::try_from(number).unwrap_or(0));
            root.draw(&Text::new(*name, at, style))?;
        }
        Ok(())
    })
}

/// The interval of a change against its margin; an SVG.
pub fn change(of: &ChangeStrip, figure: impl Fn(f64) -> String) -> String {
    let ends = of.interval.map_or([of.effect; 2], |(low, high)| [low, high]);
    let far =
        ends.iter().chain([&of.effect, &of.margin]).fold(0.0_f64, |far, one| far.max(one.abs()));
    let far = far * 1.3;
    if !far.is_finite() || far <= 0.0 {
        return String::new();
    }
    strip(|root| {
        let mut chart = ChartBuilder::on(root)
            .set_label_area_size(LabelAreaPosition::Bottom, BELOW)
            .margin_left(LEFT)
            .margin_right(RIGHT)
            .build_cartesian_2d(-far..far, 0.0..2.0)?;
        let zones = [
            (-far, -of.margin, of.bad != BadSide::Right),
            (of.margin, far, of.bad != BadSide::Left),
        ];
        for (from, to, is_bad) in zones {
            let colour = if is_bad { BAD.mix(0.16) } else { GOOD.mix(0.12) };
            chart.draw_series([Rectangle::new([(from, 0.0), (to, 2.0)], colour.filled())])?;
        }
        axis(&mut chart, &figure)?;
        let nothing = vec![(0.0, 0.0), (0.0, 2.0)];
        chart.draw_series(LineSeries::new(nothing, GREY.mix(0.8).stroke_width(1)))?;
        let colour = match of.colour {
            StripColour::Good => GOOD,
            StripColour::Bad => BAD,
            StripColour::Doubt => DOUBT,
        };
        if let Some((low, high)) = of.interval {
            for line in
                [[(low, 1.0), (high, 1.0)], [(low, 0.7), (low, 1.3)], [(high, 0.7), (high, 1.3)]]
            {
                chart.draw_series(LineSeries::new(line, colour.stroke_width(3)))?;
            }
        }
        chart.draw_series([Circle::new((of.effect, 1.0), 6, colour.filled())])?;
        Ok(())
    })
}

fn axis<X, Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, plotters::coord::cartesian::Cartesian2d<X, Y>>,
    figure: &dyn Fn(f64) -> String,
) -> Drawn
where
    X: plotters::coord::ranged1d::Ranged<ValueType = f64>
        + plotters::coord::ranged1d::ValueFormatter<f64>,
    Y: plotters::coord::ranged1d::Ranged<ValueType = f64>
        + plotters::coord::ranged1d::ValueFormatter<f64>,
{
    // Of marks that read the same, the first has the label.
    let known: RefCell<BTreeMap<String, f64>> = RefCell::default();
    let label = |value: &f64| {
        let text = figure(*value);
        let first = *known.borrow_mut().entry(text.clone()).or_insert(*value);
        if first.to_bits() == value.to_bits() { text } else { String::new() }
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.25))
        .axis_style(GREY.mix(0.6))
        .label_style(("sans-serif", 12))
        .x_labels(4)
        .x_label_formatter(&label)
        .draw()?;
    Ok(())
}

/// From the lowest to the highest value, with room at both ends.
fn around(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if !low.is_finite() || !high.is_finite() {
        return 0.0..1.0;
    }
    let room = ((high - low) * 0.12).max(high.abs() * 0.02).max(f64::MIN_POSITIVE * 1e10);
    low - room..high + room
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: ChangeStrip = ChangeStrip {
        effect: 0.1,
        interval: Some((0.08, 0.12)),
        margin: 0.05,
        bad: BadSide::Right,
        colour: StripColour::Bad,
    };

    #[test]
    fn each_run_is_a_dot_and_each_side_has_its_median() {
        let svg = dots([&[1.0, 2.0, 3.0], &[2.0, 4.0]], [2.0, 3.0], |value| format!("{value} x"));
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains("3 x") && svg.contains(">\nB\n") && svg.contains(">\nA\n"), "{svg}");
        // Values that are all the same have an axis, too.
        assert!(dots([&[0.0], &[0.0]], [0.0, 0.0], |value| format!("{value}")).contains("<circle"));
    }

    #[test]
    fn an_interval_is_drawn_where_there_is_one() {
        let count =
            |of: &ChangeStrip| change(of, |_| String::new()).matches("stroke-width=\"3\"").count();
        assert_eq!(count(&OF), 3);
        assert_eq!(count(&ChangeStrip { interval: None, ..OF }), 0);
        assert_eq!(change(&ChangeStrip { effect: f64::INFINITY, ..OF }, |_| String::new()), "");
    }
}
