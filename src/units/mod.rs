//! Turns the quantities that people write into numbers, and back: what `Display` writes, `FromStr`
//! reads.
//!
//! **Invariant:** nothing here knows of plans, files or clocks.

mod address;
mod count;
mod digest;
pub mod exposition;
pub mod figure;
mod index;
mod json_pairs;
pub(crate) mod openmetrics;
mod rate;
mod ratio;
pub(crate) mod schema;
mod time;
pub mod uri;
mod visible;

pub use address::Address;
pub use count::Count;
pub use digest::{bytes_of_hex, hex, sha256};
pub use index::{index, narrow, narrow32, slot};
pub(crate) use json_pairs::JsonPairs;
pub use rate::Rate;
pub use ratio::Ratio;
pub use time::Time;
pub use visible::{is_printable, visible, visible_bytes};

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Why a text is not the quantity that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// The message, in lower case, without a full stop.
    pub message: String,
    /// The correction, if it is clear.
    pub help: Option<String>,
}

impl UnitError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Splits `1.5k` into the number's digits and the unit behind it.
fn split(text: &str) -> (&str, &str) {
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// A decimal number of `digits` in steps of `1 / scale`, exactly; `None` if it is not a number,
/// finer than a step, or too large.
fn decimal(digits: &str, scale: u64) -> Option<u64> {
    let clean: String = digits.chars().filter(|c| *c != '_').collect();
    let (whole, fraction) = clean.split_once('.').unwrap_or((&clean, ""));
    if whole.is_empty() || (clean.contains('.') && fraction.is_empty()) || fraction.len() > 18 {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let unit = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let scaled = parts * u128::from(scale);
    if !scaled.is_multiple_of(unit) {
        return None;
    }
    u64::try_from(whole.checked_mul(u128::from(scale))? + scaled / unit).ok()
}

#[cfg(test)]
mod tests;
