//! Turns TOML syntax errors into one plain error for each line.

use super::error::Errors;
use super::span::Span;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How much of a document with syntax errors can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Usable {
    /// All of it: there was no error.
    Whole,
    /// Its shape: only values are wrong, and they are known to be there.
    Shape,
    /// Nothing: the rest may mean anything.
    Nothing,
}

/// Adds an error for each place that is not TOML; returns how far the rest can be used, and in
/// which ranges no other error is reported.
pub(super) fn report(
    text: &str,
    document: &Spanned<DeTable<'_>>,
    found: &[toml::de::Error],
    errors: &mut Errors,
) -> (Usable, Vec<Range<usize>>) {
    let mut found: Vec<(Range<usize>, &str)> =
        found.iter().map(|error| (error.span().unwrap_or_default(), error.message())).collect();
    found.sort_by_key(|(span, _)| span.start);
    let mut trust = Usable::Whole;
    let mut said: Vec<Range<usize>> = Vec::new();
    // An unclosed string or table includes all text behind it: only text before it is an error of
    // its own.
    if let Some((start, what)) = never_closed(text, document, &found) {
        found.retain(|(span, _)| span.end <= start);
        let (bracket, noun) = if what == '[' { (']', "list") } else { ('}', "table") };
        errors
            .add(Span::file(start..start + 1), format!("this {noun} is never closed"))
            .help(format!("add `{bracket}` behind its last element"));
        trust = Usable::Nothing;
    }
    for (span, message) in found {
        // One slip makes the parser stumble several times.
        if said.last().is_some_and(|last| last.start <= span.start && span.start <= last.end) {
            continue;
        }
        if errors.is_full() {
            errors.count_one();
            continue;
        }
        let line = line_of(text, span.start);
        let token = explain(text, &span, &line, message, errors);
        trust = trust.max(if token.is_some() { Usable::Shape } else { Usable::Nothing });
        said.push(token.unwrap_or(line));
    }
    (trust, said)
}

/// The opening bracket of what reaches the end of the text without being closed.
fn never_closed(
    text: &str,
    document: &Spanned<DeTable<'_>>,
    found: &[(Range<usize>, &str)],
) -> Option<(usize, char)> {
    found.iter().find(|(_, message)| {
        message.starts_with("unclosed array,") || message.starts_with("unclosed inline table")
    })?;
    let mut first: Option<usize> = None;
    table_reaching_end(document.get_ref(), text, &mut first);
    let start = first?;
    let bracket = text[start..].chars().next().filter(|c| ['[', '{'].contains(c))?;
    Some((start, bracket))
}

fn table_reaching_end(table: &DeTable<'_>, text: &str, first: &mut Option<usize>) {
    for (_, value) in table {
        reaching_end(value, text, first);
    }
}

fn reaching_end(value: &Spanned<DeValue<'_>>, text: &str, first: &mut Option<usize>) {
    let span = value.span();
    let written = text.get(span.clone()).unwrap_or_default();
    let closed = match value.get_ref() {
        DeValue::Array(_) => written.ends_with(']'),
        DeValue::Table(_) => !written.starts_with('{') || written.ends_with('}'),
        _ => true,
    };
    if !closed && first.is_none_or(|start| span.start < start) {
        *first = Some(span.start);
    }
    match value.get_ref() {
        DeValue::Table(table) => table_reaching_end(table, text, first),
        DeValue::Array(array) => array.iter().for_each(|item| reaching_end(item, text, first)),
        _ => {}
    }
}

/// Adds one error. When only one value or key is wrong with it, and the shape of the rest can be
/// trusted, returns its range.
fn explain(
    text: &str,
    span: &Range<usize>,
    line: &Range<usize>,
    message: &str,
    errors: &mut Errors,
) -> Option<Range<usize>> {
    let written = text.get(span.clone()).unwrap_or_default();
    let place = Span::file(span.clone());
    let starts = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    if starts(&["duplicate key"]) {
        errors.add(place, format!("`{written}` is set twice")).help("remove one of them");
        return Some(span.clone());
    }
    if starts(&["invalid basic string, expected `\"`", "invalid literal string, expected `'`"]) {
        let quote = if message.contains("basic") { '"' } else { '\'' };
        let start =
            text[line.start..span.start].rfind(quote).map_or(span.start, |at| line.start + at);
        let at = start..line.end.max(start);
        errors
            .add(Span::file(at.clone()), "this string is not closed")
            .help(format!("add `{quote}` at its end"));
        return Some(at);
    }
    if starts(&["cannot recurse further", "recursion limit"]) {
        errors.add(place, "this is nested too deeply");
        return None;
    }
    if starts(&["missing escaped value", "too few unicode value digits", "invalid escape"]) {
        errors.add(place, "this escape is unknown").help(
            "write `\\\\` for a backslash, or put the string between single quotes, where nothing is an escape",
        );
        return Some(line.clone());
    }
    if starts(&ABOUT_A_VALUE)
        && let Some(token) = token_at(text, span.start, line)
    {
        let (is, at) = (&text[token.clone()], Span::file(token.clone()));
        match is {
            "" => errors.add(place, "the value is missing").help("write a value after `=`"),
            "True" | "False" | "TRUE" | "FALSE" => errors
                .add(at, format!("`{is}` is not a TOML value"))
                .help(format!("write `{}`", is.to_lowercase())),
            _ => errors
                .add(at, format!("`{is}` must stand between quotes"))
                .help(format!("write `\"{is}\"`")),
        };
        return (!is.contains(['=', '{', '['])).then_some(token);
    }
    let plain = message.strip_suffix(", expected nothing").unwrap_or(message);
    errors
        .add(place, plain.to_owned())
        .help("write TOML: one `key = value` on each line, tables as `[name]`");
    None
}

/// How the parser begins to say that a value is wrong.
const ABOUT_A_VALUE: [&str; 11] = [
    "string values",
    "invalid float",
    "invalid boolean",
    "invalid integer",
    "invalid fraction",
    "invalid exponent",
    "missing value",
    "unexpected leading zero",
    "invalid datetime",
    "`_` may only",
    "redundant",
];

/// The bare word at a place of a line, if there is no quote in it.
fn token_at(text: &str, at: usize, line: &Range<usize>) -> Option<Range<usize>> {
    let before = text.get(line.start..at)?;
    let start = line.start + before.rfind(['=', '[', '{', ',']).map_or(0, |end| end + 1);
    let behind = text.get(at..line.end)?;
    let end = at + behind.find([',', ']', '}', '#']).unwrap_or(behind.len());
    let token = text.get(start..end)?;
    let trimmed = token.trim();
    if trimmed.contains(['"', '\'']) {
        return None;
    }
    let start = start + (token.len() - token.trim_start().len());
    Some(start..start + trimmed.len())
}

/// Of longer lines only what is near a place is looked at, so that a file of one line takes no
/// longer than others: bytes.
const LONG_LINE: usize = 2_000;

/// The line of a place, without its end.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let bytes = text.as_bytes();
    let first = text.floor_char_boundary(at.saturating_sub(LONG_LINE));
    let last = text.ceil_char_boundary((at + LONG_LINE).min(bytes.len()));
    let start = bytes[first..at].iter().rposition(|byte| *byte == b'\n');
    let end = bytes[at..last].iter().position(|byte| *byte == b'\n');
    start.map_or(first, |end| first + end + 1)..end.map_or(last, |end| at + end)
}
