//! Turns `99.9%` into 0.999.

use super::UnitError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Ratio(pub f64);

impl FromStr for Ratio {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let percent = trimmed.strip_suffix('%');
        let digits = percent.map_or(trimmed, str::trim);
        let help = "write a percentage, or a number from 0 to 1: `99.9%`, `0.999`";
        let plain = !digits.is_empty()
            && digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_');
        // Read in one go: a division would round once more, and `99.9%` be above 999 of 1000.
        let scale = if percent.is_some() { "e-2" } else { "" };
        let ratio: f64 = format!("{}{scale}", digits.replace('_', ""))
            .parse()
            .ok()
            .filter(|_| plain)
            .ok_or_else(|| UnitError::new(format!("`{text}` is not a ratio")).help(help))?;
        if !(0.0..=1.0).contains(&ratio) {
            let error = UnitError::new(format!("`{text}` is not between 0 and 1"));
            let forgotten = percent.is_none() && ratio <= 100.0;
            return Err(if forgotten {
                error.help(format!("write `{trimmed}%`"))
            } else {
                error.help(help)
            });
        }
        Ok(Self(ratio))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ten decimals of a percentage are far below one in a million, and hide the binary
        // fraction.
        let percent = format!("{:.10}", self.0 * 100.0);
        f.pad(&format!("{}%", percent.trim_end_matches('0').trim_end_matches('.')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_the_same_number_as_its_fraction() {
        for thousandths in 0..=1_000_u32 {
            let text = format!("{}.{}%", thousandths / 10, thousandths % 10);
            let ratio: Ratio = text.parse().unwrap();
            assert_eq!(ratio, Ratio(f64::from(thousandths) / 1_000.0), "{text}");
            assert_eq!(ratio.to_string().parse::<Ratio>(), Ok(ratio));
        }
    }
}
