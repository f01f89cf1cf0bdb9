//! Turns measured numbers into short texts for people: grouped, rounded, with their unit.
//!
//! **Invariant:** rounding never makes a claim: `0%` and `100%` are written only of exactly none
//! and exactly all.
//! **Invariant:** these texts are for people only; nothing parses them.

/// The most decimals of a percentage; a more precise one is written as above or below a bound.
const FINEST_PERCENT: usize = 6;

/// A whole number with its thousands apart: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of any unit in four figures, whole ones with their thousands apart: `0.5213`, `12,345`,
/// `-7`, `1.05e12`.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return absent();
    }
    let size = value.abs();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 10^15")]
    let whole = |size: f64| grouped(size.round() as u64);
    let digits = match size {
        size if size >= 1e15 => format!("{size:.3e}"),
        size if size >= 1e4 || size.fract() == 0.0 => whole(size),
        size if size < 1e-4 => format!("{size:.3e}"),
        size => {
            let mut decimals = 3;
            let mut unit = 10.0;
            while size >= unit && decimals > 0 {
                decimals -= 1;
                unit *= 10.0;
            }
            let text = format!("{size:.0$}", if size < 1.0 { 4 } else { decimals });
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if value < 0.0 { format!("-{digits}") } else { digits }
}

/// A number in three figures: `7`, `9,998`, `12.3k`, `1.05M`.
pub fn short(number: u64) -> String {
    if number < 10_000 { grouped(number) } else { scaled(number as f64, 1e3, &["", "k", "M", "G"]) }
}

/// A part of a whole, 0 to 1, as a percentage with at least two figures of its distance from the
/// nearer end: `12.34%`, `0.0021%`, `99.9979%`, `>99.999999%`.
pub fn percent(ratio: f64) -> String {
    if ratio.is_nan() {
        return absent();
    }
    if ratio <= 0.0 {
        return "0%".to_owned();
    }
    if ratio >= 1.0 {
        return "100%".to_owned();
    }
    let distance = ratio.min(1.0 - ratio) * 100.0;
    let mut decimals = 2;
    let mut unit = 0.1;
    while distance < unit && decimals < FINEST_PERCENT {
        decimals += 1;
        unit /= 10.0;
    }
    // Half a step from the end, rounding would reach it.
    let near = distance < 10_f64.powi(-6) / 2.0;
    match (near, ratio < 0.5) {
        (true, true) => "<0.000001%".to_owned(),
        (true, false) => ">99.999999%".to_owned(),
        (false, _) => format!("{:.decimals$}%", ratio * 100.0),
    }
}

/// A duration in nanoseconds in three figures: `850 ns`, `1.23 ms`, `59.9 s`; from a minute on with
/// minutes and hours, `2m05s`, `1h02m`; what takes for ever is `never`.
pub fn time(ns: f64) -> String {
    if ns.is_nan() {
        return absent();
    }
    if ns.is_infinite() {
        return "never".to_owned();
    }
    if ns >= 59.95e9 { clock(ns) } else { scaled(ns, 1e3, &[" ns", " µs", " ms", " s"]) }
}

/// A long duration in nanoseconds to the second: `7s`, `2m05s`, `1h02m`.
fn clock(ns: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let seconds = (ns / 1e9).round() as u64;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{:02}s", seconds % 60),
        _ => format!("{}h{minutes:02}m", grouped(hours)),
    }
}

/// Things a second: `0.25/s`, `9,998/s`, `12.3k/s`.
pub fn rate(per_second: f64) -> String {
    if per_second.is_nan() {
        return absent();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = per_second.round() as u64;
    if per_second <= 0.0 {
        "0/s".to_owned()
    } else if per_second < 99.95 {
        format!("{}/s", scaled(per_second, 1e3, &[""]))
    } else {
        format!("{}/s", short(whole))
    }
}

/// Bytes in three figures: `512 B`, `1.91 GiB`.
pub fn bytes(number: u64) -> String {
    if number < 1_024 {
        format!("{number} B")
    } else {
        scaled(number as f64, 1_024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
    }
}

/// The placeholder for a value that was not measured.
fn absent() -> String {
    "–".to_owned()
}

/// A number in three figures with the first unit in which it is below `step`.
fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number.max(0.0);
    let mut left = units.iter();
    let mut unit = left.next().copied().unwrap_or_default();
    // A value that would be rounded up to a whole step belongs to the next unit.
    while number >= step - 0.5 {
        let Some(next) = left.next() else { break };
        number /= step;
        unit = next;
    }
    let whole = number.fract() == 0.0 && number < 1_000.0 && unit == units[0];
    let decimals = match number {
        _ if whole => 0,
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_unit_have_four_figures() {
        let table = [
            (0.0, "0"),
            (7.0, "7"),
            (-7.0, "-7"),
            (0.5213, "0.5213"),
            (0.52, "0.52"),
            (14.588, "14.59"),
            (999.94, "999.9"),
            (1_234.6, "1235"),
            (12_345.6, "12,346"),
            (22_036_629_914.4, "22,036,629,914"),
            (1.05e18, "1.050e18"),
            (0.000_012_34, "1.234e-5"),
            (-0.25, "-0.25"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn whole_numbers_have_their_thousands_apart() {
        let all = [0, 7, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
        let all = [0, 9_998, 10_000, 12_345, 999_499, 999_500, 1_050_000].map(short);
        assert_eq!(all, ["0", "9,998", "10.0k", "12.3k", "999k", "1.00M", "1.05M"]);
    }

    #[test]
    fn percentages_claim_no_end_that_they_do_not_reach() {
        for (ratio, text) in [
            (0.0, "0%"),
            (1.0, "100%"),
            (0.1234, "12.34%"),
            (0.5, "50.00%"),
            (0.001, "0.10%"),
            (0.000_021, "0.0021%"),
            (0.999_979, "99.9979%"),
            (0.99, "99.00%"),
            (0.999_996, "99.99960%"),
            (1e-8, "0.000001%"),
            (1e-12, "<0.000001%"),
            (1.0 - 1e-12, ">99.999999%"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(percent(ratio), text, "{ratio}");
        }
    }

    proptest::proptest! {
        #[test]
        fn only_the_exact_ends_are_written_as_such(part in 0_u64..=1_000_000_000_000, more in 0_u64..=1_000_000_000_000) {
            let text = percent(part as f64 / (part + more).max(1) as f64);
            let value: f64 = text.trim_matches(['%', '<', '>']).parse().unwrap();
            proptest::prop_assert_eq!(value <= 0.0, part == 0, "{}", text);
            proptest::prop_assert_eq!(value >= 100.0, more == 0 && part > 0, "{}", text);
        }
    }

    #[test]
    fn times_have_three_figures_and_the_right_unit() {
        for (ns, text) in [
            (0.0, "0 ns"),
            (850.0, "850 ns"),
            (999.6, "1.00 µs"),
            (1_234_000.0, "1.23 ms"),
            (99_960_000.0, "100 ms"),
            (999_600_000.0, "1.00 s"),
            (12_340_000_000.0, "12.3 s"),
            (59.96e9, "1m00s"),
            (125e9, "2m05s"),
            (3_720e9, "1h02m"),
        ] {
            assert_eq!(time(ns), text, "{ns}");
        }
    }

    #[test]
    fn rates_and_bytes() {
        let all = [0.0, 0.25, 5.0, 12.34, 99.96, 9_998.2, 12_345.0, 1_234_567.0].map(rate);
        assert_eq!(
            all,
            ["0/s", "0.25/s", "5/s", "12.3/s", "100/s", "9,998/s", "12.3k/s", "1.23M/s"]
        );
        let all = [0, 512, 1_536, 2_050_000_000].map(bytes);
        assert_eq!(all, ["0 B", "512 B", "1.50 KiB", "1.91 GiB"]);
    }
}
