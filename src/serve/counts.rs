//! Turns what server processes counted into one sum, as JSON for programs and as a table for
//! people.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// Names and counts, in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(Vec<(String, u64)>);

impl Counts {
    /// Adds to a count, which starts from zero.
    pub fn add(&mut self, name: &str, amount: u64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += amount,
            None => self.0.push((name.into(), amount)),
        }
    }

    /// Adds every count of `other`. `peak_open` becomes the sum of the processes' peaks, which is
    /// at least the peak of the sum.
    pub fn merge(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            self.add(name, *amount);
        }
    }

    /// A count; zero when nothing of that name was counted.
    pub fn get(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<(String, u64)> {
        self.0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let digits = self.0.iter().map(|(_, count)| count.to_string().len()).max().unwrap_or(0);
        for (name, count) in &self.0 {
            writeln!(f, "{name:names$}  {count:>digits$}")?;
        }
        Ok(())
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountsVisitor;
        impl<'de> Visitor<'de> for CountsVisitor {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of whole numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut counts = Counts::default();
                while let Some((name, count)) = map.next_entry::<String, u64>()? {
                    counts.add(&name, count);
                }
                Ok(counts)
            }
        }
        deserializer.deserialize_map(CountsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_their_order_through_json() {
        let mut sum = Counts::default();
        sum.add("requests", 2);
        sum.add("accepted", 1);
        let text = serde_json::to_string(&sum).unwrap();
        assert_eq!(text, r#"{"requests":2,"accepted":1}"#);
        let read: Counts = serde_json::from_str(&text).unwrap();
        sum.merge(&read);
        sum.add("status.200", 40);
        assert_eq!(sum.get("requests"), 4);
        assert_eq!(sum.get("never counted"), 0);
        insta::assert_snapshot!(sum, @r"
        requests     4
        accepted     2
        status.200  40
        ");
    }
}
