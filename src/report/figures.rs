//! Turns numbers into the words that people read: `1,234,567`, `99.97 %`, `184 ms`.

/// With thousands separators.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A ratio as a percentage. Only 1 reads as 100 %, and only 0 as 0 %: decimals are added until that is so.
pub fn ratio(value: f64) -> String {
    let percent = value * 100.0;
    let fits = |text: &str| match text.parse::<f64>() {
        Ok(shown) => (shown < 100.0 || percent >= 100.0) && (shown > 0.0 || percent <= 0.0),
        Err(_) => true,
    };
    let text = (2..=12)
        .map(|decimals| format!("{percent:.decimals$}"))
        .find(|text| fits(text))
        .unwrap_or_else(|| percent.to_string());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

/// Nanoseconds in the unit that suits them, three figures.
pub fn time(ns: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    if ns >= 99.95e9 {
        return minutes(ns);
    }
    // What would round up to a thousand belongs to the next unit.
    match UNITS.iter().find(|(scale, _)| ns >= scale * 0.9995) {
        Some((scale, unit)) => format!("{} {unit}", three(ns / scale)),
        None => format!("{ns:.0} ns"),
    }
}

fn minutes(ns: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of seconds"
    )]
    let seconds = (ns / 1e9).round() as u64;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, s) => format!("{h}h {m:02}m {s:02}s"),
    }
}

/// Things a second.
pub fn rate(value: f64) -> String {
    format!("{}/s", number(value))
}

/// Bytes a second.
pub fn bytes_rate(value: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s")];
    match UNITS.iter().find(|(scale, _)| value >= scale * 0.9995) {
        Some((scale, unit)) => format!("{} {unit}", three(value / scale)),
        None => format!("{value:.0} B/s"),
    }
}

/// A number that may have a fraction: three figures below a thousand, whole above.
pub fn number(value: f64) -> String {
    if value >= 999.5 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and rounded"
        )]
        let whole = value.round() as u64;
        count(whole)
    } else {
        three(value)
    }
}

/// Three figures, without zeros at the end of a fraction.
fn three(value: f64) -> String {
    let decimals = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Nanoseconds as milliseconds, exactly: `12.345678`.
pub fn ms(ns: u64) -> String {
    let text = format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A figure of a histogram as whole nanoseconds.
pub fn whole(ns: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most an hour, never negative"
    )]
    let whole = ns.round() as u64;
    whole
}

/// A number of things a second for machines: three decimals at most.
pub fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        let shown: Vec<String> = [0, 999, 1_000, 12_345, 1_234_567, u64::MAX].map(count).to_vec();
        assert_eq!(
            shown,
            ["0", "999", "1,000", "12,345", "1,234,567", "18,446,744,073,709,551,615"]
        );
    }

    #[test]
    fn only_all_is_100_percent_and_only_none_is_0() {
        let shown: Vec<String> =
            [0.0, 1.0, 0.5, 0.999_999_7, 0.000_000_3, 0.999_9, 0.123_456].map(ratio).to_vec();
        assert_eq!(
            shown,
            ["0 %", "100 %", "50 %", "99.99997 %", "0.00003 %", "99.99 %", "12.35 %"]
        );
    }

    #[test]
    fn times_have_sensible_units() {
        let shown: Vec<String> = [
            7.0,
            999.6,
            1_500.0,
            45_678.0,
            999_600.0,
            1_234_567.0,
            184e6,
            999.9e6,
            1.5e9,
            61e9,
            125e9,
            3_725e9,
        ]
        .map(time)
        .to_vec();
        assert_eq!(
            shown,
            [
                "7 ns",
                "1 µs",
                "1.5 µs",
                "45.7 µs",
                "1 ms",
                "1.23 ms",
                "184 ms",
                "1 s",
                "1.5 s",
                "61 s",
                "2m 05s",
                "1h 02m 05s"
            ]
        );
    }

    #[test]
    fn milliseconds_are_exact() {
        let shown: Vec<String> = [0, 1, 1_000_000, 12_345_678, 1_500_000].map(ms).to_vec();
        assert_eq!(shown, ["0", "0.000001", "1", "12.345678", "1.5"]);
    }

    #[test]
    fn rates_are_whole_above_a_thousand() {
        assert_eq!(rate(19_998.4), "19,998/s");
        assert_eq!(rate(0.5), "0.5/s");
        assert_eq!(rate(999.9), "1,000/s");
        assert_eq!(bytes_rate(12_345_678.0), "12.3 MB/s");
        assert_eq!(bytes_rate(12.0), "12 B/s");
    }
}
