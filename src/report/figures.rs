//! Turns measured numbers into the figures that machines read: exact, without separators.

/// Nanoseconds as milliseconds, exactly: `12.345678`.
pub(super) fn ms(ns: u64) -> String {
    let text = format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A figure of a histogram as whole nanoseconds.
pub(super) fn whole(ns: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most an hour, never negative"
    )]
    let whole = ns.round() as u64;
    whole
}

/// A number of things a second for machines: three decimals at most.
pub(super) fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_exact() {
        let shown: Vec<String> = [0, 1, 1_000_000, 12_345_678, 1_500_000].map(ms).to_vec();
        assert_eq!(shown, ["0", "0.000001", "1", "12.345678", "1.5"]);
    }
}
