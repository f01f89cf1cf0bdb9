//! Metrics that are scraped from exporters during the run.

use crate::catalogue::MonitorStat;
use crate::plan::elements::http::header_secret::check_secret;
use crate::plan::elements::target::address;
use crate::plan::error::Errors;
use crate::plan::names::{self, NameKind};
use crate::plan::raw::{At, Field, Named, Read, read, table, time, time_within, wrong_type};
use crate::plan::suggest::did_you_mean;
use crate::plan::text::Text;
use crate::plan::tree::{Key, Node, Value};
use crate::plan::{HttpUrl, Metric, Site};
use crate::units::{Time, exposition, is_printable, narrow};
use ::http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// The most monitors of a plan, and the most metrics of a monitor.
const MOST: usize = 50;

/// The shortest interval: what reads more often measures itself.
const SHORTEST: Time = Time(Duration::from_secs(1));

/// An exporter of metrics that is read beside the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// The name in the plan: `lb`.
    pub name: String,
    /// Where the metrics are, as the plan has it.
    pub written: String,
    /// The same, read.
    pub url: HttpUrl,
    /// More headers of the request, by lower-case name; values may come from the environment.
    pub headers: Vec<(String, String)>,
    /// The metrics to read; at least one.
    pub metrics: Vec<MonitoredMetric>,
    /// How often; at least a second.
    pub every: Time,
    /// How long a response may take.
    pub timeout: Time,
}

/// One value of a monitor: the sum of all series that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitoredMetric {
    /// The name in thresholds and reports: `sessions`.
    pub name: String,
    /// The name that the exporter gives it: `haproxy_frontend_current_sessions`.
    pub metric: String,
    /// The labels that a series must have, with their values; others may be there.
    pub labels: Vec<(String, String)>,
}

impl MonitoredMetric {
    /// The value in a response: the sum of all series that match; `None` where none does, or one of
    /// them has no finite value.
    pub fn value_in(&self, text: &str) -> Option<f64> {
        let lines = text.lines().filter(|line| line.trim_start().starts_with(&self.metric));
        let matching = lines.filter_map(exposition::sample).filter(|(series, _)| {
            let has = |label: &str, value: &str| {
                series.labels.iter().any(|(own, is)| *own == label && is == value)
            };
            series.metric == self.metric && self.labels.iter().all(|(own, is)| has(own, is))
        });
        let sum = matching.map(|(_, value)| value).reduce(|sum, value| sum + value)?;
        sum.is_finite().then_some(sum)
    }
}

table! {
    /// An exporter of metrics that is read beside the load.
    #[schemars(rename = "Monitor")]
    RawMonitor, "a monitor", in "`[monitors.NAME]`",
    must {
        /// Where the exporter serves metrics in the text format of Prometheus.
        url: Text = "url = \"http://127.0.0.1:9100/metrics\"",
        /// The metrics to read: names, with labels or without, or a table of names and selectors.
        /// Series that match are added up.
        metrics: RawMetrics = "metrics = [\"node_load1\"]",
    }
    may {
        /// More headers of the request: `{ authorization = "Bearer ${env.TOKEN}" }`.
        headers: Named<Text>,
        /// How often to read. Default: `2s`.
        every: Time,
        /// How long a response may take; at most `every`. Default: `every`, at most `5s`.
        timeout: Time,
    }
}

/// Selectors, each with a name or named after its metric.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawMetrics {
    List(Vec<At<Text>>),
    Named(Named<Text>),
}

impl Read for RawMetrics {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::List(items) => {
                let item =
                    |item: &Node| read::<Text>(item, errors).map(|value| At { at: item.at, value });
                let list: Vec<_> = items.iter().filter_map(item).collect();
                (!list.is_empty() || items.is_empty()).then_some(Self::List(list))
            }
            Value::Table(_) => <Named<Text> as Read>::read(node, errors).map(Self::Named),
            _ => {
                wrong_type(node, "a list or a table of metrics", errors)
                    .help("write for example `metrics = [\"node_load1\"]`");
                None
            }
        }
    }
}

impl JsonSchema for RawMetrics {
    fn schema_name() -> Cow<'static, str> {
        "MonitorMetrics".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            { "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1 },
        ] })
    }
}

/// The monitors of a plan.
pub(super) fn monitors(raw: &Field<Named<RawMonitor>>, errors: &mut Errors) -> Vec<Monitor> {
    let Some(given) = raw.given() else { return Vec::new() };
    if let Some((key, _)) = given.value.0.get(MOST) {
        errors.add(key.at, format!("a plan has at most {MOST} monitors"));
    }
    for (key, _) in &given.value.0 {
        names::check(&key.name, NameKind::Word, key.at, errors);
    }
    given.value.read().filter_map(|(key, raw)| monitor(key, &raw.value, errors)).collect()
}

fn monitor(key: &Key, raw: &RawMonitor, errors: &mut Errors) -> Option<Monitor> {
    let every = time(&raw.every, "every", Time(Duration::from_secs(2)), errors);
    if let Some(given) = raw.every.given().filter(|_| every < SHORTEST) {
        errors
            .add(given.at, format!("a monitor is read at most once a second, not every {every}"))
            .help("write a second or more: `every = \"1s\"`");
    }
    let usual = every.min(Time(Duration::from_secs(5)));
    let timeout = time_within(&raw.timeout, "timeout", usual, (every, "every"), errors);
    let url = url(&raw.url, errors);
    let headers = headers(&raw.headers, errors);
    let metrics = metrics(&raw.metrics, errors);
    let (written, url) = url?;
    Some(Monitor { name: key.name.clone(), written, url, headers, metrics, every, timeout })
}

fn url(field: &Field<Text>, errors: &mut Errors) -> Option<(String, HttpUrl)> {
    let given = field.given()?;
    let written = names::public(given, errors)?;
    match address::url(written) {
        Ok(HttpUrl { site: Site::Socket(_), .. }) => {
            errors
                .add(given.at, "a monitor cannot be read by a Unix socket")
                .help("write a URL: `url = \"http://127.0.0.1:9100/metrics\"`");
            None
        }
        Ok(url) => Some((written.to_owned(), url)),
        Err(problem) => {
            let message = problem.message.replace("an http target is", "a monitor's `url` is");
            let help = if written.contains("://") {
                problem.help
            } else {
                Some(format!("write `\"http://{}/metrics\"`", written.trim_end_matches('/')))
            };
            errors.add(given.at, message).help = help;
            None
        }
    }
}

fn headers(field: &Field<Named<Text>>, errors: &mut Errors) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (key, given) in field.value().into_iter().flat_map(Named::read) {
        let name = key.name.to_lowercase();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            errors
                .add(key.at, "invalid header name")
                .help("use letters, digits and `-`: `authorization`");
        }
        check_secret(&given.value, &format!("value of the header `{name}`"), given.at, errors);
        headers.push((name, given.value.value.clone()));
    }
    headers
}

fn metrics(field: &Field<RawMetrics>, errors: &mut Errors) -> Vec<MonitoredMetric> {
    let Some(given) = field.given() else { return Vec::new() };
    let mut metrics: Vec<MonitoredMetric> = Vec::new();
    let mut add = |metric: Option<MonitoredMetric>, at, errors: &mut Errors| {
        let Some(metric) = metric else { return };
        if metrics.iter().any(|known| known.name == metric.name) {
            let name = &metric.name;
            errors.add(at, format!("this monitor has two metrics named `{name}`")).help(format!(
                "give them names: `metrics = {{ one = '{name}{{…}}', other = '{name}{{…}}' }}`"
            ));
        }
        metrics.push(metric);
    };
    let count = match &given.value {
        RawMetrics::List(list) => {
            for one in list {
                add(selector(None, one, errors), one.at, errors);
            }
            list.len()
        }
        RawMetrics::Named(named) => {
            for (key, one) in named.read() {
                names::check(&key.name, NameKind::Word, key.at, errors);
                add(selector(Some(&key.name), one, errors), key.at, errors);
            }
            named.0.len()
        }
    };
    if count == 0 {
        errors
            .add(given.at, "expected at least one metric, found an empty list or table")
            .help("write for example `metrics = [\"node_load1\"]`");
    }
    if count > MOST {
        errors.add(given.at, format!("a monitor reads at most {MOST} metrics"));
    }
    metrics
}

/// Reads `node_load1` or `haproxy_backend_status{proxy="web"}`.
fn selector(name: Option<&str>, given: &At<Text>, errors: &mut Errors) -> Option<MonitoredMetric> {
    let written = names::public(given, errors)?;
    let found = exposition::series(written.trim()).filter(|(_, rest)| rest.is_empty());
    let found = found.filter(|_| written.chars().all(is_printable));
    let Some((series, _)) = found else {
        errors
            .add(given.at, format!("expected the name of a metric, found `{}`", given.value.shown))
            .help("write a name, with labels where it takes them: `'haproxy_frontend_current_sessions{proxy=\"web\"}'`");
        return None;
    };
    let labels = series.labels.iter();
    Some(MonitoredMetric {
        name: name.unwrap_or(series.metric).to_owned(),
        metric: series.metric.to_owned(),
        labels: labels.map(|(label, value)| ((*label).to_owned(), value.to_string())).collect(),
    })
}

/// The prefix of a monitor's name in a threshold.
const PREFIX: &str = "monitor.";

/// The metric that a threshold names: `monitor.lb.node_load1.max`. `None`: it names no monitor. An
/// error: a message and its help.
pub(in crate::plan) fn metric(
    name: &str,
    monitors: &[Monitor],
) -> Option<Result<Metric, (String, String)>> {
    let rest = name.strip_prefix(PREFIX).or_else(|| name.strip_prefix("monitors."))?;
    let wrong = |message: String, help: String| Some(Err((message, help)));
    if monitors.is_empty() {
        return wrong(
            "this plan has no monitors".to_owned(),
            "add `[monitors.lb]` with `url = \"http://127.0.0.1:9100/metrics\"` and `metrics = [\"node_load1\"]`".to_owned(),
        );
    }
    let of = |monitor: &Monitor| {
        rest.strip_prefix(&monitor.name).and_then(|rest| rest.strip_prefix('.')).is_some()
    };
    // Names may have dots: the longest that fits is meant.
    let fitting = monitors.iter().enumerate().filter(|(_, monitor)| of(monitor));
    let Some((at, monitor)) = fitting.max_by_key(|(_, monitor)| monitor.name.len()) else {
        let named = rest.split('.').next().unwrap_or(rest);
        let known = monitors.iter().map(|monitor| monitor.name.as_str());
        return wrong(
            format!("this plan has no monitor `{named}`"),
            did_you_mean(named, known, "its monitors are"),
        );
    };
    let rest = &rest[monitor.name.len() + 1..];
    let whole = || monitor.metrics.iter().find(|metric| metric.name == rest);
    let stats = MonitorStat::names();
    let Some((metric, stat)) = rest.rsplit_once('.').filter(|_| whole().is_none()) else {
        let example = format!("{PREFIX}{}.{rest}.max", monitor.name);
        return wrong(
            format!("`{name}` needs a statistic"),
            format!("write for example `{example}`; there are {stats}"),
        );
    };
    let Some(index) = monitor.metrics.iter().position(|one| one.name == metric) else {
        let known = monitor.metrics.iter().map(|one| one.name.as_str());
        return wrong(
            format!("monitor `{}` does not read `{metric}`", monitor.name),
            did_you_mean(metric, known, "it reads"),
        );
    };
    let Some(stat) = MonitorStat::named(stat) else {
        return wrong(format!("a monitor has no statistic `{stat}`"), format!("there are {stats}"));
    };
    Some(Ok(Metric::Monitor { monitor: narrow(at), metric: narrow(index), stat }))
}
