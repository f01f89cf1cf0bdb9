//! Texts and overrides that are unlikely in practice.

use super::*;
use proptest::prelude::*;

const EVERY_KEY: &str = include_str!("../../../tests/plans/ok/every-key.toml");

proptest! {
    #[test]
    fn no_text_is_too_odd(text in ".{0,200}") {
        let _ = read(&text, &Overrides::default());
    }

    /// A plan with a piece cut out and another put in is read, or has an error: it is never half of
    /// a plan, and nothing panics.
    #[test]
    fn no_slip_is_too_odd(
        from in 0..EVERY_KEY.len(),
        length in 0_usize..40,
        piece in "([a-z_]{0,8}|[0-9]{0,6}[smk%]?|[\\[\\]{}=\",.\\n#$ -]{0,4})",
    ) {
        let text: String = EVERY_KEY
            .chars()
            .take(from)
            .chain(piece.chars())
            .chain(EVERY_KEY.chars().skip(from + length))
            .collect();
        let source = Source { name: "plan.toml".to_owned(), text };
        let environment = |_: &str| Some("10.0.0.1".to_owned());
        match Plan::parse(&source, &Overrides::default(), &environment) {
            Ok(plan) => {
                prop_assert!(!plan.scenarios.is_empty() && !plan.targets.is_empty());
                prop_assert!(plan.scenarios.iter().all(|one| one.target < plan.targets.len() && !one.stages.is_empty()));
            }
            Err(errors) => {
                prop_assert!(errors.count() > 0);
                let places = errors.iter().map(|error| errors.line_and_column(error));
                prop_assert!(places.into_iter().all(|place| place.is_some()), "{errors}");
            }
        }
    }

    #[test]
    fn no_override_is_too_odd(set in ".{0,40}", target in ".{0,20}", scale in ".{0,8}", only in ".{0,8}") {
        let overrides = Overrides { set: vec![set], scale: Some(scale), target: vec![target], only: vec![only], baseline: None };
        let _ = read(HOLD, &overrides);
    }

    #[test]
    fn no_path_of_an_override_is_too_odd(path in "(scenarios|targets|name|hold|stages|0|1|up|\"|\\.){0,7}", value in "(5|\"x\"|\\[|\\{|true|1s|=){0,3}") {
        let overrides = Overrides { set: vec![format!("{path}={value}")], ..Overrides::default() };
        let _ = read(HOLD, &overrides);
    }
}
