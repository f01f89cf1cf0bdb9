//! Turns the verdicts of runs at single levels into the next level to run, and at last into the
//! highest one that passes.
//!
//! **Invariant:** a level that did not pass is never run again, nor is one above it; so every
//! search ends.

use super::Verdict;
use crate::plan::{Search, SearchWay};
use crate::units::Ratio;
use std::collections::BTreeSet;

/// A search in progress.
#[derive(Debug, Clone)]
pub struct CapacitySearch {
    search: Search,
    passed: BTreeSet<u64>,
    /// The lowest level that did not pass.
    broken: Option<u64>,
    /// Runs that passed again at the highest level that passed.
    confirmations: u64,
    /// The level whose run proved nothing: it is run once more.
    unproven: Option<u64>,
    /// Whether that proved nothing either.
    limited: bool,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStep {
    /// A run at this level.
    Run {
        /// The level.
        level: u64,
        /// Whether it has passed before.
        again: bool,
    },
    /// The end.
    End(SearchOutcome),
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchOutcome {
    /// A level above broke a threshold.
    Broken {
        /// The highest level that passed.
        highest: u64,
        /// The lowest that did not.
        broken: u64,
    },
    /// Nothing broke: the highest level of the search passed.
    Max,
    /// The first level broke a threshold already.
    Nothing,
    /// Two runs at a level proved nothing: the generator's limit, not the target's.
    Generator {
        /// The highest level that passed.
        highest: Option<u64>,
        /// The level that could not be made.
        level: u64,
    },
}

impl CapacitySearch {
    /// A search at its start.
    pub fn new(search: Search) -> Self {
        Self {
            search,
            passed: BTreeSet::new(),
            broken: None,
            confirmations: 0,
            unproven: None,
            limited: false,
        }
    }

    /// The highest level that passed so far.
    pub fn highest(&self) -> Option<u64> {
        self.passed.last().copied()
    }

    /// The next step; it stays the same until a run's result is recorded.
    pub fn next(&self) -> SearchStep {
        let highest = self.highest();
        if let Some(level) = self.unproven {
            let again = self.passed.contains(&level);
            return if self.limited {
                SearchStep::End(SearchOutcome::Generator { highest, level })
            } else {
                SearchStep::Run { level, again }
            };
        }
        let Some(highest) = highest else {
            return match self.broken {
                None => SearchStep::Run { level: self.search.min, again: false },
                Some(_) => SearchStep::End(SearchOutcome::Nothing),
            };
        };
        if let Some(level) = self.between(highest) {
            return SearchStep::Run { level, again: false };
        }
        if self.confirmations < self.search.confirm {
            return SearchStep::Run { level: highest, again: true };
        }
        SearchStep::End(
            self.broken
                .map_or(SearchOutcome::Max, |broken| SearchOutcome::Broken { highest, broken }),
        )
    }

    /// Records the result of a run at this level.
    pub fn record(&mut self, level: u64, word: Verdict) {
        match word {
            Verdict::Invalid if self.unproven == Some(level) => self.limited = true,
            Verdict::Invalid => self.unproven = Some(level),
            Verdict::Pass | Verdict::Fail => self.unproven = None,
        }
        match word {
            Verdict::Pass if self.passed.contains(&level) => self.confirmations += 1,
            Verdict::Pass => {
                self.passed.insert(level);
                self.confirmations = 0;
            }
            Verdict::Fail => {
                self.passed.retain(|passed| *passed < level);
                self.broken = Some(self.broken.map_or(level, |broken| broken.min(level)));
                self.confirmations = 0;
            }
            Verdict::Invalid => {}
        }
    }

    /// The next level above the highest that passed; `None` when there is none worth a run.
    fn between(&self, highest: u64) -> Option<u64> {
        let top = self.broken.map_or(self.search.max, |broken| broken - 1);
        let next = match (self.search.way, self.broken) {
            (SearchWay::Step(step), _) => highest.saturating_add(step),
            (SearchWay::Bisect(_), None) => highest.saturating_mul(2),
            (SearchWay::Bisect(Ratio(precision)), Some(broken)) => {
                let gap = broken - highest;
                if gap as f64 <= highest as f64 * precision {
                    return None;
                }
                highest + gap / 2
            }
        };
        // The last step up to the end of the search may be a short one.
        let next = if self.broken.is_none() { next.min(top) } else { next };
        (next > highest && next <= top).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::LevelUnit;
    use proptest::prelude::*;

    fn search(min: u64, max: u64, way: SearchWay, confirm: u64) -> Search {
        let unit = LevelUnit::Users;
        Search { scenario: "s".into(), stage: 0, unit, min, max, way, confirm, at_least: min }
    }

    /// Runs a search on a target that breaks above `limit`; the levels that were run, and the end.
    fn run_search(search: &Search, limit: u64) -> (Vec<u64>, SearchOutcome) {
        let (mut capacity, mut levels) = (CapacitySearch::new(search.clone()), Vec::new());
        loop {
            match capacity.next() {
                SearchStep::End(outcome) => return (levels, outcome),
                SearchStep::Run { level, .. } => {
                    levels.push(level);
                    capacity
                        .record(level, if level <= limit { Verdict::Pass } else { Verdict::Fail });
                }
            }
            assert!(levels.len() < 200, "{levels:?}");
        }
    }

    #[test]
    fn steps_go_up_until_one_breaks_and_confirm() {
        let search = search(100, 1_000, SearchWay::Step(200), 2);
        assert_eq!(
            run_search(&search, 550),
            (
                vec![100, 300, 500, 700, 500, 500],
                SearchOutcome::Broken { highest: 500, broken: 700 }
            )
        );
        let (levels, outcome) = run_search(&search, 5_000);
        assert_eq!(
            (levels, outcome),
            (vec![100, 300, 500, 700, 900, 1_000, 1_000, 1_000], SearchOutcome::Max)
        );
        assert_eq!(run_search(&search, 99), (vec![100], SearchOutcome::Nothing));
    }

    #[test]
    fn bisecting_doubles_and_then_halves() {
        let search = search(100, 10_000, SearchWay::Bisect(Ratio(0.05)), 1);
        let (levels, outcome) = run_search(&search, 1_230);
        assert_eq!(levels, [100, 200, 400, 800, 1_600, 1_200, 1_400, 1_300, 1_250, 1_200]);
        assert_eq!(outcome, SearchOutcome::Broken { highest: 1_200, broken: 1_250 });
    }

    #[test]
    fn a_level_that_is_not_confirmed_did_not_pass() {
        let mut capacity = CapacitySearch::new(search(10, 40, SearchWay::Step(10), 1));
        for (level, word) in [(10, Verdict::Pass), (20, Verdict::Pass), (30, Verdict::Fail)] {
            assert_eq!(capacity.next(), SearchStep::Run { level, again: false });
            capacity.record(level, word);
        }
        assert_eq!(capacity.next(), SearchStep::Run { level: 20, again: true });
        capacity.record(20, Verdict::Fail);
        assert_eq!(capacity.next(), SearchStep::Run { level: 10, again: true });
        capacity.record(10, Verdict::Pass);
        assert_eq!(
            capacity.next(),
            SearchStep::End(SearchOutcome::Broken { highest: 10, broken: 20 })
        );
    }

    #[test]
    fn what_proves_nothing_is_run_once_more_and_then_ends_the_search() {
        let mut capacity = CapacitySearch::new(search(10, 40, SearchWay::Step(10), 0));
        capacity.record(10, Verdict::Pass);
        capacity.record(20, Verdict::Invalid);
        assert_eq!(capacity.next(), SearchStep::Run { level: 20, again: false });
        capacity.record(20, Verdict::Pass);
        capacity.record(30, Verdict::Invalid);
        capacity.record(30, Verdict::Invalid);
        let end = SearchOutcome::Generator { highest: Some(20), level: 30 };
        assert_eq!(capacity.next(), SearchStep::End(end));
    }

    proptest! {
        #[test]
        fn the_limit_is_found(min in 1_u64..1_000, more in 1_u64..1_000_000, limit in 0_u64..1_200_000, step in 5_000_u64..100_000, bisect: bool) {
            let way = if bisect { SearchWay::Bisect(Ratio(0.05)) } else { SearchWay::Step(step) };
            let max = min + more;
            match run_search(&search(min, max, way, 1), limit).1 {
                SearchOutcome::Max => prop_assert!(limit >= max),
                SearchOutcome::Nothing => prop_assert!(limit < min),
                SearchOutcome::Generator { .. } => prop_assert!(false),
                SearchOutcome::Broken { highest, broken } => {
                    prop_assert!(highest <= limit && limit < broken && broken <= max);
                    let close = if bisect { (highest as f64 * 0.05).max(1.0) } else { step as f64 };
                    prop_assert!((broken - highest) as f64 <= close);
                }
            }
        }
    }
}
