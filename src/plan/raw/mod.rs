//! Turns the tree into tables of optional, typed keys: what was written, before it is known whether it makes sense.
//!
//! **Invariant:** every table is defined once, here: its keys, their reader and the JSON Schema come from the same lines.

mod answers;
mod choices;
mod churn;
mod generator;
mod leaves;
mod quantities;
mod search;
mod tables;

pub(super) use answers::{JsonValue, RawAnswerLimits, RawData, RawExpect, RawExtract};
pub(super) use choices::{
    BuiltinWord, CloseWord, DuringWord, FullWord, InvalidWord, LossWord, OrderWord, ProtocolWord,
    RetryWord, SideWord, SourceUseWord, SpacingWord,
};
pub(super) use churn::{JitterWord, RawEvent, RawLifetime, RawReconnect, ReconnectWord};
pub(super) use generator::{RawGenerator, RawLimits};
pub(super) use leaves::{Fillable, Named, OneOrMany, RawThreshold};
pub(super) use quantities::{Status, TimeRange, Workers};
pub(super) use search::{RawLevel, RawSearch};
pub(super) use tables::{
    RawAuth, RawConnection, RawFaults, RawHeartbeat, RawPlan, RawRequest, RawScenario, RawStage,
    RawTarget, RawThresholdTable,
};

use super::error::Errors;
use super::foreign;
use super::span::Span;
use super::suggest::{alias, did_you_mean, nearest};
use super::tree::{Node, Table, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

/// Reads itself from a node. `None`: it cannot, and has said why.
pub(super) trait Read: Sized {
    /// Whether it may have parts that are filled in for each sending.
    const FILLED: bool = false;
    /// What to write where a list of it should stand and something else does.
    const LIST: Option<&'static str> = None;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self>;
}

/// A table of the plan.
pub(super) trait RawTable {
    /// The table itself.
    fn place(&self) -> Span;

    /// The optional keys that are there, with their places.
    fn optional_keys(&self) -> Vec<(&'static str, Span)>;

    /// Whether some of its keys are unknown or could not be read: then what is missing may have been meant.
    fn is_doubtful(&self) -> bool;
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub at: Span,
    pub value: T,
}

/// What became of a key.
#[derive(Debug, Clone, Default)]
pub(super) enum Field<T> {
    /// It is not there.
    #[default]
    Absent,
    /// It is there and could not be read, which has been said.
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
    fn of(table: &Table, name: &str, misspelt: &[&str], errors: &mut Errors) -> Self {
        let Some((key, node)) = table.entries.iter().find(|(key, _)| key.name == name) else {
            return if misspelt.contains(&name) { Self::Wrong } else { Self::Absent };
        };
        match read(node, errors) {
            Some(value) => Self::Is { key: key.at, value: At { at: node.at, value } },
            None => Self::Wrong,
        }
    }
}

/// Reads a node, unless it is known to be worth nothing.
fn read<T: Read>(node: &Node, errors: &mut Errors) -> Option<T> {
    match &node.value {
        Value::Text(text) if text.broken => None,
        Value::Text(text) if !T::FILLED && !text.blanks.is_empty() => {
            errors
                .add(text.blanks[0].at, "this is known only when a request is sent")
                .help("`${row.…}` and `${var.…}` stand in a request's `path`, `query`, `headers` and `body`, and in `bearer`");
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

/// Says that something else stands where `expected` should.
fn wrong_type<'e>(
    node: &Node,
    expected: &str,
    errors: &'e mut Errors,
) -> &'e mut super::error::PlanError {
    let kind = node.value.kind();
    errors
        .add(node.at, format!("expected {expected}, found {kind}"))
        .label(format!("this is {kind}"))
}

/// The table of a node, or the words for why it is none.
fn table_of<'n>(node: &'n Node, noun: &str, errors: &mut Errors) -> Option<&'n Table> {
    if let Value::Table(table) = &node.value {
        return Some(table);
    }
    let error = wrong_type(node, &format!("{noun} (a table)"), errors);
    if let Some((_, example)) = tables::TABLE_EXAMPLES.iter().find(|(name, _)| *name == noun) {
        error.help(format!("write {example}"));
    }
    None
}

/// What a table may hold.
struct Keys {
    /// "a stage": the table in messages.
    noun: &'static str,
    /// The keys that must be there.
    must: &'static [&'static str],
    /// The others.
    may: &'static [&'static str],
}

/// What unknown keys of a table tell.
#[derive(Default)]
struct Misspelt {
    /// Whether there are any.
    unknown: bool,
    /// The known ones that they were probably meant to be.
    meant: Vec<&'static str>,
}

/// Says which keys of a table are unknown, and which are missing; returns those that unknown ones were probably meant to be.
fn check_keys(keys: &Keys, at: Span, table: &Table, errors: &mut Errors) -> Misspelt {
    let known = keys.must.iter().chain(keys.may).copied();
    let mut misspelt = Misspelt::default();
    for (key, _) in &table.entries {
        let name = key.name.as_str();
        if known.clone().any(|known| known == name) {
            continue;
        }
        if errors.is_full() {
            errors.count_one();
            continue;
        }
        let is = format!("{} has these keys", keys.noun);
        misspelt.unknown = true;
        misspelt.meant.extend(nearest(name, known.clone()));
        misspelt.meant.extend(foreign::meant(name, keys.noun, known.clone()));
        errors
            .add(key.at, format!("{} has no key `{name}`", keys.noun))
            .label("unknown key")
            .help(elsewhere(name, keys).unwrap_or_else(|| did_you_mean(name, known.clone(), &is)));
    }
    for must in keys.must {
        if table.get(must).is_none() && !misspelt.meant.contains(must) {
            let example = tables::EXAMPLES
                .iter()
                .find(|(key, _)| key == must)
                .map_or_else(|| format!("add `{must}`"), |(_, line)| format!("add `{line}`"));
            errors.add(at, format!("{} needs the key `{must}`", keys.noun)).help(example);
        }
    }
    misspelt
}

/// What to write in place of a key that another tool, or another table of the plan, has; `None` where it is rather misspelt.
fn elsewhere(name: &str, keys: &Keys) -> Option<String> {
    let known = || keys.must.iter().chain(keys.may).copied();
    if alias(name, known()).is_some() {
        return None;
    }
    foreign::key(name, keys.noun).or_else(|| {
        let has = |home: &&tables::Home| {
            home.keys.must.iter().chain(home.keys.may).any(|key| *key == name)
        };
        let home = tables::HOMES.iter().find(has)?;
        Some(format!("`{name}` is a key of {}: write it in {}", home.keys.noun, home.place))
    })
}

/// Defines a table of the plan: its struct of optional keys, their reader, and (from the same doc comments) its JSON Schema.
macro_rules! table {
    (
        $(#[$meta:meta])* $name:ident, $noun:literal,
        must { $($(#[$must_meta:meta])* $must:ident: $must_type:ty,)* }
        may { $($(#[$may_meta:meta])* $may:ident: $may_type:ty,)* }
    ) => {
        #[derive(Debug, Clone, Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $(#[$meta])*
        pub(in crate::plan) struct $name {
            #[schemars(skip)]
            table_at: Span,
            #[schemars(skip)]
            unknown_keys: bool,
            $($(#[$must_meta])* pub $must: Field<$must_type>,)*
            $($(#[$may_meta])* #[schemars(default)] pub $may: Field<$may_type>,)*
        }

        impl $name {
            /// What this table may hold.
            const KEYS: Keys = Keys {
                noun: $noun,
                must: &[$(stringify!($must)),*],
                may: &[$(stringify!($may)),*],
            };
        }

        impl Read for $name {
            fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
                let table = table_of(node, $noun, errors)?;
                let misspelt = check_keys(&Self::KEYS, node.at, table, errors);
                Some(Self {
                    table_at: node.at,
                    unknown_keys: misspelt.unknown,
                    $($must: Field::of(table, stringify!($must), &misspelt.meant, errors),)*
                    $($may: Field::of(table, stringify!($may), &misspelt.meant, errors),)*
                })
            }
        }

        impl RawTable for $name {
            fn place(&self) -> Span {
                self.table_at
            }

            fn is_doubtful(&self) -> bool {
                self.unknown_keys $(|| self.$must.is_wrong())* $(|| self.$may.is_wrong())*
            }

            fn optional_keys(&self) -> Vec<(&'static str, Span)> {
                let keys: Vec<(&'static str, Option<Span>)> =
                    vec![$((stringify!($may), self.$may.key())),*];
                keys.into_iter()
                    .filter_map(|(name, key)| key.map(|key| (name, key)))
                    .collect()
            }
        }
    };
}

/// Defines a closed set of words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
        pub(in crate::plan) enum $name { $($(#[$word_meta])* #[serde(rename = $word)] $variant,)* }

        impl Read for $name {
            fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
                let words = [$($word),*];
                let Value::Text(text) = &node.value else {
                    wrong_type(node, &format!("one of {}", listed(words)), errors)
                        .help(format!("write for example `\"{}\"`", words[0]));
                    return None;
                };
                match text.value.as_str() {
                    $($word => Some(Self::$variant),)*
                    _ => {
                        errors
                            .add(node.at, format!("expected one of {}, found `{}`", listed(words), text.shown))
                            .help(did_you_mean(&text.shown, words, "write one of these"));
                        None
                    }
                }
            }
        }
    };
}

use {table, words};
