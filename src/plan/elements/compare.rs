//! How often a plan is run, and what its runs are compared with.

use crate::plan::elements::scenario::Context;
use crate::plan::elements::target;
use crate::plan::elements::target::user::User;
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, Named, OneOrMany, table};
use crate::plan::suggest::{did_you_mean, nearest};
use crate::plan::text::Text;
use crate::plan::{Metric, Scenario};
use crate::units::{Count, Ratio};
use serde::{Deserialize, Serialize};

/// The most runs of one side.
pub const MOST_RUNS: u64 = 100;

/// The default number of runs of one side.
pub const DEFAULT_RUNS: u64 = 5;

/// Margins below this are finer than what histograms round to.
const SMALLEST_MARGIN: Ratio = Ratio(0.005);

/// Two sides that are run in turns, A B B A, and compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompareSettings {
    /// Targets of side A that have another address than in `[targets]`, as `--target` takes them:
    /// `lb=10.0.0.1:80`.
    pub a: Vec<String>,
    /// The addresses of side B.
    pub b: Vec<String>,
    /// How much worse times and rates of B may be: a part of those of A.
    pub margin: Ratio,
    /// How much worse ratios of B may be: a difference.
    pub points: Ratio,
    /// The metrics compared instead of the default ones.
    pub metrics: Vec<Metric>,
}

impl CompareSettings {
    /// Whether both sides are the same targets: then what differs is noise.
    pub fn is_aa(&self) -> bool {
        self.a == self.b
    }
}

impl Default for CompareSettings {
    fn default() -> Self {
        let (a, b, metrics) = (Vec::new(), Vec::new(), Vec::new());
        Self { a, b, margin: Ratio(0.05), points: Ratio(0.001), metrics }
    }
}

/// Addresses of targets, by their names.
type Addresses = Named<OneOrMany<Text>>;

table! {
    /// Runs the plan against A and B in turns, and compares them. Without `a` and `b` both are the
    /// plan's own targets: an A/A comparison, which prints the smallest change that can be seen.
    #[schemars(rename = "Compare")]
    RawCompare, "`compare`", in "`[compare]`",
    must {}
    may {
        /// Addresses of side A, by the names of targets: `a = { lb = "10.0.0.1:80" }`. Default:
        /// those in `[targets]`.
        a: Addresses,
        /// Addresses of side B. Default: those in `[targets]`.
        b: Addresses,
        /// How much worse times and rates of B may be. Default: `5%`.
        margin: Ratio,
        /// How much worse ratios of B, such as `failure_ratio`, may be. Default: `0.1%`.
        points: Ratio,
        /// The metrics to compare, as in thresholds. Default: the failure ratio, the rate, p50 and
        /// p99, and the times and rates that thresholds name.
        metrics: OneOrMany<Text>,
    }
}

/// How often the plan is run; `None`: the plan does not say.
pub(in crate::plan) fn repeat(
    field: &Field<Count>,
    searches: bool,
    errors: &mut Errors,
) -> Option<u64> {
    let given = field.given()?;
    if !(1..=MOST_RUNS).contains(&given.value.0) {
        errors
            .add(given.at, format!("expected from 1 to {MOST_RUNS} runs"))
            .help("write for example `repeat = 5`");
    }
    if let (Some(key), true) = (field.key(), searches) {
        no_search(key, "repeat", errors);
    }
    Some(given.value.0)
}

fn no_search(at: crate::plan::span::Span, key: &str, errors: &mut Errors) {
    errors
        .add(at, format!("a plan has `search` or `{key}`, not both"))
        .help("remove one of them; a search confirms its level by itself: `confirm = 2`");
}

pub(in crate::plan) fn compare(
    field: &Field<RawCompare>,
    (scenarios, users): (&[Scenario], &[User<'_>]),
    context: &Context<'_>,
    searches: bool,
    errors: &mut Errors,
) -> Option<CompareSettings> {
    let raw = field.value()?;
    if let (Some(key), true) = (field.key(), searches) {
        no_search(key, "compare", errors);
    }
    let default = CompareSettings::default();
    Some(CompareSettings {
        a: side(&raw.a, users, context, errors),
        b: side(&raw.b, users, context, errors),
        margin: margin(&raw.margin, default.margin, errors),
        points: raw.points.value().copied().unwrap_or(default.points),
        metrics: metrics(&raw.metrics, scenarios, errors),
    })
}

/// The addresses of a side, as `--target` takes them.
fn side(
    field: &Field<Addresses>,
    users: &[User<'_>],
    context: &Context<'_>,
    errors: &mut Errors,
) -> Vec<String> {
    let Some(Named(named)) = field.value() else { return Vec::new() };
    let mut all = Vec::new();
    for (key, addresses) in named {
        let names = &context.target_names;
        let Some(index) = names.iter().position(|name| *name == key.name) else {
            if context.targets_known {
                errors
                    .add(key.at, format!("the plan has no target `{}`", key.name))
                    .help(did_you_mean(&key.name, names.iter().copied(), "its targets are"));
            }
            continue;
        };
        let Some(addresses) = addresses else { continue };
        let protocol = users.iter().find(|user| user.target == index).map(|user| user.protocol);
        target::check_addresses(addresses, protocol, errors);
        for one in addresses.value.0.iter().filter(|one| one.value.shown.contains(',')) {
            errors
                .add(one.at, "an address in `compare` cannot have a comma")
                .help("write a list for several addresses: `[\"10.0.0.1:80\", \"10.0.0.2:80\"]`");
        }
        let shown: Vec<&str> =
            addresses.value.0.iter().map(|one| one.value.shown.as_str()).collect();
        all.push(format!("{}={}", key.name, shown.join(",")));
    }
    all
}

fn margin(field: &Field<Ratio>, default: Ratio, errors: &mut Errors) -> Ratio {
    let Some(given) = field.given() else { return default };
    if given.value.0 < SMALLEST_MARGIN.0 {
        errors
            .add(given.at, format!("a margin of {} is finer than what is measured", given.value))
            .help(format!("write at least `margin = \"{SMALLEST_MARGIN}\"`"));
    }
    given.value
}

fn metrics(
    field: &Field<OneOrMany<Text>>,
    scenarios: &[Scenario],
    errors: &mut Errors,
) -> Vec<Metric> {
    let Some(OneOrMany(all)) = field.value() else { return Vec::new() };
    all.iter().filter_map(|one| metric(one, scenarios, errors)).collect()
}

fn metric(given: &At<Text>, scenarios: &[Scenario], errors: &mut Errors) -> Option<Metric> {
    let name = given.value.value.as_str();
    let is_measured =
        |metric: &Metric| scenarios.iter().any(|one| metric.is_of(one.protocol.kind()));
    let Some(metric) = Metric::named(name) else {
        let known: Vec<String> =
            Metric::all().filter(is_measured).map(|metric| metric.to_string()).collect();
        let help = nearest(name, known.iter().map(String::as_str)).map_or_else(
            || "the metrics are those of thresholds: `service_time.p99`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        errors.add(given.at, format!("there is no metric `{}`", given.value.shown)).help(help);
        return None;
    };
    if !scenarios.is_empty() && !is_measured(&metric) {
        errors
            .add(given.at, format!("no scenario of this plan measures `{metric}`"))
            .help(format!("it is measured in {}", metric.row().protocols));
    }
    Some(metric)
}
