//! Turns TOML into a tree in the order in which it was written, each node knowing where it stands.

use super::error::Errors;
use super::interpolate::{Environment, interpolate};
use super::span::Span;
use super::text::Text;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub at: Span,
    pub value: Value,
}

/// The types of TOML.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(Text),
    /// `None` when it does not fit.
    Integer(Option<i128>),
    /// As it was written.
    Float(String),
    Boolean(bool),
    Datetime,
    List(Vec<Node>),
    Table(TableNode),
}

impl Value {
    /// With its article, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Datetime => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Keys and values in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct TableNode {
    pub entries: Vec<(Key, Node)>,
}

impl TableNode {
    /// The value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The value of a key, to be changed.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }
}

/// A key and its place.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub at: Span,
    pub name: String,
}

/// Whether a string, as it is written, escapes a character from U+0080 to U+00FF.
fn has_byte_escape(written: &str) -> bool {
    if !written.starts_with('"') {
        return false;
    }
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        let digits = match escape.as_bytes().first() {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let code = escape.get(1..=digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        if code.is_some_and(|code| (0x80..=0xff).contains(&code)) {
            return true;
        }
        // The escaped character may be a backslash.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// Reads TOML out of one text: the plan's, or an argument's.
pub(super) struct Builder<'a> {
    /// The text that places are in.
    pub text: &'a str,
    /// Which argument it is; `None`: the file.
    pub argument: Option<u16>,
    /// Where the TOML begins in the text.
    pub offset: usize,
    pub environment: Environment<'a>,
}

impl Builder<'_> {
    /// The tree of a document.
    pub(super) fn document(&self, document: &DeTable<'_>, errors: &mut Errors) -> Node {
        Node { at: self.beginning(), value: Value::Table(self.table(document, errors)) }
    }

    /// The tree of one value.
    pub(super) fn node(&self, value: &Spanned<DeValue<'_>>, errors: &mut Errors) -> Node {
        let at = self.place(value.span());
        let value = match value.get_ref() {
            DeValue::String(string) => Value::Text(self.text(string, at, errors)),
            DeValue::Integer(integer) => {
                Value::Integer(i128::from_str_radix(integer.as_str(), integer.radix()).ok())
            }
            DeValue::Float(float) => Value::Float(float.as_str().to_owned()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(array) => {
                Value::List(array.iter().map(|item| self.node(item, errors)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, errors)),
        };
        let at = match value {
            Value::List(_) | Value::Table(_) => self.first_line(at),
            _ => at,
        };
        Node { at, value }
    }

    fn table(&self, table: &DeTable<'_>, errors: &mut Errors) -> TableNode {
        let mut entries: Vec<(Key, Node)> = table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().clone().into_owned();
                (Key { at: self.place(key.span()), name }, self.node(value, errors))
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.at.start);
        TableNode { entries }
    }

    /// A string at a place.
    pub(super) fn text(&self, string: &str, at: Span, errors: &mut Errors) -> Text {
        let written = self.text.get(at.range()).unwrap_or_default();
        let quotes = ["\"\"\"", "'''", "\"", "'", ""];
        let literal = quotes
            .iter()
            .find(|quote| written.starts_with(**quote))
            .filter(|quote| written.get(quote.len()..).is_some_and(|rest| rest.starts_with(string)))
            .map(|quote| at.start + quote.len());
        let (shown, value) = (string.to_owned(), string.to_owned());
        let has_byte_escape = has_byte_escape(written);
        let mut text = Text { shown, value, literal, has_byte_escape, ..Text::default() };
        match interpolate(&text, at, self.environment, errors) {
            Some((value, blanks)) => (text.value, text.blanks) = (value, blanks),
            None => text.broken = true,
        }
        text
    }

    fn place(&self, span: Range<usize>) -> Span {
        Span {
            argument: self.argument,
            start: self.offset + span.start,
            end: self.offset + span.end,
        }
    }

    /// Only the bracket of what is written over several lines.
    fn first_line(&self, at: Span) -> Span {
        match self.text.get(at.range()) {
            Some(written) if written.contains('\n') => Span { end: at.start + 1, ..at },
            _ => at,
        }
    }

    /// The first line that is not empty.
    fn beginning(&self) -> Span {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let content = line.trim_start_matches('\u{feff}').trim();
            if !content.is_empty() && !content.starts_with('#') {
                let start = start + (line.len() - line.trim_start_matches('\u{feff}').len());
                return Span { argument: self.argument, start, end: start };
            }
            start += line.len();
        }
        Span { argument: self.argument, start: 0, end: 0 }
    }
}
