//! How long a connection is kept: a time or two, or a table with the mean.

use crate::plan::error::Errors;
use crate::plan::raw::Field;
use crate::plan::raw::TimeRange;
use crate::plan::raw::time;
use crate::plan::raw::{Read, table};
use crate::plan::tree::{Node, Value};
use crate::units::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// How long a connection is kept; drawn anew for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifetime {
    /// Uniform; both ends alike make it fixed. Never zero.
    Uniform {
        /// The shortest.
        min: Time,
        /// The longest.
        max: Time,
    },
    /// Exponential: at every moment each connection is as likely to end.
    Exponential {
        /// Their mean; not zero.
        mean: Time,
    },
}

impl Lifetime {
    /// How long connections are kept on average.
    pub fn mean(self) -> Time {
        match self {
            Self::Uniform { min, max } => Time((min.0 + max.0) / 2),
            Self::Exponential { mean } => mean,
        }
    }
}

/// How long a connection is kept: a time or two, or a table with the mean.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawLifetime {
    Span(TimeRange),
    Table(Box<RawMean>),
}

impl Read for RawLifetime {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Table(_) => RawMean::read(node, errors).map(|raw| Self::Table(Box::new(raw))),
            _ => TimeRange::read(node, errors).map(Self::Span),
        }
    }
}

impl JsonSchema for RawLifetime {
    fn schema_name() -> Cow<'static, str> {
        "Lifetime".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let span = generator.subschema_for::<TimeRange>();
        let table = generator.subschema_for::<RawMean>();
        json_schema!({ "anyOf": [span, table] })
    }
}

/// A pause or a lifetime that is shorter makes a loop that does nothing else.
pub(super) const SHORTEST: Time = Time(Duration::from_millis(10));

table! {
    /// Lifetimes that are drawn from a distribution.
    #[schemars(rename = "Mean")]
    RawMean, "`lifetime`",
    must {
        /// The mean of an exponential distribution.
        mean: Time = "mean = \"60s\"",
    }
    may {}
}

pub(super) fn lifetime(field: &Field<RawLifetime>, errors: &mut Errors) -> Option<Lifetime> {
    let given = field.given()?;
    let (lifetime, shortest, at) = match &given.value {
        RawLifetime::Span(span) => {
            (Lifetime::Uniform { min: span.min, max: span.max }, span.min, given.at)
        }
        RawLifetime::Table(raw) => {
            let at = raw.mean.given()?.at;
            let mean = time(&raw.mean, "mean", Time(Duration::from_mins(1)), errors);
            (Lifetime::Exponential { mean }, mean, at)
        }
    };
    if shortest < SHORTEST {
        errors
            .add(at, format!("expected at least {SHORTEST}"))
            .help("write for example `lifetime = \"60s\"`");
    }
    Some(lifetime)
}
