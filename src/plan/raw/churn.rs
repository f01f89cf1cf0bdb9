//! The tables and values of keys that say how connections come and go: a word or a time, or a table with more.

use super::CloseWord;
use super::quantities::{TimeRange, leaf_schema};
use super::{Read, table, words, wrong_type};
use crate::plan::error::Errors;
use crate::plan::tree::{Node, Value};
use crate::units::{Ratio, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// The first pause and the longest; one time is both.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct Pauses {
    pub first: Time,
    pub longest: Time,
}

impl Read for Pauses {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        TimeRange::read(node, errors)
            .map(|TimeRange { min, max }| Self { first: min, longest: max })
    }
}

leaf_schema!(
    Pauses,
    "Pauses",
    json_schema!({
        "description": "The first pause and the longest, or one time.",
        "examples": ["1s..30s", "5s"],
        "type": "string",
    })
);

/// What follows a connection that was lost: a word, or a table with pauses.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawReconnect {
    Word(ReconnectWord),
    Table(Box<RawBackoff>),
}

impl Read for RawReconnect {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(_) => ReconnectWord::read(node, errors).map(Self::Word),
            Value::Table(_) => RawBackoff::read(node, errors).map(|raw| Self::Table(Box::new(raw))),
            _ => {
                wrong_type(node, "`never`, `at-once`, or a table", errors)
                    .help("write `\"at-once\"`, or `{ backoff = \"1s..30s\", jitter = \"full\" }`");
                None
            }
        }
    }
}

impl JsonSchema for RawReconnect {
    fn schema_name() -> Cow<'static, str> {
        "Reconnect".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<ReconnectWord>();
        let table = generator.subschema_for::<RawBackoff>();
        json_schema!({ "anyOf": [word, table] })
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

table! {
    /// Pauses before connections are tried again.
    #[schemars(rename = "Backoff")]
    RawBackoff, "the table of a reconnect",
    must {
        /// The first pause and the longest: `1s..30s`; it doubles with each attempt that fails.
        backoff: Pauses,
    }
    may {
        /// How a pause is blurred: `full`, to any time from zero to the pause, or `none`. Default: `full`.
        jitter: JitterWord,
    }
}

table! {
    /// Lifetimes that are drawn from a distribution.
    #[schemars(rename = "Mean")]
    RawMean, "the table of a lifetime",
    must {
        /// The mean of an exponential distribution.
        mean: Time,
    }
    may {}
}

table! {
    /// A share of the open connections is dropped.
    #[schemars(rename = "Event")]
    RawEvent, "an event",
    must {
        /// When, from the scenario's start.
        at: Time,
        /// Which share of the users lose their connection: `10%`.
        drop: Ratio,
    }
    may {
        /// How it ends: by `rst` or by `fin`. Default: `rst`.
        by: CloseWord,
        /// The time over which the drops are spread. Default: all at once.
        over: Time,
    }
}

words! {
    /// How a pause is blurred.
    JitterWord {
        /// To any time from zero to the pause.
        Full = "full",
        /// Not at all: those who were lost together come back together.
        None = "none",
    }
}

words! {
    /// What follows a connection that was lost, dropped or not opened.
    ReconnectWord {
        /// Nothing.
        Never = "never",
        /// Another attempt.
        AtOnce = "at-once",
    }
}
