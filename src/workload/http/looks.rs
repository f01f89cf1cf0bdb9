//! Turns what a plan says of an answer into what is looked at in it.

use crate::plan::{AnswerLimits, Assertion, Comparison, ExtractFrom, Request};
use memchr::memmem::Finder;
use regex::bytes::Regex;
use std::sync::Arc;

/// What is looked at in the answers to one request.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says what is needed, and they combine")]
pub(super) struct Looks {
    pub(super) checks: Vec<Checked>,
    /// Which variable, called what, from where.
    pub(super) takes: Vec<(usize, String, Place)>,
    /// Whether bodies have to be kept.
    pub(super) keeps: bool,
    pub(super) content: bool,
    pub(super) gzip: bool,
    pub(super) cookies: bool,
    pub(super) redirects: bool,
    pub(super) limits: AnswerLimits,
}

#[derive(Debug)]
pub(super) enum Checked {
    /// Looked at elsewhere.
    Else,
    Body(Box<[u8]>),
    Contains(Arc<Finder<'static>>),
    /// Where, and the value in JSON.
    Json(String, String),
    Header(String, String),
    Size(Comparison, u64),
}

#[derive(Debug)]
pub(super) enum Place {
    Json(String),
    Header(String),
    Regex(Regex),
}

impl Looks {
    /// What is looked at; `variables` are the names of all values.
    pub(super) fn new(request: &Request, variables: &[String], options: Options) -> Self {
        let checks = request.checks.iter().map(|check| match &check.what {
            Assertion::Status(_) | Assertion::Time(_) => Checked::Else,
            Assertion::Body(body) => Checked::Body(body.as_bytes().into()),
            Assertion::Contains(text) => {
                Checked::Contains(Arc::new(Finder::new(text.as_bytes()).into_owned()))
            }
            Assertion::Json { pointer, value } => Checked::Json(pointer.clone(), value.clone()),
            Assertion::Header { name, value } => Checked::Header(name.clone(), value.clone()),
            Assertion::Size(comparison, bytes) => Checked::Size(*comparison, *bytes),
        });
        let checks: Vec<Checked> = checks.collect();
        let takes = request.extract.iter().filter_map(|one| {
            let place = match &one.from {
                ExtractFrom::Json(pointer) => Place::Json(pointer.clone()),
                ExtractFrom::Header(name) => Place::Header(name.clone()),
                ExtractFrom::Regex(pattern) => Place::Regex(pattern.regex().clone()),
            };
            let at = variables.iter().position(|name| *name == one.name)?;
            Some((at, one.name.clone(), place))
        });
        let takes: Vec<_> = takes.collect();
        let keeps = checks.iter().any(|one| matches!(one, Checked::Json(..)))
            || takes.iter().any(|(_, _, place)| !matches!(place, Place::Header(_)));
        let streams = |one: &Checked| matches!(one, Checked::Body(_) | Checked::Contains(_));
        Self {
            content: keeps || checks.iter().any(streams),
            keeps,
            checks,
            takes,
            gzip: options.gzip,
            cookies: options.cookies,
            redirects: options.redirects,
            limits: options.limits,
        }
    }

    /// Whether an answer may fail for what is looked at in it.
    pub(super) fn may_fail(&self) -> bool {
        let fails = |one: &Checked| !matches!(one, Checked::Else);
        !self.takes.is_empty() || self.checks.iter().any(fails)
    }

    /// Whether an answer can be judged without any of this: by its status, and a body that is
    /// compared as it comes.
    pub(super) fn are_plain(&self) -> bool {
        let bodies = self.checks.iter().filter(|one| matches!(one, Checked::Body(_))).count();
        let others = self.checks.iter().any(|one| !matches!(one, Checked::Else | Checked::Body(_)));
        let plain = self.takes.is_empty() && !others && bodies <= 1 && !(bodies > 0 && self.gzip);
        plain && !self.cookies && !self.redirects
    }
}

/// What a scenario asks of all its answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub gzip: bool,
    pub cookies: bool,
    pub redirects: bool,
    pub limits: AnswerLimits,
}
