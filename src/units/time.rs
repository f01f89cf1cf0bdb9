//! Turns `500ms` into a duration.

use super::{UnitError, decimal, split};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A length of time, to the nanosecond.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(pub Duration);

impl Time {
    /// Nanoseconds; 584 years fit.
    pub fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Time {
    type Err = UnitError;

    /// Reads one or several numbers with units, the larger first: `90s`, `1m30s`, `1.5h`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || {
            UnitError::new(format!("`{text}` is not a time"))
                .help("write a number with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`): `500ms`, `10s`, `1m30s`")
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(
                UnitError::new("the time is missing").help("write for example `500ms` or `10s`")
            );
        }
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.chars().all(|c| c.is_ascii_digit() || c == '_' || c == '.') {
            return Err(UnitError::new(format!("`{text}` has no unit"))
                .help(format!("write `{rest}s` or `{rest}ms`")));
        }
        let mut total = 0_u64;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let (digits, behind) = split(rest);
            let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
            let unit = if &behind[..end] == "µs" { "us" } else { &behind[..end] };
            let (_, scale) = *UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            if scale >= last {
                return Err(wrong());
            }
            last = scale;
            let part = decimal(digits, scale).ok_or_else(wrong)?;
            total = total.checked_add(part).ok_or_else(wrong)?;
            rest = behind[end..].trim_start();
        }
        if last == u64::MAX {
            return Err(wrong());
        }
        Ok(Self(Duration::from_nanos(total)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.as_nanos();
        if left == 0 {
            return f.pad("0s");
        }
        let mut parts = Vec::new();
        for (unit, scale) in UNITS {
            if left >= scale {
                parts.push(format!("{}{unit}", left / scale));
                left %= scale;
            }
        }
        f.pad(&parts.concat())
    }
}
