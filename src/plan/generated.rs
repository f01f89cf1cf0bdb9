//! Values that are generated for each pass: `${uuid}`, `${random.int(1,100)}`, `${now}` and others.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A value that is generated for each pass of a user or arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// How the plan spells it, which is part of what its value is drawn from: `random.int(1,6).a`.
    pub spelling: String,
    /// The generated value.
    pub kind: GeneratedKind,
}

/// The kinds of generated values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GeneratedKind {
    /// A UUID of version 4 (RFC 9562).
    Uuid,
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// One of these; at least one.
    Choice(Vec<String>),
    /// The number of the user or arrival, from 0.
    User {
        /// The fewest digits; zeros fill what is missing.
        digits: u8,
    },
    /// The number of the user's pass, from 0.
    Iteration,
    /// The time at which the request is sent.
    Now(TimeFormat),
}

/// How a time is written, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeFormat {
    /// `2026-11-29T05:19:25.123Z` (RFC 3339).
    Rfc3339,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// By `strftime`.
    Pattern(String),
}

/// All forms, for help texts.
pub(super) const FORMS: &str = "`${uuid}`, `${random.int(1,100)}`, `${random.choice(a,b)}`, `${user}`, `${user(8)}`, `${iteration}`, `${now}`, `${now(unix)}`, `${now(unix_ms)}` or `${now(%Y-%m-%d)}`";

impl Generated {
    /// The generated value that stands between `${` and `}`; `None` where it is another kind of
    /// placeholder.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        let (call, label) = split(text);
        let kind = match call {
            ("uuid", None) => GeneratedKind::Uuid,
            ("user", None) => GeneratedKind::User { digits: 0 },
            ("user", Some(digits)) => user(digits)?,
            ("iteration", None) => GeneratedKind::Iteration,
            ("random.int", Some(arguments)) => integer(arguments)?,
            ("random.choice", Some(arguments)) => choice(arguments)?,
            ("now", None) => GeneratedKind::Now(TimeFormat::Rfc3339),
            ("now", Some(format)) => GeneratedKind::Now(time(format)?),
            ("random.int", None) => return Err("needs two numbers: `${random.int(1,100)}`".into()),
            ("random.choice", None) => {
                return Err("needs what is chosen from: `${random.choice(a,b)}`".into());
            }
            _ => return Ok(None),
        };
        let labelled = matches!(
            kind,
            GeneratedKind::Uuid | GeneratedKind::Integer(..) | GeneratedKind::Choice(_)
        );
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        match label {
            Some(_) if !labelled => Err("takes no name behind a dot".into()),
            Some(label) if label.is_empty() || !label.chars().all(plain) => {
                Err("has a name behind its dot that is not of letters, digits, `_` and `-`".into())
            }
            _ => Ok(Some(Self { spelling: text.to_owned(), kind })),
        }
    }
}

/// Name, arguments between parentheses, and what stands behind the next dot.
fn split(text: &str) -> ((&str, Option<&str>), Option<&str>) {
    if let Some((name, rest)) = text.split_once('(')
        && let Some((arguments, behind)) = rest.rsplit_once(')')
    {
        let label = behind.strip_prefix('.').or((!behind.is_empty()).then_some(""));
        return ((name, Some(arguments)), label);
    }
    match text.split_once('.') {
        Some(("random", _)) | None => ((text, None), None),
        Some((name, label)) => ((name, None), Some(label)),
    }
}

fn integer(arguments: &str) -> Result<GeneratedKind, String> {
    let words = "needs two whole numbers, the smaller one first: `${random.int(1,100)}`";
    let (least, most) = arguments.split_once(',').ok_or(words)?;
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| words);
    let (least, most) = (number(least)?, number(most)?);
    if least > most {
        return Err(words.to_owned());
    }
    Ok(GeneratedKind::Integer(least, most))
}

fn user(digits: &str) -> Result<GeneratedKind, String> {
    let digits = digits.trim().parse().ok().filter(|digits| (1..=20).contains(digits));
    let digits = digits.ok_or("takes 1 to 20 digits: `${user(8)}`")?;
    Ok(GeneratedKind::User { digits })
}

fn choice(arguments: &str) -> Result<GeneratedKind, String> {
    let unquoted = |text: &str| {
        let text = text.trim();
        let inside = ['"', '\'']
            .iter()
            .find_map(|quote| text.strip_prefix(*quote).and_then(|text| text.strip_suffix(*quote)));
        inside.unwrap_or(text).to_owned()
    };
    let choices: Vec<String> = arguments.split(',').map(unquoted).collect();
    if choices.iter().any(String::is_empty) {
        return Err("has an empty choice: `${random.choice(a,b)}`".to_owned());
    }
    Ok(GeneratedKind::Choice(choices))
}

fn time(format: &str) -> Result<TimeFormat, String> {
    match format {
        "unix" => Ok(TimeFormat::UnixSeconds),
        "unix_ms" => Ok(TimeFormat::UnixMilliseconds),
        pattern if pattern.contains('%') => {
            let epoch = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
            strtime::format(pattern, &epoch)
                .map(|_| TimeFormat::Pattern(pattern.to_owned()))
                .map_err(|error| format!("has a format that is not valid: {error}"))
        }
        _ => Err("takes `unix`, `unix_ms` or a format of strftime: `${now(%Y-%m-%d)}`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let kind = |text: &str| Generated::parse(text).unwrap().unwrap().kind;
        assert_eq!(kind("uuid"), GeneratedKind::Uuid);
        assert_eq!(kind("uuid.order"), GeneratedKind::Uuid);
        assert_eq!(kind("random.int(-5, 7)"), GeneratedKind::Integer(-5, 7));
        assert_eq!(kind("random.int(1,6).a"), GeneratedKind::Integer(1, 6));
        let choices = vec!["a b".to_owned(), "c".to_owned()];
        assert_eq!(kind("random.choice(\"a b\", c)"), GeneratedKind::Choice(choices));
        assert_eq!(
            (kind("user"), kind("iteration")),
            (GeneratedKind::User { digits: 0 }, GeneratedKind::Iteration)
        );
        assert_eq!(kind("user(8)"), GeneratedKind::User { digits: 8 });
        assert_eq!(kind("now"), GeneratedKind::Now(TimeFormat::Rfc3339));
        assert_eq!(kind("now(unix_ms)"), GeneratedKind::Now(TimeFormat::UnixMilliseconds));
        let pattern = TimeFormat::Pattern("%d.%m.%Y".to_owned());
        assert_eq!(kind("now(%d.%m.%Y)"), GeneratedKind::Now(pattern));
    }

    #[test]
    fn other_placeholders_are_left_and_wrong_ones_are_refused() {
        for other in ["row.uuid", "var.user", "env.NOW", "uuids", "random", "random.float(1)"] {
            assert_eq!(Generated::parse(other), Ok(None), "{other}");
        }
        for wrong in [
            "random.int",
            "random.int(1)",
            "random.int(6,1)",
            "random.int(1,x)",
            "random.choice",
            "random.choice()",
            "random.choice(a,,b)",
            "now(iso)",
            "now(%Q%)",
            "user.a",
            "user(0)",
            "user(21)",
            "now.a",
            "uuid.",
            "uuid.a b",
            "random.int(1,6)a",
        ] {
            assert!(Generated::parse(wrong).is_err(), "{wrong}");
        }
    }
}
