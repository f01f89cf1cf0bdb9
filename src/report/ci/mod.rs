//! Turns a saved run into what CI systems read: JUnit XML, Markdown, OpenMetrics, annotations at a
//! plan's lines.
//!
//! **Invariant:** a broken threshold of a valid run is a failure, whatever makes a run INVALID is
//! an error, and nothing that was not measured passes.

mod annotations;
mod case;
mod junit;
mod markdown;
mod openmetrics;

pub use annotations::{github, github_plan_errors};
pub use junit::{junit, junit_search};
pub use markdown::{markdown, markdown_search};
pub use openmetrics::{openmetrics, openmetrics_search};
