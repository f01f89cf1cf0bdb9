//! Prepares the checks and extracts of a plan for use on responses.

use crate::plan::{
    AnswerLimits, Assertion, Comparison, ExtractFrom, Request, Template, count_only,
};
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
    /// Whether values of checks are filled in for each request.
    is_filled: bool,
    /// Whether bodies must be kept.
    pub(super) keeps: bool,
    pub(super) content: bool,
    pub(super) gzip: bool,
    pub(super) cookies: bool,
    pub(super) redirects: bool,
    pub(super) limits: AnswerLimits,
}

/// The values of one request's checks that are filled in, by the place of the check; empty where
/// all values are fixed.
pub(super) type FilledValues = Vec<Option<Box<[u8]>>>;

/// A check. Where its value is filled in for each request, the value here is empty.
#[derive(Debug)]
pub(super) enum PreparedAssertion {
    /// Looked at elsewhere.
    Elsewhere,
    Body(Box<[u8]>),
    Contains(Arc<Finder<'static>>),
    NotContains(Arc<Finder<'static>>),
    Matches(Regex),
    /// Where, and the value in JSON.
    Json(String, String),
    /// Where, how it compares, and with which number.
    JsonNumber(String, Comparison, String),
    /// Where, and whether there is a value.
    JsonExists(String, bool),
    Header(String, String),
    HeaderExists(String, bool),
    Size(Comparison, u64),
}

impl PreparedAssertion {
    fn new(what: &Assertion) -> Self {
        let fixed = |value: &Template| value.fixed().unwrap_or_default();
        let finder = |value| Arc::new(Finder::new(fixed(value).as_bytes()).into_owned());
        match what {
            Assertion::Status(_) | Assertion::Time(_) => Self::Elsewhere,
            Assertion::Body(body) => Self::Body(fixed(body).into_bytes().into()),
            Assertion::Contains(text) => Self::Contains(finder(text)),
            Assertion::NotContains(text) => Self::NotContains(finder(text)),
            Assertion::Matches(pattern) => Self::Matches(pattern.regex().clone()),
            Assertion::Json { pointer, value } => Self::Json(pointer.clone(), fixed(value)),
            Assertion::JsonNumber { pointer, comparison, bound } => {
                Self::JsonNumber(pointer.clone(), *comparison, fixed(bound))
            }
            Assertion::JsonExists { pointer, exists } => Self::JsonExists(pointer.clone(), *exists),
            Assertion::Header { name, value } => Self::Header(name.to_string(), fixed(value)),
            Assertion::HeaderExists { name, exists } => {
                Self::HeaderExists(name.to_string(), *exists)
            }
            Assertion::Size(comparison, bytes) => Self::Size(*comparison, *bytes),
        }
    }

    /// Whether a place in JSON is looked up.
    pub(super) fn is_json(&self) -> bool {
        matches!(self, Self::Json(..) | Self::JsonNumber(..) | Self::JsonExists(..))
    }

    /// Whether the body has to be kept.
    fn keeps(&self) -> bool {
        self.is_json() || matches!(self, Self::Matches(_))
    }

    /// Whether the body is looked at.
    pub(super) fn needs_content(&self) -> bool {
        self.keeps() || matches!(self, Self::Body(_) | Self::Contains(_) | Self::NotContains(_))
    }
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
        let checks = request.checks.iter().map(|check| PreparedAssertion::new(&check.what));
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
        let keeps = checks.iter().any(PreparedAssertion::keeps)
            || takes.iter().any(|(_, _, place)| !matches!(place, ValueSource::Header(_)));
        Self {
            content: keeps || checks.iter().any(PreparedAssertion::needs_content),
            keeps,
            is_filled: request.checks.iter().any(|check| check.what.givens().next().is_some()),
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
        if self.is_filled {
            return false;
        }
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
