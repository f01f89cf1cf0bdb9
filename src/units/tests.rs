use super::*;
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

fn error<T: FromStr<Err = UnitError> + Debug>(text: &str) -> UnitError {
    text.parse::<T>().expect_err(text)
}

fn comes_back<T: FromStr<Err = UnitError> + Display + PartialEq + Debug>(value: &T) {
    assert_eq!(value.to_string().parse::<T>().as_ref(), Ok(value), "{value}");
}

#[test]
fn counts_are_read() {
    for (text, count) in [
        ("0", 0),
        ("7", 7),
        ("10k", 10_000),
        ("10K", 10_000),
        ("1.5k", 1_500),
        ("1M", 1_000_000),
        ("2G", 2_000_000_000),
        ("1_000_000", 1_000_000),
        (" 5 ", 5),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(text.parse(), Ok(Count(count)), "{text}");
    }
    let wrong = [
        "",
        "k",
        "-5",
        "1.5",
        "1.2345k",
        "1.",
        ".5k",
        "1 000",
        "10kk",
        "1e6",
        "0x10",
        "99999999999G",
    ];
    for text in wrong {
        error::<Count>(text);
    }
    assert_eq!(
        error::<Count>("1m").help.unwrap(),
        "write `1M` for millions; `m` is a unit of time (minutes)"
    );
}

#[test]
fn rates_are_exact() {
    for (text, count, seconds) in [
        ("2000/s", 2_000, 1),
        ("1.5k/s", 1_500, 1),
        ("600/m", 600, 60),
        ("1/h", 1, 3_600),
        ("0.5/s", 500, 1_000),
        ("0/s", 0, 1),
        ("2000 / s", 2_000, 1),
    ] {
        let rate = Rate { count, per_ns: seconds * 1_000_000_000 };
        assert_eq!(text.parse(), Ok(rate), "{text}");
    }
    for text in ["", "/s", "5", "5/", "5/d", "x/s", "-5/s", "1m/s", "0.0001/s"] {
        error::<Rate>(text);
    }
    assert_eq!(error::<Rate>("5k").help.unwrap(), "write `5k/s`");
}

#[test]
fn times_are_read() {
    for (text, millis) in [
        ("500ms", 500),
        ("10s", 10_000),
        ("1.5s", 1_500),
        ("1m30s", 90_000),
        ("1h", 3_600_000),
        ("1h 5m", 3_900_000),
        ("0", 0),
        ("0s", 0),
    ] {
        assert_eq!(text.parse(), Ok(Time(Duration::from_millis(millis))), "{text}");
    }
    for text in
        ["", "5", "5x", "s", "30s1m", "5s5s", "-5s", "1.0000000001s", "1e3s", "6000000h", "5 µ"]
    {
        error::<Time>(text);
    }
    assert_eq!(error::<Time>("30").help.unwrap(), "write `30s` or `30ms`");
}

#[test]
fn a_percentage_is_the_float_that_its_fraction_is() {
    for (text, part, whole) in
        [("99.9%", 999, 1_000), ("99.99%", 9_999, 10_000), ("0.1%", 1, 1_000), ("7%", 7, 100)]
    {
        let Ratio(ratio) = text.parse().unwrap();
        assert_eq!(ratio.to_bits(), (f64::from(part) / f64::from(whole)).to_bits(), "{text}");
    }
}

#[test]
fn ratios_are_read() {
    for (text, ratio) in [("99.9%", 0.999), ("0.999", 0.999), ("0", 0.0), ("100%", 1.0), ("1", 1.0)]
    {
        assert_eq!(text.parse(), Ok(Ratio(ratio)), "{text}");
    }
    for text in ["", "%", "101%", "-1%", "2", "nan", "inf", "1e-3", "0,5"] {
        error::<Ratio>(text);
    }
    assert_eq!(error::<Ratio>("99.9").help.unwrap(), "write `99.9%`");
}

proptest! {
    #[test]
    fn what_a_count_prints_it_reads(count: u64) {
        comes_back(&Count(count));
        comes_back(&Count(count % 1_000 * 1_000_000));
    }

    #[test]
    fn what_a_time_prints_it_reads(ns: u64) {
        comes_back(&Time(Duration::from_nanos(ns)));
    }

    #[test]
    fn what_a_rate_prints_it_reads(whole: u64, thousandths in 0_u64..1_000_000_000, unit in "[smh]") {
        comes_back(&format!("{whole}/{unit}").parse::<Rate>().unwrap());
        let text = format!("{}.{:03}/{unit}", thousandths / 1_000, thousandths % 1_000);
        comes_back(&text.parse::<Rate>().unwrap());
    }

    #[test]
    fn what_a_ratio_prints_it_reads(millionths in 0_u32..=100_000_000) {
        let text = format!("{}.{:06}%", millionths / 1_000_000, millionths % 1_000_000);
        comes_back(&text.parse::<Ratio>().unwrap());
    }

    #[test]
    fn no_text_is_too_odd(text in ".*") {
        let _ = (text.parse::<Count>(), text.parse::<Rate>(), text.parse::<Ratio>(), text.parse::<Time>());
    }

    #[test]
    fn nearly_quantities_are_not_too_odd(text in "[0-9._/%kMGmhsun µ-]{0,24}") {
        let _ = (text.parse::<Count>(), text.parse::<Rate>(), text.parse::<Ratio>(), text.parse::<Time>());
    }
}
