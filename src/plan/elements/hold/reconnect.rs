//! How users reconnect after a lost connection: a word, or a table with pauses.

use crate::plan::elements::hold::lifetime::SHORTEST;
use crate::plan::error::Errors;
use crate::plan::raw::Field;
use crate::plan::raw::{Read, table, words, wrong_type};
use crate::plan::raw::{TimeRange, leaf_schema};
use crate::plan::tree::{Node, Value};
use crate::units::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// When a user without a connection tries again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reconnect {
    /// Not at all.
    #[default]
    Never,
    /// At once; after an attempt that failed, in a moment.
    AtOnce,
    /// After a pause that doubles with each attempt that fails.
    Backoff {
        /// The first pause; not zero.
        first: Time,
        /// The longest; not shorter.
        longest: Time,
        /// How the pause is blurred.
        jitter: Jitter,
    },
}

/// How a pause is randomised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Jitter {
    /// Not at all: users that were lost together come back together.
    None,
    /// To a uniform time from zero to the pause.
    Full,
}

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

/// How users reconnect after a lost connection: a word, or a table with pauses.
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

table! {
    /// Pauses before connections are tried again.
    #[schemars(rename = "Backoff")]
    RawBackoff, "`reconnect`",
    must {
        /// The first pause and the longest: `1s..30s`; it doubles with each attempt that fails.
        backoff: Pauses = "backoff = \"1s..30s\"",
    }
    may {
        /// How a pause is randomised: `full`, to any time from zero to the pause, or `none`.
        /// Default: `full`.
        jitter: JitterWord,
    }
}

words! {
    /// How a pause is randomised.
    JitterWord {
        /// To any time from zero to the pause.
        Full = "full",
        /// Not at all: users that were lost together reconnect together.
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

pub(super) fn reconnect(field: &Field<RawReconnect>, errors: &mut Errors) -> Reconnect {
    match field.value() {
        Some(RawReconnect::Word(ReconnectWord::Never)) | None => Reconnect::Never,
        Some(RawReconnect::Word(ReconnectWord::AtOnce)) => Reconnect::AtOnce,
        Some(RawReconnect::Table(raw)) => {
            let jitter = match raw.jitter.value() {
                Some(JitterWord::None) => Jitter::None,
                Some(JitterWord::Full) | None => Jitter::Full,
            };
            let Some(given) = raw.backoff.given() else { return Reconnect::Never };
            let pauses = given.value;
            if pauses.first < SHORTEST {
                errors
                    .add(given.at, format!("expected a first pause of at least {SHORTEST}"))
                    .help(
                        "write for example `backoff = \"1s..30s\"`, or `reconnect = \"at-once\"`",
                    );
            }
            Reconnect::Backoff { first: pauses.first, longest: pauses.longest, jitter }
        }
    }
}
