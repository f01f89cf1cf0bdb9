//! The errors of a plan: a list that is sorted by place and never empty.
//!
//! **Invariant:** no value of an environment variable is ever in a message.

use super::Source;
use super::keys::Keys;
use super::span::Span;
use std::fmt;
use std::ops::Range;

/// The most errors that are kept; a file of garbage has more than a person reads.
const KEPT: usize = 1_000;

/// The byte order mark that some editors write before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// Where, in bytes of the plan's text, or of `argument` if there is one; `None` when it is
    /// about the file as a whole.
    pub span: Option<Range<usize>>,
    /// The argument of the command line that is wrong, as it was typed: `--set name=x`.
    pub argument: Option<String>,
    /// The message, in lower case, without a full stop.
    pub message: String,
    /// A label for the place, in a few words.
    pub label: Option<String>,
    /// A second place that the error is about, with its label.
    pub also: Option<(Range<usize>, String)>,
    /// The correction, if it is clear.
    pub help: Option<String>,
}

impl PlanError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            span: None,
            argument: None,
            message: message.into(),
            label: None,
            also: None,
            help: None,
        }
    }

    /// Adds the correction.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a label for the place.
    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a second place of the plan's text.
    pub(super) fn also(&mut self, at: Span, label: impl Into<String>) -> &mut Self {
        if at.argument.is_none() && self.argument.is_none() {
            self.also = Some((at.range(), label.into()));
        }
        self
    }
}

/// Everything that is wrong with a plan, by place; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanErrors {
    source: Source,
    errors: Vec<PlanError>,
    dropped: usize,
}

impl PlanErrors {
    /// One error about the plan as a whole.
    pub(super) fn whole(source: &Source, message: impl Into<String>, help: &str) -> Self {
        let mut error = PlanError::new(message);
        error.help(help);
        // A text that is too large to read is too large to keep.
        let source = Source { name: source.name.clone(), text: String::new() };
        Self { source, errors: vec![error], dropped: 0 }
    }

    /// What is wrong with files that a plan names: where it names them, what, and what to do about
    /// it; at least one.
    pub fn of_files(
        source: &Source,
        problems: impl IntoIterator<Item = (super::span::TextRange, String, String)>,
    ) -> Self {
        let mut errors = Errors::default();
        for (spot, message, help) in problems {
            let at = spot.clone().map(Span::file).unwrap_or_default();
            let error = errors.add(at, message);
            error.span = spot;
            error.help(help);
        }
        errors.into_errors(source)
    }

    /// The plan that is wrong.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The errors, by place: those of the file first, then those of the command line. At most
    /// 1,000.
    pub fn iter(&self) -> std::slice::Iter<'_, PlanError> {
        self.errors.iter()
    }

    /// How many there are, also beyond those that are kept; never zero.
    pub fn count(&self) -> usize {
        self.errors.len() + self.dropped
    }

    /// Line and column of an error, both from 1, the column in characters; `None` when it has no
    /// place in the file.
    pub fn line_and_column(&self, error: &PlanError) -> Option<(usize, usize)> {
        let span = error.span.as_ref().filter(|_| error.argument.is_none())?;
        let before = self.source.text.get(..span.start)?;
        let mark = if before.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        let start = before.rfind('\n').map_or(mark, |end| end + 1);
        Some((before.matches('\n').count() + 1, before[start..].chars().count() + 1))
    }
}

impl<'a> IntoIterator for &'a PlanErrors {
    type Item = &'a PlanError;
    type IntoIter = std::slice::Iter<'a, PlanError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            match (&error.argument, self.line_and_column(error)) {
                (Some(argument), _) => write!(f, "{argument}")?,
                (None, Some((line, column))) => write!(f, "{}:{line}:{column}", self.source.name)?,
                (None, None) => write!(f, "{}", self.source.name)?,
            }
            write!(f, ": {}", error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanErrors {}

/// Collects errors while a plan is read.
#[derive(Debug, Default)]
pub(super) struct Errors {
    /// The tables that a misplaced key may belong to.
    pub tables: &'static [&'static Keys],
    list: Vec<PlanError>,
    /// Arguments of the command line that values may have come from.
    arguments: Vec<String>,
    /// Receives the errors beyond those that are kept.
    rest: Option<PlanError>,
    dropped: usize,
}

impl Errors {
    /// None yet, of a plan that has these tables.
    pub(super) fn of(tables: &'static [&'static Keys]) -> Self {
        Self { tables, ..Self::default() }
    }

    /// Adds an error at a place.
    pub(super) fn add(&mut self, at: Span, message: impl Into<String>) -> &mut PlanError {
        let mut error = PlanError::new(message);
        error.span = Some(at.range());
        error.argument = at.argument.map(|index| self.arguments[usize::from(index)].clone());
        if self.is_full() {
            self.count_one();
            return self.rest.insert(error);
        }
        self.list.push(error);
        self.list.last_mut().expect("one was pushed just now")
    }

    /// Makes an argument of the command line a place that errors can point into.
    pub(super) fn argument(&mut self, argument: String) -> Option<u16> {
        let index = u16::try_from(self.arguments.len()).ok()?;
        self.arguments.push(argument);
        Some(index)
    }

    /// Whether more errors are only counted: then it is not worth finding out what to say about
    /// them.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= KEPT
    }

    /// Counts an error that is not kept.
    pub(super) fn count_one(&mut self) {
        self.dropped += 1;
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.list.len() + self.dropped
    }

    /// Of the errors behind the first `count`, keeps only those of the file for which `keep` says
    /// so; those of arguments stay.
    pub(super) fn retain_first(&mut self, count: usize, keep: impl Fn(&Range<usize>) -> bool) {
        let mut index = 0;
        self.list.retain(|error| {
            index += 1;
            index <= count || error.argument.is_some() || error.span.as_ref().is_none_or(&keep)
        });
    }

    /// The errors, if there are any.
    pub(super) fn finish(self, source: &Source) -> Result<(), PlanErrors> {
        if self.list.is_empty() { Ok(()) } else { Err(self.into_errors(source)) }
    }

    /// The errors, of which there are some.
    pub(super) fn into_errors(mut self, source: &Source) -> PlanErrors {
        let arguments = self.arguments;
        let place = |error: &PlanError| {
            let start = error.span.as_ref().map_or(0, |span| span.start);
            let argument = error.argument.as_ref();
            (argument.map(|one| arguments.iter().position(|other| other == one)), start)
        };
        // Stable: the first error at a place stays first.
        self.list.sort_by_key(place);
        self.list.dedup();
        PlanErrors { source: source.clone(), errors: self.list, dropped: self.dropped }
    }
}
