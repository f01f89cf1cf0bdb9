//! Passes arbitrary bytes to each parser of untrusted input, and asserts invariants that must hold
//! whatever they are.
//!
//! There are two callers: cargo-fuzz (`fuzz/`), with bytes that it makes up, and ordinary tests,
//! with the seeds that it starts from.
//!
//! **Invariant:** the same bytes do the same; every choice is drawn from them.

mod answers;
mod import;
mod saved;
#[cfg(test)]
mod tests;
mod websocket;

pub use answers::{http1, http2};
pub use import::import;
pub use saved::{journal, rows, wire};
pub use websocket::websocket;

use crate::plan::{Overrides, Plan, PlanErrors, Source};
use crate::schedule::Schedule;
use fastrand::Rng;

/// The plan that answers are judged by and saved runs are of.
const PLAN: &str = include_str!("plan.toml");

/// The parser under test.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 8] = [
    ("http1", http1),
    ("http2", http2),
    ("import", import),
    ("journal", journal),
    ("plan", plan),
    ("rows", rows),
    ("websocket", websocket),
    ("wire", wire),
];

/// Choices that depend on the bytes alone.
fn choices(bytes: &[u8]) -> Rng {
    Rng::with_seed(u64::from(crc32fast::hash(bytes)))
}

/// The bytes in one to four pieces.
fn split<'a>(bytes: &'a [u8], rng: &mut Rng) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = (0..rng.usize(..4)).map(|_| rng.usize(..=bytes.len())).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn known_plan() -> Plan {
    let source = Source { name: "fuzzing".to_owned(), text: PLAN.to_owned() };
    match Plan::parse(&source, &Overrides::default(), &|_| None) {
        Ok(plan) => plan,
        Err(errors) => panic!("{errors}"),
    }
}

/// A plan's text, with the command line that `# args:` in its first lines says, as in
/// tests/plans/bad.
///
/// # Panics
/// Where an error has no place in the text, or a good plan has no schedule.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source { name: "fuzz.toml".to_owned(), text: text.to_owned() };
    let environment = |name: &str| (!name.is_empty()).then(|| "7".to_owned());
    match Plan::parse(&source, &overrides(text), &environment) {
        Ok(plan) => {
            assert!(!plan.scenarios.is_empty() && !plan.targets.is_empty());
            let schedule = Schedule::new(&plan);
            assert_eq!(schedule.scenarios().len(), plan.scenarios.len());
        }
        Err(errors) => assert_errors(&errors),
    }
}

/// The arguments of `# args:` in the first lines.
fn overrides(text: &str) -> Overrides {
    let mut overrides = Overrides::default();
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let mut words = line.strip_prefix("# args: ").unwrap_or_default().split_whitespace();
        while let (Some(option), Some(value)) = (words.next(), words.next()) {
            match option {
                "--set" => overrides.set.push(value.to_owned()),
                "--scale" => overrides.scale = Some(value.to_owned()),
                "--target" => overrides.target.push(value.to_owned()),
                "--only" => overrides.only.push(value.to_owned()),
                _ => {}
            }
        }
    }
    overrides
}

/// Every error can be shown at its place.
fn assert_errors(errors: &PlanErrors) {
    assert!(errors.count() > 0 && errors.iter().len() <= errors.count());
    let text = &errors.source().text;
    for error in errors {
        assert!(!error.message.is_empty());
        let spans = [error.span.as_ref(), error.also.as_ref().map(|(span, _)| span)];
        for span in spans.into_iter().flatten().filter(|_| error.argument.is_none()) {
            assert!(text.get(span.clone()).is_some(), "{span:?} of {error:?}");
        }
    }
    assert!(!crate::cli::rendered(errors).is_empty());
}
