//! Places in the plan's text and on the command line.

use std::ops::Range;

/// A range of bytes in the plan's text, or in an argument of the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Which argument; `None`: the file.
    pub argument: Option<u16>,
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

impl Span {
    /// In the file.
    pub(super) fn file(range: Range<usize>) -> Self {
        Self { argument: None, start: range.start, end: range.end }
    }

    /// The bytes.
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A place in the plan's text, in bytes; `None` for the command line.
pub type TextRange = Option<Range<usize>>;
