//! Compares the figures of a derived file with those of the same file as it is made today.
//!
//! Every figure of the saved file must be the same today. Today's may have keys that did not exist
//! when the run was made, and no others: a key that was removed is noticed. Sentences are for
//! people, and no figures.

use super::shown;
use jiff::Timestamp;
use serde_json::Value;

/// Keys whose values are sentences, name the program that wrote them, or are digests of a plan as
/// that program reads it: a build that knows more keys has others. `compare` computes both anew.
const NO_FIGURES: [&str; 6] = ["detail", "notes", "warnings", "why", "schema", "digests"];

/// A figure that is computed otherwise since some time.
struct Correction {
    key: &'static str,
    /// Runs from before that have the earlier figure.
    before: &'static str,
    why: &'static str,
}

const CORRECTIONS: [Correction; 1] = [Correction {
    key: "kernel_bytes_per_connection",
    before: "2026-11-22T20:00:00Z",
    why: "what the kernel's memory of a connection is divided by was corrected after this run",
}];

/// Keys that reports have had only since this time.
const ADDED: [(&str, &str); 5] = [
    ("condition", "2026-11-24T00:00:00Z"),
    ("digests", "2026-11-24T00:00:00Z"),
    ("health", "2026-11-23T00:00:00Z"),
    ("of", "2026-11-24T00:00:00Z"),
    ("requests", "2026-11-24T00:00:00Z"),
];

/// Two files have the same figures.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// Figures that differ because they were corrected, in words.
    pub(super) corrected: Vec<String>,
}

/// Compares JSON of a run of that time.
pub(super) fn json(saved: &[u8], derived: &[u8], made: Timestamp) -> Result<Agreement, String> {
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes);
    let saved = parse(saved).map_err(|error| format!("it is not JSON: {error}"))?;
    let derived = parse(derived).map_err(|error| format!("it is not JSON: {error}"))?;
    let mut agreement = Agreement::default();
    stands_in(&saved, &derived, "", made, &mut agreement)?;
    Ok(agreement)
}

/// Everything in `old` is also in `new`, which may have keys that were added since.
fn stands_in(
    old: &Value,
    new: &Value,
    place: &str,
    made: Timestamp,
    agreement: &mut Agreement,
) -> Result<(), String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old.iter().filter(|(key, _)| !NO_FIGURES.contains(&key.as_str())) {
                let place = format!("{place}/{key}");
                let expected = new.get(key).unwrap_or(&Value::Null);
                if let Some(one) = CORRECTIONS.iter().find(|one| is_corrected(one, key, made)) {
                    if value != expected {
                        agreement.corrected.push(format!("{place}: {}", one.why));
                    }
                    continue;
                }
                stands_in(value, expected, &place, made, agreement)?;
            }
            let gone = |key: &&String| !old.contains_key(*key) && !is_new(key, made);
            match new.keys().find(gone) {
                None => Ok(()),
                Some(key) => Err(format!("{place}/{key} is missing, the recording gives it")),
            }
        }
        (Value::Array(old), Value::Array(new)) if !is_a_set(place) => {
            if old.len() != new.len() {
                let (old, new) = (old.len(), new.len());
                return Err(format!("{place} has {old} entries, the recording gives {new}"));
            }
            let mut pairs = old.iter().zip(new).enumerate();
            pairs.try_for_each(|(at, (old, new))| {
                stands_in(old, new, &format!("{place}/{at}"), made, agreement)
            })
        }
        (Value::Array(old), Value::Array(new)) => {
            let is_found = |value: &Value| {
                let of = |one| stands_in(value, one, place, made, &mut Agreement::default());
                new.iter().any(|one| of(one).is_ok())
            };
            match old.iter().find(|value| !is_found(value)) {
                None => Ok(()),
                Some(value) => Err(format!(
                    "{place} has `{}`, which the recording does not give",
                    shown(&value.to_string())
                )),
            }
        }
        (old, new) if old == new => Ok(()),
        (old, Value::Null) => Err(format!(
            "{place} is {}, which the recording does not give",
            shown(&old.to_string())
        )),
        (old, new) => Err(format!(
            "{place} is {}, the recording gives {}",
            shown(&old.to_string()),
            shown(&new.to_string())
        )),
    }
}

/// Whether reports of that time need not have a key.
fn is_new(key: &str, made: Timestamp) -> bool {
    let since = ADDED.iter().find(|(added, _)| *added == key);
    let since = since.and_then(|(_, since)| since.parse::<Timestamp>().ok());
    NO_FIGURES.contains(&key) || since.is_some_and(|since| made < since)
}

/// Rules are listed in the order of their table, which has grown and was sorted since.
fn is_a_set(place: &str) -> bool {
    ["/invalid", "/health"].iter().any(|one| place.ends_with(one))
}

fn is_corrected(one: &Correction, key: &str, made: Timestamp) -> bool {
    let before = one.before.parse::<Timestamp>();
    one.key == key && before.is_ok_and(|before| made < before)
}

/// Compares CSV, column by column.
pub(super) fn csv(saved: &[u8], derived: &[u8]) -> Result<Agreement, String> {
    let rows = |bytes: &[u8]| -> Result<Vec<csv::StringRecord>, String> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        reader
            .records()
            .collect::<Result<_, _>>()
            .map_err(|error| format!("it is not valid CSV: {error}"))
    };
    let (saved, derived) = (rows(saved)?, rows(derived)?);
    let empty = csv::StringRecord::new();
    let (was, is) = (saved.first().unwrap_or(&empty), derived.first().unwrap_or(&empty));
    if saved.len() != derived.len() {
        return Err(format!(
            "it has {} rows, the recording gives {}",
            saved.len().saturating_sub(1),
            derived.len().saturating_sub(1)
        ));
    }
    for (column, heading) in was.iter().enumerate() {
        let Some(at) = is.iter().position(|one| one == heading) else {
            let heading = shown(heading);
            return Err(format!("it has a column `{heading}`, which the recording does not give"));
        };
        let differs = |(saved, derived): &(&csv::StringRecord, &csv::StringRecord)| {
            saved.get(column) != derived.get(at)
        };
        if let Some(row) = saved.iter().zip(&derived).position(|pair| differs(&pair)) {
            let [old, new] = [(&saved, column), (&derived, at)]
                .map(|(rows, at)| shown(rows[row].get(at).unwrap_or_default()));
            return Err(format!(
                "row {row}, column `{heading}` is `{old}`, the recording gives `{new}`"
            ));
        }
    }
    Ok(Agreement::default())
}

/// Compares interval logs, but for their comments.
pub(super) fn log(saved: &[u8], derived: &[u8]) -> Result<Agreement, String> {
    let lines = |bytes: &[u8]| -> Vec<u8> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.filter(|line| !line.starts_with(b"#")).flatten().copied().collect()
    };
    let (saved, derived) = (lines(saved), lines(derived));
    if saved == derived {
        return Ok(Agreement::default());
    }
    Err(format!("without comments, {}", super::first_difference(&saved, &derived)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn what_is_new_today_is_no_difference_and_what_is_changed_is() {
        let made = at("2026-11-23T00:00:00Z");
        let same = |old: &str, new: &str| json(old.as_bytes(), new.as_bytes(), made);
        assert!(same(r#"{"a":1,"why":"x"}"#, r#"{"a":1,"requests":2,"why":"y"}"#).is_ok());
        assert!(same(r#"{"health":[{"r":"a"}]}"#, r#"{"health":[{"r":"b"},{"r":"a"}]}"#).is_ok());
        let changed = same(r#"{"a":{"b":[1,2]}}"#, r#"{"a":{"b":[1,3]}}"#).unwrap_err();
        assert_eq!(changed, "/a/b/1 is 2, the recording gives 3");
        let more = same(r#"{"a":1,"z":5}"#, r#"{"a":1}"#).unwrap_err();
        assert_eq!(more, "/z is 5, which the recording does not give");
        let other = same(r#"{"health":[{"r":"c"}]}"#, r#"{"health":[{"r":"b"},{"r":"a"}]}"#);
        assert!(other.unwrap_err().contains("which the recording does not give"));
        // A removed key was there when the run was made.
        let gone = same(r#"{"a":{}}"#, r#"{"a":{"b":2}}"#).unwrap_err();
        assert_eq!(gone, "/a/b is missing, the recording gives it");
        let fewer = same(r#"{"t":[1]}"#, r#"{"t":[1,2]}"#).unwrap_err();
        assert_eq!(fewer, "/t has 1 entries, the recording gives 2");
        let later = at("2026-11-29T00:00:00Z");
        let gone = json(br#"{"a":1}"#, br#"{"a":1,"requests":2}"#, later).unwrap_err();
        assert_eq!(gone, "/requests is missing, the recording gives it");
        assert!(same("{", "{}").unwrap_err().starts_with("it is not JSON"));
    }

    #[test]
    fn a_corrected_figure_is_said_to_be_one_in_earlier_runs_alone() {
        let (old, new) =
            (r#"{"kernel_bytes_per_connection":1}"#, r#"{"kernel_bytes_per_connection":2}"#);
        let of = |time| json(old.as_bytes(), new.as_bytes(), at(time));
        assert_eq!(of("2026-11-22T19:00:00Z").unwrap().corrected.len(), 1);
        assert!(of("2026-11-22T21:00:00Z").is_err());
    }

    #[test]
    fn columns_may_be_added_and_cells_may_not_change() {
        let same = |old: &str, new: &str| csv(old.as_bytes(), new.as_bytes());
        assert!(same("a,b\n1,2\n", "b,c,a\n2,9,1\n").is_ok());
        let changed = same("a,b\n1,2\n", "b,a\n3,1\n").unwrap_err();
        assert_eq!(changed, "row 1, column `b` is `2`, the recording gives `3`");
        assert!(same("a,x\n1,2\n", "a\n1\n").unwrap_err().contains("column `x`"));
        assert!(same("a\n1\n", "a\n1\n2\n").unwrap_err().contains("it has 1 rows"));
    }

    #[test]
    fn comments_of_a_log_are_no_figures() {
        assert!(log(b"#[planrun 0.1]\n1,2\n", b"#[planrun 0.2]\n#x\n1,2\n").is_ok());
        assert!(log(b"1,2\n", b"1,3\n").is_err());
    }
}
