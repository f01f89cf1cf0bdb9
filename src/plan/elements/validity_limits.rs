//! `generator.limits`: the limits of rules of validity that a plan sets.

use crate::catalogue::{LimitKey, settable_limits};
use crate::plan::raw::table;
use crate::units::{Ratio, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Limits of rules of validity that the plan sets, in the unit of each: nanoseconds, or a share
/// from 0 to 1. A value at its limit is within it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ValidityLimits(pub BTreeMap<LimitKey, f64>);

impl ValidityLimits {
    /// The plan's limit; `None` keeps planrun's own.
    pub fn get(&self, key: LimitKey) -> Option<f64> {
        self.0.get(&key).copied()
    }
}

/// Defines the table of limits by the catalogue's rows.
macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $key:ident: $unit:ident, $default:literal;)*) => {
        table! {
            /// Limits of rules of validity, by their names in reports; a value at its limit is
            /// within it.
            #[schemars(rename = "Limits")]
            RawLimits, "`limits`",
            must {}
            may { $($(#[$doc])* $key: $unit,)* }
        }

        impl RawLimits {
            /// The limits that are given, each in the unit of its rule.
            pub(crate) fn given(&self) -> ValidityLimits {
                let all = [$((LimitKey::$variant, self.$key.value().map(|one| one.number()))),*];
                let given = all.into_iter().filter_map(|(key, limit)| Some((key, limit?)));
                ValidityLimits(given.collect())
            }
        }
    };
}

settable_limits! { limits }

/// A quantity as the number that it is held against.
trait Number {
    fn number(&self) -> f64;
}

impl Number for Time {
    fn number(&self) -> f64 {
        self.as_nanos() as f64
    }
}

impl Number for Ratio {
    fn number(&self) -> f64 {
        self.0
    }
}
