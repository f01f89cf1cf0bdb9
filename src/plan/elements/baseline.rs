//! The earlier run that thresholds are relative to.

use crate::plan::error::Errors;
use crate::plan::raw::Field;
use crate::plan::span::TextRange;
use crate::plan::text::Text;
use crate::plan::{Overrides, Scenario, names, overrides};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the results of that run are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineFolder {
    /// As seen from the plan's folder; that of the command line from the working directory.
    pub path: PathBuf,
    /// Where the plan names it; `None`: the command line does.
    pub spot: TextRange,
}

pub(in crate::plan) fn baseline(
    field: &Field<Text>,
    overrides: &Overrides,
    scenarios: &[Scenario],
    errors: &mut Errors,
) -> Option<BaselineFolder> {
    let written = field.given().and_then(|given| {
        let folder = names::public(given, errors)?;
        Some((folder.to_owned(), given.at))
    });
    let (folder, at) = overrides::baseline(overrides, errors).or(written)?;
    if folder.is_empty() {
        errors.add(at, "the path of a result folder cannot be empty");
        return None;
    }
    let is_used =
        scenarios.iter().flat_map(|one| &one.thresholds).any(|one| one.relative.is_some());
    if !is_used && errors.count() == 0 {
        errors
            .add(at, "no threshold is relative to this baseline")
            .help("write a bound with its sign: `service_time.p99 <= +5%`; or leave it out");
    }
    let spot = at.argument.is_none().then(|| at.range());
    Some(BaselineFolder { path: folder.into(), spot })
}
