//! Prepares the checks and extracts of a plan for use on responses.

use crate::plan::{AnswerLimits, Assertion, Comparison, ExtractFrom, Request, count_only};
use memchr::memmem::Finder;
use regex::bytes::Regex;
use std::sync::Arc;

/// The checks and extracts for the responses to one request.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says what is needed, and they combine")]
pub(super) struct Assertions {
    pub(super) checks: Vec<PreparedAssertion>,
    /// The bits of those that are only counted.
    pub(super) count_only: u64,
    /// Which variable, called what, from where.
    pub(super) extracts: Vec<(usize, String, ValueSource)>,
    /// Whether bodies must be kept.
    pub(super) keeps: bool,
    pub(super) content: bool,
    pub(super) gzip: bool,
    pub(super) cookies: bool,
    pub(super) redirects: bool,
    pub(super) limits: AnswerLimits,
}

#[derive(Debug)]
pub(super) enum PreparedAssertion {
    /// Looked at elsewhere.
    Elsewhere,
    Body(Box<[u8]>),
    Contains(Arc<Finder<'static>>),
    /// Where, and the value in JSON.
    Json(String, String),
    Header(String, String),
    Size(Comparison, u64),
}

#[derive(Debug)]
pub(super) enum ValueSource {
    Json(String),
    Header(String),
    Regex(Regex),
}

impl Assertions {
    /// Prepares them; `variables` are the names of all values.
    pub(super) fn new(request: &Request, variables: &[String], options: InspectionOptions) -> Self {
        let checks = request.checks.iter().map(|check| match &check.what {
            Assertion::Status(_) | Assertion::Time(_) => PreparedAssertion::Elsewhere,
            Assertion::Body(body) => PreparedAssertion::Body(body.as_bytes().into()),
            Assertion::Contains(text) => {
                PreparedAssertion::Contains(Arc::new(Finder::new(text.as_bytes()).into_owned()))
            }
            Assertion::Json { pointer, value } => {
                PreparedAssertion::Json(pointer.clone(), value.clone())
            }
            Assertion::Header { name, value } => {
                PreparedAssertion::Header(name.to_string(), value.clone())
            }
            Assertion::Size(comparison, bytes) => PreparedAssertion::Size(*comparison, *bytes),
        });
        let checks: Vec<PreparedAssertion> = checks.collect();
        let takes = request.extract.iter().filter_map(|one| {
            let place = match &one.from {
                ExtractFrom::Json(pointer) => ValueSource::Json(pointer.clone()),
                ExtractFrom::Header(name) => ValueSource::Header(name.to_string()),
                ExtractFrom::Regex(pattern) => ValueSource::Regex(pattern.regex().clone()),
            };
            let at = variables.iter().position(|name| *name == one.name)?;
            Some((at, one.name.clone(), place))
        });
        let takes: Vec<_> = takes.collect();
        let keeps = checks.iter().any(|one| matches!(one, PreparedAssertion::Json(..)))
            || takes.iter().any(|(_, _, place)| !matches!(place, ValueSource::Header(_)));
        let streams = |one: &PreparedAssertion| {
            matches!(one, PreparedAssertion::Body(_) | PreparedAssertion::Contains(_))
        };
        Self {
            content: keeps || checks.iter().any(streams),
            keeps,
            checks,
            count_only: count_only(&request.checks),
            extracts: takes,
            gzip: options.gzip,
            cookies: options.cookies,
            redirects: options.redirects,
            limits: options.limits,
        }
    }

    /// Whether a response can fail a check.
    pub(super) fn may_fail(&self) -> bool {
        let fails = |one: &PreparedAssertion| !matches!(one, PreparedAssertion::Elsewhere);
        !self.extracts.is_empty() || self.checks.iter().any(fails)
    }

    /// Whether an answer can be judged without any of this: by its status, and a body that is
    /// compared as it comes.
    pub(super) fn are_plain(&self) -> bool {
        let bodies =
            self.checks.iter().filter(|one| matches!(one, PreparedAssertion::Body(_))).count();
        let others = self
            .checks
            .iter()
            .any(|one| !matches!(one, PreparedAssertion::Elsewhere | PreparedAssertion::Body(_)));
        let plain =
            self.extracts.is_empty() && !others && bodies <= 1 && !(bodies > 0 && self.gzip);
        plain && !self.cookies && !self.redirects
    }
}

/// The settings of a scenario for all its responses.
#[derive(Debug, Clone, Copy)]
pub(super) struct InspectionOptions {
    pub gzip: bool,
    pub cookies: bool,
    pub redirects: bool,
    pub limits: AnswerLimits,
}
