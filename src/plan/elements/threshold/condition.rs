//! Turns `connect.time.p99 < 1s` into a metric, a comparison and a bound.

use crate::catalogue::{Better, MetricUnit, ProtocolKind, within};
use crate::plan::elements::monitor::{self, Monitor};
use crate::plan::elements::threshold::relative::{self, BoundChange};
use crate::plan::suggest::{did_you_mean, most_shared, nearest};
use crate::plan::{Bound, Comparison, Metric, Stat, TimeMetric, foreign};
use crate::units::{Count, Rate, Ratio, Time, UnitError};
use std::ops::Range;

/// A threshold's text, understood.
pub(in crate::plan) struct Condition {
    pub metric: Metric,
    pub comparison: Comparison,
    /// Not a number where it is relative.
    pub bound: Bound,
    /// How far it is from the baseline, and where that stands in the text.
    pub change: Option<(BoundChange, Range<usize>)>,
}

/// The error, and its place in the text.
pub(in crate::plan) struct ConditionError {
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl ConditionError {
    fn new(range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: Some(help.into()) }
    }
}

/// The text before and after the name of a check.
const ONE_CHECK: &str = "check.";
const OF_CHECK: &str = ".success_ratio";

const GRAMMAR: &str =
    "write `metric comparison bound`: `connect.time.p99 < 1s`, `failure_ratio <= 0.1%`";

/// Where the comparison begins; a check's name may have its signs in it.
pub(in crate::plan) fn end_of_metric(text: &str) -> Option<usize> {
    let named = text.trim_start().starts_with(ONE_CHECK);
    let end = text.rfind(OF_CHECK).filter(|_| named).map_or(0, |at| at + OF_CHECK.len());
    text[end..].find(['<', '>', '=', '!']).map(|at| end + at)
}

/// Reads `metric comparison bound`; `checks` are the names of the scenario's checks, `monitors`
/// those of the plan.
pub(in crate::plan) fn parse(
    text: &str,
    protocol: ProtocolKind,
    checks: &[String],
    monitors: &[Monitor],
) -> Result<Condition, ConditionError> {
    let whole = 0..text.len();
    let Some(start) = end_of_metric(text) else {
        let message = if text.trim().is_empty() {
            "a threshold cannot be empty"
        } else {
            "this threshold has no comparison"
        };
        return Err(ConditionError::new(whole, message, GRAMMAR));
    };
    let signs = text[start..]
        .find(|c| !['<', '>', '=', '!'].contains(&c))
        .map_or(text.len(), |length| start + length);
    let comparison = comparison(&text[start..signs]).map_err(|help| {
        ConditionError::new(
            start..signs,
            format!("`{}` is not a comparison", &text[start..signs]),
            help,
        )
    })?;
    if let Some(second) = text[signs..].find(['<', '>', '=', '!']) {
        let second = signs + second;
        return Err(ConditionError::new(
            second..second + 1,
            "a threshold has one comparison",
            format!("{GRAMMAR}; write two thresholds for two bounds"),
        ));
    }
    let metric_range = trimmed(text, 0..start);
    let bound_range = trimmed(text, signs..text.len());
    if metric_range.is_empty() {
        return Err(ConditionError::new(start..signs, "the metric is missing", GRAMMAR));
    }
    let metric = metric(&text[metric_range.clone()], protocol, checks, monitors)
        .map_err(|(message, help)| ConditionError::new(metric_range.clone(), message, help))?;
    let name = text[metric_range.clone()].to_owned();
    if bound_range.is_empty() {
        let help = example(metric).replace(&metric.to_string(), &name);
        return Err(ConditionError::new(start..signs, "the bound is missing", help));
    }
    let written = &text[bound_range.clone()];
    let wrong_bound = |(message, help): (String, Option<String>)| {
        // The name of a check or monitor is known only here.
        let named = |text: String| text.replace(&metric.to_string(), &name);
        let (message, help) = (named(message), help.map(named));
        ConditionError { range: bound_range.clone(), message, help }
    };
    let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    if let Some(change) = relative::change(written, metric, is_equality) {
        let change = change.map_err(wrong_bound)?;
        let bound = Bound(f64::NAN);
        return Ok(Condition { metric, comparison, bound, change: Some((change, bound_range)) });
    }
    let bound = bound(written, metric).map_err(wrong_bound)?;
    if let Some((message, help)) = pointless(metric, comparison, bound) {
        return Err(ConditionError::new(whole, message, help));
    }
    Ok(Condition { metric, comparison, bound, change: None })
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

fn comparison(signs: &str) -> Result<Comparison, String> {
    Ok(match signs {
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" => Comparison::Greater,
        ">=" => Comparison::AtLeast,
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "=" => return Err("write `==`".to_owned()),
        "=<" => return Err("write `<=`".to_owned()),
        "=>" => return Err("write `>=`".to_owned()),
        "<>" => return Err("write `!=`".to_owned()),
        _ => return Err("write one of `<`, `<=`, `>`, `>=`, `==`, `!=`".to_owned()),
    })
}

/// The metric of a name, if this protocol measures it.
fn metric(
    name: &str,
    protocol: ProtocolKind,
    checks: &[String],
    monitors: &[Monitor],
) -> Result<Metric, (String, String)> {
    if let Some(metric) = monitor::metric(name, monitors) {
        return metric;
    }
    let one = name.strip_prefix(ONE_CHECK).and_then(|rest| rest.strip_suffix(OF_CHECK));
    if let Some(one) = one.filter(|_| Metric::Check(0).is_of(protocol)) {
        return named_check(one, checks);
    }
    let mine = protocol.name();
    let is_mine = |metric: &Metric| metric.is_of(protocol);
    let known: Vec<String> =
        Metric::all().filter(is_mine).map(|metric| metric.to_string()).collect();
    if let Some(time) = within(name).filter(|_| measures_within(protocol)) {
        return answered_within(time);
    }
    if let Some(metric) = Metric::named(name) {
        if is_mine(&metric) {
            return Ok(metric);
        }
        let others = metric.row().protocols;
        return Err((
            format!("`{name}` is measured in {others}, and this scenario is {mine}"),
            format!("{mine} measures {}", families(protocol)),
        ));
    }
    if let Some(time) = TimeMetric::named(name) {
        return Err((
            format!("`{name}` is a distribution: it needs a statistic"),
            format!("write for example `{time}.p99`; there are {}", figures()),
        ));
    }
    if let Some((time, figure)) = split_figure(name) {
        let near = foreign::figure(&figure.to_ascii_lowercase()).map(Stat::name);
        let help = match near.or_else(|| nearest(figure, Stat::ALL.iter().map(|stat| stat.name())))
        {
            Some(near) => format!("did you mean `{time}.{near}`? There are {}", figures()),
            None => format!("there are {}", figures()),
        };
        return Err((format!("`{time}` has no statistic `{figure}`"), help));
    }
    if let Some(rest) = name.strip_prefix("within.").filter(|_| measures_within(protocol)) {
        let time = rest.split_once('.').map_or(rest, |(time, _)| time);
        let time = time.parse::<Time>().map_or("200ms", |_| time);
        let help = format!("write `within.{time}.ratio >= 99%`");
        return Err((format!("there is no metric `{name}`"), help));
    }
    let near = foreign::metric(name, protocol).map(|metric| metric.to_string());
    let words = || known.iter().map(String::as_str);
    let near = near.or_else(|| {
        nearest(name, words()).or_else(|| most_shared(name, words())).map(str::to_owned)
    });
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{mine} measures {}", families(protocol)),
    };
    Err((format!("there is no metric `{name}`"), help))
}

/// Whether responses within a time are counted.
fn measures_within(protocol: ProtocolKind) -> bool {
    Metric::Within(Time::default()).is_of(protocol)
}

/// The metric of responses within a time.
fn answered_within(text: &str) -> Result<Metric, (String, String)> {
    let example = "write a time with its unit: `within.200ms.ratio >= 99%`".to_owned();
    match text.parse::<Time>() {
        Ok(time) if time == Time::default() => {
            Err(("expected a time longer than zero".to_owned(), example))
        }
        Ok(time) => Ok(Metric::Within(time)),
        Err(UnitError { message, .. }) => {
            let plain = text.parse::<f64>().is_ok_and(f64::is_finite);
            let help = if plain {
                format!("write `within.{text}s.ratio` or `within.{text}ms.ratio`")
            } else {
                example
            };
            Err((message, help))
        }
    }
}

/// The metric of a check.
fn named_check(name: &str, checks: &[String]) -> Result<Metric, (String, String)> {
    let at = checks.iter().position(|one| one == name);
    if let Some(at) = at.and_then(|at| u16::try_from(at).ok()) {
        return Ok(Metric::Check(at));
    }
    let help = if checks.is_empty() {
        "write what a response must be: `expect = { status = 200 }`".to_owned()
    } else {
        let known = checks.iter().map(String::as_str);
        did_you_mean(name, known, "its checks are")
    };
    Err((format!("this scenario has no check `{name}`"), help))
}

/// A known distribution and the text after it.
fn split_figure(name: &str) -> Option<(TimeMetric, &str)> {
    TimeMetric::ALL.iter().find_map(|time| {
        let figure = name.strip_prefix(time.name())?.strip_prefix('.')?;
        Some((*time, figure))
    })
}

fn figures() -> String {
    Stat::ALL.iter().map(|stat| stat.name()).collect::<Vec<_>>().join(", ")
}

/// The metrics of a protocol, distributions with a star.
fn families(protocol: ProtocolKind) -> String {
    let mut names = Metric::families(|row| row.is_of(protocol));
    if measures_within(protocol) {
        names.push("within.200ms.ratio (or any other time)".to_owned());
    }
    names.join(", ")
}

/// The bound, in the metric's own unit.
fn bound(text: &str, metric: Metric) -> Result<Bound, (String, Option<String>)> {
    let unit = metric.row().unit;
    let value = match unit {
        MetricUnit::Number => number(text),
        MetricUnit::Count => text.parse::<Count>().map(|count| count.0 as f64),
        MetricUnit::Ratio => unambiguous(text).map(|ratio| ratio.0),
        MetricUnit::PerSecond | MetricUnit::BytesPerSecond => text.parse::<Rate>().map(Rate::value),
        MetricUnit::Time => text.parse::<Time>().map(|time| time.as_nanos() as f64),
    };
    value.map(Bound).map_err(|UnitError { message, help }| {
        let is = [
            (text.parse::<Time>().is_ok(), "a time"),
            (text.parse::<Rate>().is_ok(), "a rate"),
            (text.ends_with('%') && text.parse::<Ratio>().is_ok(), "a ratio"),
            (text.parse::<Count>().is_ok(), "a number"),
        ];
        match is.iter().find(|(is, _)| *is) {
            // A number that only lacks its unit gets a more specific hint.
            Some((_, "a number")) if !metric.is_ratio() => (message, help),
            Some((_, is)) if *is != "a number" => {
                let message = format!("`{text}` is {is}, and `{metric}` is {}", unit.name());
                let help = example(metric);
                let relative = format!("{help}; relative to a baseline: `{metric} <= +{text}`");
                (message, Some(if *is == "a ratio" { relative } else { help }))
            }
            _ => (message, help),
        }
    })
}

/// A number of any unit: `0.5`, `-3`, `10k`.
fn number(text: &str) -> Result<f64, UnitError> {
    let plain = text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite());
    plain.map_or_else(|| text.parse::<Count>().map(|count| count.0 as f64), Ok)
}

/// A ratio; a bare 1 is all to those who count from 0 to 1, and one in a hundred to those who think
/// in percent.
fn unambiguous(text: &str) -> Result<Ratio, UnitError> {
    let ratio: Ratio = text.parse()?;
    if ratio == Ratio(1.0) && !text.contains('%') {
        return Err(UnitError {
            message: format!("`{text}` may be 1% or 100%"),
            help: Some("write `1%` for one in a hundred, `100%` for all".to_owned()),
        });
    }
    Ok(ratio)
}

fn example(metric: Metric) -> String {
    let row = metric.row();
    let bound = match (row.unit, row.better) {
        (MetricUnit::Count, _) => "== 0",
        (MetricUnit::Ratio, Better::Lower) => "< 0.1%",
        (MetricUnit::Ratio, Better::Higher | Better::Neither) => ">= 99.9%",
        (MetricUnit::PerSecond | MetricUnit::BytesPerSecond, _) => ">= 1000/s",
        (MetricUnit::Time, _) => "< 100ms",
        (MetricUnit::Number, _) => "< 8",
    };
    format!("write for example `{metric} {bound}`")
}

/// A threshold that holds always, or never, says nothing about the target.
fn pointless(
    metric: Metric,
    comparison: Comparison,
    Bound(bound): Bound,
) -> Option<(String, String)> {
    let lowest = metric.row().unit.lowest();
    let highest = metric.row().unit.highest();
    let at_lowest = lowest.is_some_and(|lowest| bound <= lowest);
    let at_highest = highest.is_some_and(|highest| bound >= highest);
    let word = match comparison {
        Comparison::Less if at_lowest => "never",
        Comparison::AtLeast if at_lowest => "always",
        Comparison::Greater if at_highest => "never",
        Comparison::AtMost if at_highest => "always",
        _ => return None,
    };
    let hint = match (comparison, at_lowest) {
        (Comparison::Less, _) => format!("write `{metric} == 0` if it must be zero"),
        (Comparison::Greater, _) => format!("write `{metric} == 100%` if it must be all"),
        _ => "write a bound that the target can miss".to_owned(),
    };
    Some((format!("this {word} holds, regardless of the target"), hint))
}
