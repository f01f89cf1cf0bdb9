//! Turns counters and gauges into small arrays with a name for each place.

use crate::catalogue::{Counter, Gauge};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Defines an array that is indexed by an enum of names. People read a map without zeros, machines
/// a sequence.
macro_rules! array {
    ($(#[$table_meta:meta])* $table:ident by $name:ident) => {
        $(#[$table_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $table([u64; $name::ALL.len()]);

        impl Default for $table {
            fn default() -> Self {
                Self([0; $name::ALL.len()])
            }
        }

        impl $table {
            /// The value of one.
            pub fn get(&self, one: $name) -> u64 {
                self.0[one as usize]
            }

            /// Adds to one.
            pub fn add(&mut self, one: $name, amount: u64) {
                self.0[one as usize] += amount;
            }

            /// Sets one.
            pub fn set(&mut self, one: $name, value: u64) {
                self.0[one as usize] = value;
            }

            /// Adds every one of `other`.
            pub fn merge(&mut self, other: &Self) {
                for (mine, theirs) in self.0.iter_mut().zip(other.0) {
                    *mine += theirs;
                }
            }

            /// Whether all are zero.
            pub fn is_zero(&self) -> bool {
                self.0.iter().all(|value| *value == 0)
            }
        }

        impl Serialize for $table {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !serializer.is_human_readable() {
                    return serializer.collect_seq(self.0);
                }
                let mut map = serializer.serialize_map(None)?;
                for one in $name::ALL.iter().filter(|one| self.get(**one) != 0) {
                    map.serialize_entry(one.name(), &self.get(*one))?;
                }
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $table {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct TableVisitor;
                impl<'de> Visitor<'de> for TableVisitor {
                    type Value = $table;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a table of whole numbers")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<$table, A::Error> {
                        let mut table = $table::default();
                        for place in &mut table.0 {
                            *place = seq.next_element()?.ok_or_else(|| serde::de::Error::custom("too few values"))?;
                        }
                        Ok(table)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$table, A::Error> {
                        let mut table = $table::default();
                        while let Some((name, value)) = map.next_entry::<String, u64>()? {
                            // A name from a later version adds nothing here.
                            if let Some(one) = $name::ALL.iter().find(|one| one.name() == name) {
                                table.set(*one, value);
                            }
                        }
                        Ok(table)
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_map(TableVisitor)
                } else {
                    deserializer.deserialize_seq(TableVisitor)
                }
            }
        }
    };
}

array! {
    /// A value for each [`Counter`].
    Counters by Counter
}

array! {
    /// A value for each [`Gauge`].
    Gauges by Gauge
}
