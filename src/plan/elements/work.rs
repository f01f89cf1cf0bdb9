//! The work of a stage that ends when it is done, instead of after a time.

use crate::catalogue::ProtocolKind;
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, words};
use crate::plan::scale::Scale;
use crate::plan::span::Span;
use crate::units::Count;
use crate::units::figure::grouped;
use serde::{Deserialize, Serialize};

/// What the users of a stage do together. The stage ends when it is done, or with its hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FixedWork {
    /// So many iterations.
    Iterations(u64),
    /// An iteration for each unique row of data that is left.
    Data,
}

impl FixedWork {
    /// For people: `10,000 iterations`, `until the data is used up`.
    pub fn words(self) -> String {
        match self {
            Self::Iterations(1) => "1 iteration".to_owned(),
            Self::Iterations(count) => format!("{} iterations", grouped(count)),
            Self::Data => "until the data is used up".to_owned(),
        }
    }
}

words! {
    /// What ends a stage before its hold does.
    UntilWord {
        /// No unique row of data is left.
        Data = "data",
    }
}

/// The most iterations of a stage.
const MOST: u64 = 1_000_000_000_000;

/// The keys of a stage that say its work, or go with them.
pub(super) struct WorkKeys<'a> {
    pub iterations: &'a Field<Count>,
    pub until: &'a Field<UntilWord>,
    /// Where the stage has a rate.
    pub rate: Option<Span>,
    pub has_hold: bool,
}

/// The fixed work of a stage, if it has any.
pub(super) fn work(
    raw: &WorkKeys<'_>,
    protocol: Option<ProtocolKind>,
    scale: Scale,
    errors: &mut Errors,
) -> Option<FixedWork> {
    let until = raw.until.given().map(|given| ("until", given.at));
    let iterations = raw.iterations.given().map(|given| ("iterations", given.at));
    let (key, at) = iterations.or(until)?;
    if protocol.is_some_and(|protocol| protocol.row().lasts) {
        errors
            .add(at, format!("`{key}` belongs to http, and connections here are held"))
            .help(format!("leave `{key}` out: `hold` says how long connections are held"));
        return None;
    }
    if let (Some((_, until)), Some(_)) = (until, iterations) {
        errors
            .add(until, "a stage has `iterations` or `until`, not both")
            .also(at, "the number of iterations")
            .help("remove one of them");
    }
    if let Some(rate) = raw.rate {
        errors
            .add(at, format!("`{key}` goes with `users`, and this stage has a `rate`"))
            .also(rate, "the rate")
            .help(format!("leave `{key}` out: `rate` and `hold` say how many arrivals there are"));
    }
    if !raw.has_hold {
        errors
            .add(at, format!("a stage with `{key}` needs a `hold`: its latest end"))
            .help("add `hold = \"10m\"`: the stage ends before it when its work is done");
    }
    let Some(At { at, value: Count(count) }) = raw.iterations.given() else {
        return Some(FixedWork::Data);
    };
    if *count == 0 {
        errors
            .add(*at, "a stage cannot have zero iterations")
            .help("write at least 1: `iterations = 1`");
    }
    if *count > MOST {
        errors
            .add(*at, format!("a stage has at most {} iterations", Count(MOST)))
            .help("write fewer iterations");
    }
    Some(FixedWork::Iterations(scale.count(*count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::*;

    #[test]
    fn a_stage_has_a_number_of_iterations_or_all_of_the_data() {
        let stage =
            |keys: &str| format!("scenarios.web.stages=[{{ users = 10, hold = \"1m\", {keys} }}]");
        let work = |keys: &str, more: &[&str]| {
            let stages = stage(keys);
            let all: Vec<&str> =
                std::iter::once(stages.as_str()).chain(more.iter().copied()).collect();
            set(WEB, &all).scenarios[0].stages[0].work
        };
        assert_eq!(work("", &[]), None);
        assert_eq!(work("iterations = \"10k\"", &[]), Some(FixedWork::Iterations(10_000)));
        let data = "scenarios.web.data={ file = \"rows.csv\", order = \"unique\" }";
        assert_eq!(work("until = \"data\"", &[data]), Some(FixedWork::Data));
    }
}
