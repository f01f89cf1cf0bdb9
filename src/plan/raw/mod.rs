//! Turns the tree into tables of optional, typed keys: the plan as written, before it is known
//! whether it makes sense.
//!
//! **Invariant:** every table is defined once, in its element: its keys, their reader and the JSON
//! Schema come from the same lines.

mod bounds;
mod leaves;
mod quantities;
mod table;

pub(super) use super::keys::Keys;
pub(super) use bounds::{count, file_path, time, time_within};
pub(super) use leaves::{Fillable, Named, OneOrMany};
pub(super) use quantities::{Status, TimeRange, leaf_schema};
pub(super) use table::{Misspelt, RawTable, check_keys, table, table_of};

use super::error::Errors;
use super::span::Span;
use super::suggest::{did_you_mean, listed};
use super::tree::{Node, TableNode, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

/// Reads a value from a node. `None`: it is invalid, and an error was reported.
pub(super) trait Read: Sized {
    /// Whether it may have parts that are filled in for each sending.
    const FILLED: bool = false;
    /// The suggestion if a list of it was expected and something else was found.
    const LIST: Option<&'static str> = None;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self>;
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub at: Span,
    pub value: T,
}

/// The state of a key after reading.
#[derive(Debug, Clone, Default)]
pub(super) enum Field<T> {
    /// It is not there.
    #[default]
    Absent,
    /// Present but unreadable; an error was reported.
    Wrong,
    /// It is there.
    Is {
        /// The place of the key itself.
        key: Span,
        /// Its value.
        value: At<T>,
    },
}

impl<T> Field<T> {
    /// The value, if it could be read.
    pub(super) fn given(&self) -> Option<&At<T>> {
        match self {
            Self::Is { value, .. } => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// The bare value, if it could be read.
    pub(super) fn value(&self) -> Option<&T> {
        self.given().map(|given| &given.value)
    }

    /// Whether the key is not there at all.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the key is there and could not be read.
    pub(super) fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }

    /// The place of the key, if its value could be read.
    pub(super) fn key(&self) -> Option<Span> {
        match self {
            Self::Is { key, .. } => Some(*key),
            Self::Absent | Self::Wrong => None,
        }
    }
}

impl<T: Read> Field<T> {
    /// The key's value in a table; `misspelt` are the keys that were meant by unknown ones.
    pub(super) fn of(
        table: &TableNode,
        name: &str,
        misspelt: &[&str],
        errors: &mut Errors,
    ) -> Self {
        let Some((key, node)) = table.entries.iter().find(|(key, _)| key.name == name) else {
            return if misspelt.contains(&name) { Self::Wrong } else { Self::Absent };
        };
        match read(node, errors) {
            Some(value) => Self::Is { key: key.at, value: At { at: node.at, value } },
            None => Self::Wrong,
        }
    }
}

/// Reads a node, unless it is known to be invalid.
pub(super) fn read<T: Read>(node: &Node, errors: &mut Errors) -> Option<T> {
    match &node.value {
        Value::Text(text) if text.broken => None,
        Value::Text(text) if !T::FILLED && !text.blanks.is_empty() => {
            errors
                .add(text.blanks[0].at, "this placeholder is filled in only when a request is sent")
                .help("`${row.…}`, `${var.…}` and generated values can be used in a request's `path`, `query`, `headers` and `body`, in `expect`, and in `bearer`");
            None
        }
        _ => T::read(node, errors),
    }
}

/// In the schema a key is what its value is.
impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Reports that `expected` was expected and something else was found.
pub(super) fn wrong_type<'e>(
    node: &Node,
    expected: &str,
    errors: &'e mut Errors,
) -> &'e mut super::error::PlanError {
    let kind = node.value.kind();
    errors
        .add(node.at, format!("expected {expected}, found {kind}"))
        .label(format!("this is {kind}"))
}

/// Defines a closed set of words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
        pub(in crate::plan) enum $name { $($(#[$word_meta])* #[serde(rename = $word)] $variant,)* }

        impl $crate::plan::raw::Read for $name {
            fn read(
                node: &$crate::plan::tree::Node,
                errors: &mut $crate::plan::error::Errors,
            ) -> Option<Self> {
                match $crate::plan::raw::word(node, &[$($word),*], errors)? {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

/// One of these words; any other is among the errors.
pub(super) fn word<'n>(
    node: &'n Node,
    words: &[&'static str],
    errors: &mut Errors,
) -> Option<&'n str> {
    let known = || words.iter().copied();
    let Value::Text(text) = &node.value else {
        wrong_type(node, &format!("one of {}", listed(known())), errors)
            .help(format!("write for example `\"{}\"`", words[0]));
        return None;
    };
    if !words.contains(&text.value.as_str()) {
        errors
            .add(node.at, format!("expected one of {}, found `{}`", listed(known()), text.shown))
            .help(did_you_mean(&text.shown, known(), "write one of these"));
        return None;
    }
    Some(&text.value)
}

pub(in crate::plan) use words;
