//! Thresholds: the conditions of a PASS.

pub(in crate::plan) mod condition;
pub(in crate::plan) mod default;
pub(in crate::plan) mod expected;
pub(in crate::plan) mod lowering;
pub(in crate::plan) mod reach;
pub(in crate::plan) mod relative;
pub(in crate::plan) mod request_scope;

use crate::plan::elements::threshold::relative::RelativeBound;
use crate::plan::error::Errors;
use crate::plan::raw::{At, Read, table, words, wrong_type};
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::plan::{Metric, earlier};
use crate::units::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// `metric comparison bound`, and where and when it is evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The condition as the plan has it, printed everywhere as it is written:
    /// `connect.time.p99 < 1s`.
    pub condition: String,
    /// The line in the plan's file, from 1.
    pub line: usize,
    /// Whether it is a default, because the scenario has no thresholds.
    pub is_default: bool,
    /// The metric.
    pub metric: Metric,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what; of a relative bound not a number until the baseline has been read.
    pub bound: Bound,
    /// The relative bound that it was written as, if it was.
    pub relative: Option<RelativeBound>,
    /// Which stages it looks at.
    pub scope: Scope,
    /// Which requests of them.
    pub requests: RequestScope,
    /// Which parts of them.
    pub during: During,
    /// It must hold in every window of this length inside its scope; `None` looks at the scope as a
    /// whole. At least one second.
    pub window: Option<Time>,
    /// Stop the run as soon as it is broken.
    pub abort: bool,
    /// Live checks are not made this long after the scope's start.
    pub grace: Time,
}

impl Threshold {
    /// Makes a relative bound absolute by the figure of the baseline, in the metric's unit.
    pub fn set_baseline(&mut self, figure: f64) {
        if let Some(relative) = &mut self.relative {
            relative.figure = Some(figure);
            self.bound = Bound(relative.change.bound(figure));
        }
    }

    /// The figure of the baseline, in the metric's unit.
    pub fn baseline(&self) -> Option<f64> {
        self.relative.as_ref().and_then(|relative| relative.figure)
    }

    /// The absolute value of a relative bound: `21.0 ms; baseline 20.0 ms`.
    pub fn against(&self) -> Option<String> {
        let Bound(bound) = self.bound;
        self.baseline().map(|figure| {
            format!("{}; baseline {}", self.metric.figure(bound), self.metric.figure(figure))
        })
    }

    /// The condition, and what a relative bound comes to.
    pub fn words(&self) -> Cow<'_, str> {
        self.against().map_or(Cow::Borrowed(&self.condition), |against| {
            Cow::Owned(format!("{} [{against}]", self.condition))
        })
    }
}

/// The relation that must hold between value and bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Whether `value comparison bound` is so.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        #[expect(clippy::float_cmp, reason = "`== 0` and `== 100%` are asked of exact counts")]
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Greater => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}

/// The bound in the metric's unit: a ratio 0 to 1, nanoseconds, a count, things a second, bytes a
/// second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound(pub f64);

/// Which stages a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All stages but warm-ups, as one.
    Scenario,
    /// Each stage but warm-ups, by itself.
    EachStage,
    /// One stage: index into `Scenario::stages`.
    Stage(usize),
}

/// http: which requests a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RequestScope {
    /// All of them, as one.
    #[default]
    All,
    /// Each by itself.
    Each,
    /// One: index into `Http::requests`.
    One(u16),
}

/// Which phases of its stages a threshold covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum During {
    /// The ramps.
    Ramp,
    /// The holds.
    Hold,
    /// Ramps, holds and the drain.
    All,
}

impl During {
    /// The word in plans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Hold => "hold",
            Self::All => "all",
        }
    }
}

words! {
    /// Which phases of its stages a threshold covers.
    DuringWord {
        /// The ramps.
        Ramp = "ramp",
        /// The holds.
        Hold = "hold",
        /// Ramps, holds and the drain.
        All = "all",
    }
}

/// A threshold: its text, or a table with it.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawThreshold {
    Text(At<Text>),
    Table(Box<RawThresholdTable>),
}

impl Read for RawThreshold {
    const LIST: Option<&'static str> = Some(
        "write for example `thresholds = [\"service_time.p95 < 200ms\", \"failure_ratio < 1%\"]`",
    );

    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(Self::Text(At { at: node.at, value: text.clone() })),
            Value::Table(_) => {
                let renamed = earlier::with_condition(node, errors);
                RawThresholdTable::read(renamed.as_ref().unwrap_or(node), errors)
                    .map(|raw| Self::Table(Box::new(raw)))
            }
            _ => {
                wrong_type(node, "a threshold (a string or a table)", errors)
                    .help("write for example `\"failure_ratio < 1%\"`");
                None
            }
        }
    }
}

impl JsonSchema for RawThreshold {
    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<RawThresholdTable>();
        json_schema!({ "anyOf": [{ "type": "string" }, table] })
    }
}

table! {
    /// A threshold, and where and when it applies.
    #[schemars(rename = "ThresholdTable")]
    RawThresholdTable, "a threshold", in "`thresholds = [{ … }]` of a scenario",
    must {
        /// `metric comparison bound`: `connect.time.p99 < 1s`; or relative to the plan's
        /// `baseline`: `service_time.p99 <= +5%`, of ratios `failure_ratio <= +0.1pp`.
        condition: Text = "condition = \"failure_ratio < 1%\"",
    }
    may {
        /// The name of a stage, or `*`: each stage by itself. Default: the scenario as a whole.
        stage: Text,
        /// http: the name of a request, or `*`: each request by itself. Default: all requests as
        /// one.
        request: Text,
        /// Which phases of stages. Default: the holds; for `connect.*`, `first_message.*` and the
        /// ratios of tcp-hold all phases.
        during: DuringWord,
        /// The condition must hold in every window of this length.
        window: Time,
        /// Stop the run as soon as it is broken.
        abort: bool,
        /// How long after the start of the phases it is first evaluated live.
        grace: Time,
    }
}
