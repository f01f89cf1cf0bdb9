//! The way from text to plan: TOML, overrides, keys, meaning; at each step everything that is
//! wrong.

use crate::plan::elements::plan::TABLES;
use crate::plan::elements::plan::{RawPlan, lower};
use crate::plan::error::{Errors, PlanErrors};
use crate::plan::interpolate::Environment;
use crate::plan::raw::Read;
use crate::plan::syntax::Usable;
use crate::plan::tree::Builder;
use crate::plan::{Overrides, Plan, Secrets, Source, earlier, overrides, syntax};
use toml::de::DeTable;

/// Larger plans are refused: bytes.
pub const LARGEST_PLAN: usize = 1 << 20;

/// Which keys a plan may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AcceptedKeys {
    /// The current version's.
    Current,
    /// Also those that earlier versions had.
    AlsoRenamed,
}

impl Plan {
    /// Reads a plan with the overrides of the command line. `environment` fills in `${env.NAME}`.
    ///
    /// # Errors
    /// Everything that is wrong with the plan, by place.
    pub fn parse(
        source: &Source,
        overrides: &Overrides,
        environment: Environment<'_>,
    ) -> Result<Self, PlanErrors> {
        Self::read(source, overrides, environment, AcceptedKeys::Current)
    }

    /// Reads the plan of a saved run, which may have keys that are called otherwise by now.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn parse_saved(
        source: &Source,
        overrides: &Overrides,
        environment: Environment<'_>,
    ) -> Result<Self, PlanErrors> {
        Self::read(source, overrides, environment, AcceptedKeys::AlsoRenamed)
    }

    fn read(
        source: &Source,
        overrides: &Overrides,
        environment: Environment<'_>,
        keys: AcceptedKeys,
    ) -> Result<Self, PlanErrors> {
        if source.text.len() > LARGEST_PLAN {
            return Err(PlanErrors::whole(
                source,
                format!("the plan is larger than 1 MiB ({} bytes)", source.text.len()),
                "a plan is a page of text: is this the right file?",
            ));
        }
        let mut errors = Errors::of(&TABLES);
        let (document, found) = DeTable::parse_recoverable(&source.text);
        let (trust, said) = syntax::report(&source.text, &document, &found, &mut errors);
        if document.get_ref().is_empty() && trust == Usable::Whole {
            let help = "`planrun init` writes a plan to start from";
            return Err(PlanErrors::whole(source, "the plan is empty", help));
        }
        if trust == Usable::Nothing || errors.is_full() {
            return Err(errors.into_errors(source));
        }
        let builder = Builder { text: &source.text, argument: None, offset: 0, environment };
        let wrong_values = errors.count();
        let mut tree = builder.document(document.get_ref(), &mut errors);
        overrides::apply(overrides, &mut tree, environment, &mut errors);
        if keys == AcceptedKeys::AlsoRenamed {
            earlier::rename_keys(&mut tree);
        }
        let raw = RawPlan::read(&tree, &mut errors).unwrap_or_default();
        let mut plan = lower(&raw, source, overrides, &mut errors);
        let secrets = Secrets::of(&tree, environment);
        for scenario in &mut plan.scenarios {
            let proxy = plan.targets.get(scenario.target).and_then(|one| one.proxy.as_ref());
            let hidden = proxy.map_or(&[][..], |proxy| &proxy.hidden);
            *scenario.protocol.secrets_mut() = secrets.with(hidden);
        }
        if wrong_values > 0 {
            // An error about a value that is not TOML is not repeated in other words.
            errors.retain_first(wrong_values, |span| {
                !said.iter().any(|range| {
                    range.start <= span.start && span.start < range.end.max(range.start + 1)
                })
            });
        }
        errors.finish(source).map(|()| plan)
    }
}
