//! Turns large numbers into words that people can read at a glance.

pub use crate::units::figure::grouped;

/// Bytes in the unit that fits: `512 B`, `8.3 KiB`, `7.9 GiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// The whole part of a figure that is not negative; larger ones than fit are the largest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is below zero is zero here"
)]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (28_232, "28,232"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn bytes_take_the_unit_that_fits() {
        for (number, text) in [(512, "512 B"), (8_530, "8.3 KiB"), (8_530_000_000, "7.9 GiB")] {
            assert_eq!(bytes(number), text);
        }
    }
}
