//! Turns `--scale 1%` into smaller (or larger) figures of users and rates.

use crate::units::Rate;

/// Parts of one: a scale is kept as a whole number of these.
const UNIT: u128 = 1_000_000_000;

/// The factor of all numbers of users and of all rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale(u128);

impl Default for Scale {
    fn default() -> Self {
        Self(UNIT)
    }
}

impl Scale {
    /// Reads `1%`, `250%` or `0.01`; the error is a message and a help.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let trimmed = text.trim();
        let help = "write a percentage: `1%`, `0.5%`, `200%`".to_owned();
        let (digits, percent) = match trimmed.strip_suffix('%') {
            Some(digits) => (digits.trim(), true),
            None => (trimmed, false),
        };
        let Some(parts) = parts(digits, if percent { UNIT / 100 } else { UNIT }) else {
            return Err((format!("`{trimmed}` is not a scale"), help));
        };
        match parts {
            0 => Err(("`--scale` cannot be zero".to_owned(), help)),
            _ if !percent && parts > UNIT => Err((
                format!("`{trimmed}` is not between 0 and 1"),
                format!("write `{digits}%` for a part, `{digits}00%` for a multiple"),
            )),
            _ if parts > 1_000 * UNIT => {
                Err((format!("`{trimmed}` is more than a thousandfold"), help))
            }
            _ => Ok(Self(parts)),
        }
    }

    /// Whether it changes anything.
    pub(super) fn is_one(self) -> bool {
        self.0 == UNIT
    }

    /// The scaled count: rounded half up, at least 1; zero stays zero.
    pub(super) fn count(self, count: u64) -> u64 {
        if self.is_one() || count == 0 {
            return count;
        }
        let scaled = (u128::from(count) * self.0 + UNIT / 2) / UNIT;
        u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
    }

    /// A rate, scaled as a count is, in the same unit of time.
    pub(super) fn rate(self, rate: Rate) -> Rate {
        Rate { count: self.count(rate.count), ..rate }
    }
}

/// A decimal number of at most nine digits behind the point, in parts of one `scale`th.
fn parts(digits: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if whole.len() > 9 || fraction.len() > 9 || (digits.contains('.') && fraction.is_empty()) {
        return None;
    }
    let power = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let number: u128 = format!("{whole}{fraction}").parse().ok()?;
    Some(number * scale / power)
}
