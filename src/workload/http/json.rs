//! Turns the text of JSON into the text of a value in it, and two texts into whether they mean the
//! same.
//!
//! **Invariant:** a number is its digits: none of it is ever rounded, or written another way than
//! the text has it.

use crate::plan::Comparison;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The source text of the value at a JSON Pointer (RFC 6901) in `json`; `None` when there is
/// nothing.
pub(super) fn pointed<'a>(json: &'a RawValue, pointer: &str) -> Option<&'a str> {
    let mut value = json;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        value = if let Some(fields) = fields(value.get()) {
            fields.get(token.as_str()).copied()?
        } else {
            items(value.get())?.get(index(&token)?).copied()?
        };
    }
    Some(value.get())
}

/// A place in a list: digits, without zeros in front.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit());
    token.parse().ok().filter(|_| plain && (token == "0" || !token.starts_with('0')))
}

/// The text itself where a value is a string; `None` for any other value.
fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// A value as text: a string without its quotes, anything else as it is written.
///
/// # Errors
/// The error of a string with a lone surrogate.
pub(super) fn text(json: &str) -> Result<Cow<'_, str>, &'static str> {
    match string(json) {
        Some(text) => Ok(text.into()),
        None if json.starts_with('"') => {
            Err("a string with half of a surrogate pair, which no text can have")
        }
        None => Ok(json.into()),
    }
}

fn fields(json: &str) -> Option<Fields<'_>> {
    json.starts_with('{').then(|| serde_json::from_str(json).ok())?
}

fn items(json: &str) -> Option<Vec<&RawValue>> {
    json.starts_with('[').then(|| serde_json::from_str(json).ok())?
}

/// Whether two values are the same. Numbers are when their values are, digit by digit: `1`, `1.0`
/// and `10e-1`.
pub(super) fn same(left: &str, right: &str) -> bool {
    if let (Some(left), Some(right)) = (fields(left), fields(right)) {
        let has = |(key, left): (&Cow<'_, str>, &&RawValue)| {
            right.get(key).is_some_and(|right| same(left.get(), right.get()))
        };
        return left.len() == right.len() && left.iter().all(has);
    }
    if let (Some(left), Some(right)) = (items(left), items(right)) {
        let pairs = || left.iter().zip(&right);
        return left.len() == right.len() && pairs().all(|(one, two)| same(one.get(), two.get()));
    }
    match (string(left), string(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => match (Decimal::of(left), Decimal::of(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
        _ => false,
    }
}

/// Whether a value is what a string of JSON says: the string itself, or a number, a boolean or
/// `null` that is written like it.
pub(super) fn same_text(value: &str, text: &str) -> bool {
    string(text).is_some_and(|text| same(value, &text))
}

/// Why a comparison does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uncompared {
    /// The numbers are not so.
    Differs,
    /// The value is not a number.
    Value,
    /// The bound is not a number.
    Bound,
}

/// Compares a number with a bound, digit by digit.
pub(super) fn compared(value: &str, comparison: Comparison, bound: &str) -> Result<(), Uncompared> {
    let bound = Decimal::of(bound).ok_or(Uncompared::Bound)?;
    let ordering = Decimal::of(value).ok_or(Uncompared::Value)?.cmp(&bound);
    let holds = match comparison {
        Comparison::Less => ordering.is_lt(),
        Comparison::AtMost => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::AtLeast => ordering.is_ge(),
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
    };
    holds.then_some(()).ok_or(Uncompared::Differs)
}

/// A number: `0.digits` times ten to the power of `exponent`; its first and last digits are no
/// zeros.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |one: &Self| (!one.digits.is_empty()).then_some(one.exponent);
        // Zero is smaller than any other size; equal exponents leave it to the digits.
        let sizes = size(self).cmp(&size(other)).then_with(|| self.digits.cmp(&other.digits));
        match (self.is_negative, other.is_negative) {
            (false, false) => sizes,
            (true, true) => sizes.reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Decimal {
    /// `None` where it is not a number, or its exponent is out of range.
    fn of(json: &str) -> Option<Self> {
        let (is_negative, number) = match json.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, json),
        };
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (mantissa, power) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{part}");
        let digits = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, exponent: 0 });
        }
        let point = i64::try_from(whole.len()).ok()?;
        let power: i64 = power.trim_start_matches('+').parse().ok()?;
        let exponent = power.checked_add(point)?.checked_sub(zeros)?;
        Some(Self { is_negative, digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_as_they_are_written() {
        let text = r#"{"id":9007199254740993, "a/b":[1.10, {"~":1e2}, null, "x\ny"], "o": { "k" : 10.50 }, "k":1,"k":2}"#;
        let json: &RawValue = serde_json::from_str(text).unwrap();
        for (pointer, value) in [
            ("/id", Some("9007199254740993")),
            ("/a~1b/0", Some("1.10")),
            ("/a~1b/1/~0", Some("1e2")),
            ("/a~1b/2", Some("null")),
            ("/a~1b/3", Some(r#""x\ny""#)),
            ("/o", Some(r#"{ "k" : 10.50 }"#)),
            ("/k", Some("2")),
            ("", Some(text)),
            ("/a~1b/00", None),
            ("/a~1b/+1", None),
            ("/a~1b/4", None),
            ("/a~1b/-", None),
            ("/id/x", None),
            ("/none", None),
        ] {
            assert_eq!(pointed(json, pointer), value, "{pointer}");
        }
        assert_eq!(string(r#""x\n\u00e4""#).as_deref(), Some("x\nä"));
        assert_eq!(string("7"), None);
        assert_eq!(
            (super::text("1.0").as_deref(), super::text(r#""a""#).as_deref()),
            (Ok("1.0"), Ok("a"))
        );
        assert_eq!(super::text(r#""\ud83d\ude00""#).as_deref(), Ok("\u{1f600}"));
        assert!(super::text(r#""\ud800""#).is_err());
    }

    #[test]
    fn numbers_are_the_same_when_their_values_are() {
        for (left, right) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("100", "1.00E+2"),
            ("0.001", "1e-3"),
            ("0", "-0.0e7"),
            ("10.50", "10.5"),
            ("12345678901234567890123", "1.2345678901234567890123e22"),
            ("9007199254740993", "9007199254740993.000"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert!(same(left, right) && same(right, left), "{left} {right}");
        }
        for (left, right) in [
            ("9007199254740993", "9007199254740992"),
            ("12345678901234567890123", "12345678901234567890124"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1", "-1"),
            ("1", "10"),
            ("1", "\"1\""),
            ("1", "true"),
            ("0", "null"),
            ("1e400", "1e401"),
        ] {
            assert!(!same(left, right) && !same(right, left), "{left} {right}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_all_of_their_digits() {
        let sorted = [
            "-1e30",
            "-10",
            "-9.5",
            "-1e-3",
            "0",
            "1e-300",
            "0.1",
            "0.12",
            "0.123",
            "1",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e400",
        ];
        for (at, left) in sorted.iter().enumerate() {
            for (other, right) in sorted.iter().enumerate() {
                let compare = |comparison| compared(left, comparison, right).is_ok();
                assert_eq!(compare(Comparison::Less), at < other, "{left} {right}");
                assert_eq!(compare(Comparison::AtLeast), at >= other, "{left} {right}");
                assert_eq!(compare(Comparison::Equal), at == other, "{left} {right}");
            }
        }
        assert_eq!(compared("-0.0", Comparison::Equal, "0"), Ok(()));
        assert_eq!(compared("\"1\"", Comparison::Equal, "1"), Err(Uncompared::Value));
        assert_eq!(compared("1", Comparison::Equal, "x"), Err(Uncompared::Bound));
        assert!(same_text("7", "\"7.0\"") && same_text("true", "\"true\""));
        assert!(!same_text("7", "\"8\"") && !same_text("7", "7"));
    }

    #[test]
    fn lists_and_objects_are_the_same_when_all_in_them_is() {
        assert!(same(r#"{"a":[1,2.0],"b":"\u0061"}"#, r#"{ "b" : "a", "a" : [1.0, 2] }"#));
        assert!(same("[]", "[ ]") && same("{}", "{ }") && same("null", "null"));
        for (left, right) in [
            ("[1]", "[1,2]"),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            ("[1,2]", "[2,1]"),
            ("[]", "{}"),
            ("true", "false"),
        ] {
            assert!(!same(left, right), "{left} {right}");
        }
    }
}
