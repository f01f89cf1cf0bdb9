//! The table of a search, and the levels in it.

use super::quantities::leaf_schema;
use super::{Read, table, wrong_type};
use crate::plan::error::Errors;
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::units::{Count, Rate, Ratio};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// A level: users or arrivals a second.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) enum RawLevel {
    Users(Count),
    Rate(Rate),
}

impl Read for RawLevel {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text.value.contains('/') => {
                Rate::read(node, errors).map(Self::Rate)
            }
            Value::Text(_) | Value::Integer(_) => Count::read(node, errors).map(Self::Users),
            _ => {
                wrong_type(node, "a level", errors)
                    .help("a level is a number of users (`\"10k\"`) or a rate (`\"500/s\"`)");
                None
            }
        }
    }
}

leaf_schema!(
    RawLevel,
    "Level",
    json_schema!({
        "description": "Users, or arrivals a second.",
        "examples": ["10k", "500/s"],
        "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1 }],
    })
);

table! {
    /// Runs the plan at one level after the other, and finds the highest one that passes.
    #[schemars(rename = "Search")]
    RawSearch, "`search`",
    must {
        /// The first level, in what the stage counts: `1000` users, or `"1000/s"`.
        min: RawLevel,
        /// The highest level that is tried.
        max: RawLevel,
    }
    may {
        /// Whose level. May be left out when the plan has one scenario.
        scenario: Text,
        /// Which stage of it, by its name. Default: the last one.
        stage: Text,
        /// Goes up by so much. Default: levels are doubled, then bisected.
        step: RawLevel,
        /// Bisecting ends when the level that passed and the one that did not are this close. Default: `5%`.
        precision: Ratio,
        /// How often the highest level is run again, and has to pass. Default: 1.
        confirm: Count,
        /// The search is a PASS from this level on. Default: `min`.
        at_least: RawLevel,
    }
}
