//! Turns `2000/s` into an exact ratio of a number and a time.

use super::SECOND_NS;
use super::{Count, UnitError, decimal, split};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A count per time, kept as two whole numbers so that a schedule made from it
/// has no rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rate {
    /// How many things in `per_ns`.
    pub count: u64,
    /// Nanoseconds in which `count` things happen; never zero.
    pub per_ns: u64,
}

impl Rate {
    /// `count` things each second.
    pub fn per_second(count: u64) -> Self {
        Self { count, per_ns: SECOND_NS }
    }

    /// Things a second.
    pub fn value(self) -> f64 {
        self.count as f64 * SECOND_NS as f64 / self.per_ns as f64
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let help = "write a number per time: `2000/s`, `1.5k/s`, `600/m`";
        let wrong = || UnitError::new(format!("`{text}` is not a rate")).help(help);
        let Some((amount, unit)) = text.split_once('/') else {
            let number = text.trim().parse::<Count>().is_ok();
            return Err(if number {
                UnitError::new(format!("`{text}` is not a rate"))
                    .help(format!("write `{}/s`", text.trim()))
            } else {
                wrong()
            });
        };
        let per_ns = match unit.trim() {
            "s" => SECOND_NS,
            "m" => 60 * SECOND_NS,
            "h" => 3_600 * SECOND_NS,
            _ => return Err(wrong()),
        };
        let (digits, suffix) = split(amount.trim());
        if let Ok(Count(count)) = amount.trim().parse::<Count>() {
            return Ok(Self { count, per_ns });
        }
        // `0.5/s` is one in two seconds: thousandths of a thing in a thousand times the time.
        if !suffix.is_empty() {
            return Err(wrong());
        }
        decimal(digits, 1_000).map(|count| Self { count, per_ns: per_ns * 1_000 }).ok_or_else(wrong)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (thousandths, base) = match self.per_ns {
            n if n % (1_000 * SECOND_NS) == 0 => (true, n / 1_000),
            n => (false, n),
        };
        let unit = match base {
            n if n == 60 * SECOND_NS => "m",
            n if n == 3_600 * SECOND_NS => "h",
            _ => "s",
        };
        if thousandths {
            let text = format!("{}.{:03}", self.count / 1_000, self.count % 1_000);
            f.pad(&format!("{}/{unit}", text.trim_end_matches('0').trim_end_matches('.')))
        } else {
            f.pad(&format!("{}/{unit}", Count(self.count)))
        }
    }
}
