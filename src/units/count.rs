//! Turns `10k` into 10,000.

use super::{UnitError, decimal, split};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A number of things: users, connections, requests. Zero is allowed here; a caller that needs more
/// says so.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Count(pub u64);

impl FromStr for Count {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (digits, unit) = split(text.trim());
        if text.trim().starts_with('-') {
            return Err(UnitError::new(format!("a count cannot be negative: `{text}`")));
        }
        let scale = match unit {
            "" => 1,
            "k" | "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "m" => {
                return Err(UnitError::new(format!("`{text}` is not a count")).help(format!(
                    "write `{digits}M` for millions; `m` is a unit of time (minutes)"
                )));
            }
            _ => {
                return Err(UnitError::new(format!("`{text}` is not a count"))
                    .help("write a whole number, optionally followed by `k`, `M` or `G`: `10k`, `1M`, `1_000_000`"));
            }
        };
        decimal(digits, scale).map(Count).ok_or_else(|| {
            UnitError::new(format!("`{text}` is not a whole number"))
                .help("write for example `10k`, `1.5M` or `1_000_000`")
        })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.pad("0"),
            n if n % 1_000_000_000 == 0 => f.pad(&format!("{}G", n / 1_000_000_000)),
            n if n % 1_000_000 == 0 => f.pad(&format!("{}M", n / 1_000_000)),
            n if n % 1_000 == 0 => f.pad(&format!("{}k", n / 1_000)),
            n => f.pad(&n.to_string()),
        }
    }
}
