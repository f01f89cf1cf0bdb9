//! Defines tables of a plan: a key, its reader, its schema and its documentation are one line.

use super::{Keys, wrong_type};
use crate::plan::error::Errors;
use crate::plan::foreign;
use crate::plan::span::Span;
use crate::plan::suggest::{alias, did_you_mean, nearest};
use crate::plan::tree::{Node, TableNode, Value};

/// A table of the plan.
pub(in crate::plan) trait RawTable {
    /// The table itself.
    fn place(&self) -> Span;

    /// The optional keys that are there, with their places.
    fn optional_keys(&self) -> Vec<(&'static str, Span)>;

    /// Whether some of its keys are unknown or could not be read: then a missing key may have been
    /// meant.
    fn is_doubtful(&self) -> bool;
}

/// The table of a node, or the words for why it is none.
pub(in crate::plan) fn table_of<'n>(
    node: &'n Node,
    keys: &Keys,
    errors: &mut Errors,
) -> Option<&'n TableNode> {
    if let Value::Table(table) = &node.value {
        return Some(table);
    }
    let error = wrong_type(node, &format!("{} (a table)", keys.noun), errors);
    if let Some(example) = keys.example {
        error.help(format!("write {example}"));
    }
    None
}

/// Handles the unknown keys of a table.
#[derive(Default)]
pub(in crate::plan) struct Misspelt {
    /// Whether there are any.
    pub unknown: bool,
    /// The known ones that they were probably meant to be.
    pub meant: Vec<&'static str>,
}

/// Says which keys of a table are unknown, and which are missing; returns those that unknown ones
/// were probably meant to be.
pub(in crate::plan) fn check_keys(
    keys: &Keys,
    at: Span,
    table: &TableNode,
    errors: &mut Errors,
) -> Misspelt {
    let tables = errors.tables;
    let all = keys.all();
    let known = all.iter().copied();
    let mut misspelt = Misspelt::default();
    for (key, _) in &table.entries {
        let name = key.name.as_str();
        if keys.has(name) {
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
        errors.add(key.at, format!("{} has no key `{name}`", keys.noun)).label("unknown key").help(
            elsewhere(name, keys, tables).unwrap_or_else(|| did_you_mean(name, known.clone(), &is)),
        );
    }
    for (must, example) in keys.must {
        if table.get(must).is_none() && !misspelt.meant.contains(must) {
            errors
                .add(at, format!("{} needs the key `{must}`", keys.noun))
                .help(format!("add `{example}`"));
        }
    }
    misspelt
}

/// The replacement of a key of another tool, or of another table of the plan; `None`
/// where it is rather misspelt.
fn elsewhere(name: &str, keys: &Keys, tables: &[&Keys]) -> Option<String> {
    if alias(name, keys.all()).is_some() {
        return None;
    }
    foreign::key(name, keys.noun).or_else(|| {
        let home = tables.iter().find(|table| table.has(name))?;
        Some(format!("`{name}` is a key of {}: write it in {}", home.noun, home.place?))
    })
}

/// Defines a table of the plan: its struct of optional keys, their reader, and (from the same doc
/// comments) its JSON Schema. Behind `write` stands what it looks like, behind `in` where it is
/// written, behind a key that must be there a line to paste. `with` names tables whose keys stand
/// in this one as well.
macro_rules! table {
    (
        $(#[$meta:meta])*
        $name:ident, $noun:literal $(, write $example:literal)? $(, in $place:literal)?,
        must { $($(#[$must_meta:meta])* $must:ident: $must_type:ty = $line:literal,)* }
        may { $($(#[$may_meta:meta])* $may:ident: $may_type:ty,)* }
        $(with { $($(#[$with_meta:meta])* $with:ident: $with_type:ty,)* })?
    ) => {
        #[derive(Debug, Clone, Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $(#[$meta])*
        pub(in crate::plan) struct $name {
            #[schemars(skip)]
            table_at: $crate::plan::span::Span,
            #[schemars(skip)]
            unknown_keys: bool,
            $($(#[$must_meta])* pub $must: $crate::plan::raw::Field<$must_type>,)*
            $(
                $(#[$may_meta])* #[schemars(default)]
                pub $may: $crate::plan::raw::Field<$may_type>,
            )*
            $($($(#[$with_meta])* #[schemars(flatten)] pub $with: $with_type,)*)?
        }

        impl $name {
            /// The keys of this table.
            pub(in crate::plan) const KEYS: $crate::plan::raw::Keys = $crate::plan::raw::Keys {
                noun: $noun,
                example: [$(Some($example),)? None][0],
                place: [$(Some($place),)? None][0],
                must: &[$((stringify!($must), $line)),*],
                may: &[$(stringify!($may)),*],
                with: &[$($(&<$with_type>::KEYS),*)?],
            };

            /// Reads its keys; unknown ones were already reported.
            pub(in crate::plan) fn of(
                table: &$crate::plan::tree::TableNode,
                at: $crate::plan::span::Span,
                misspelt: &$crate::plan::raw::Misspelt,
                errors: &mut $crate::plan::error::Errors,
            ) -> Self {
                use $crate::plan::raw::Field;
                let meant = &misspelt.meant;
                Self {
                    table_at: at,
                    unknown_keys: misspelt.unknown,
                    $($must: Field::of(table, stringify!($must), meant, errors),)*
                    $($may: Field::of(table, stringify!($may), meant, errors),)*
                    $($($with: <$with_type>::of(table, at, misspelt, errors),)*)?
                }
            }
        }

        impl $crate::plan::raw::Read for $name {
            fn read(
                node: &$crate::plan::tree::Node,
                errors: &mut $crate::plan::error::Errors,
            ) -> Option<Self> {
                let table = $crate::plan::raw::table_of(node, &Self::KEYS, errors)?;
                let misspelt =
                    $crate::plan::raw::check_keys(&Self::KEYS, node.at, table, errors);
                Some(Self::of(table, node.at, &misspelt, errors))
            }
        }

        impl $crate::plan::raw::RawTable for $name {
            fn place(&self) -> $crate::plan::span::Span {
                self.table_at
            }

            fn is_doubtful(&self) -> bool {
                self.unknown_keys $(|| self.$must.is_wrong())* $(|| self.$may.is_wrong())*
                    $($(|| $crate::plan::raw::RawTable::is_doubtful(&self.$with))*)?
            }

            fn optional_keys(&self) -> Vec<(&'static str, $crate::plan::span::Span)> {
                let keys: Vec<(&'static str, Option<$crate::plan::span::Span>)> =
                    vec![$((stringify!($may), self.$may.key())),*];
                let keys = keys.into_iter().filter_map(|(name, key)| key.map(|key| (name, key)));
                let keys = keys.collect::<Vec<_>>();
                $($(
                    let keys = [
                        keys,
                        $crate::plan::raw::RawTable::optional_keys(&self.$with),
                    ].concat();
                )*)?
                keys
            }
        }
    };
}

pub(in crate::plan) use table;
