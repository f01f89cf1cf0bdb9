//! Turns errors into text with the line, the place in it and what to write instead. The only
//! printer of errors.
//!
//! **Invariant:** no character of a plan, of an argument or of a file's name reaches the terminal
//! that could do more than be seen.

use crate::plan::{PlanError, PlanErrors};
use crate::units::{is_printable, visible};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;

/// The most errors of one plan that are shown.
const SHOWN: usize = 20;

/// Lines longer than this are cut around the place: bytes.
const LONG_LINE: usize = 2_000;

/// Prints everything that is wrong with a plan.
pub(super) fn print_plan_errors(errors: &PlanErrors) {
    let text = render(errors, &Renderer::styled());
    // A closed standard error is no failure.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Prints one error that has no place in a plan.
pub(super) fn print_error(message: &str, help: Option<&str>) {
    let mut group = Group::with_title(Level::ERROR.primary_title(visible(message)));
    if let Some(help) = help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    let text = Renderer::styled().render(&[group]);
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The text that is printed for these errors, without colours.
#[cfg(any(test, fuzzing))]
pub(crate) fn rendered(errors: &PlanErrors) -> String {
    render(errors, &Renderer::plain())
}

fn render(errors: &PlanErrors, renderer: &Renderer) -> String {
    let mut text = String::new();
    for error in errors.iter().take(SHOWN) {
        let _ = writeln!(text, "{}\n", render_one(errors, error, renderer));
    }
    if errors.count() > SHOWN {
        let more = errors.count() - SHOWN;
        let title = format!("and {more} more in {}", visible(&errors.source().name));
        let group = Group::with_title(Level::ERROR.primary_title(title));
        let _ = writeln!(text, "{}\n", renderer.render(&[group]));
    }
    text
}

fn render_one(errors: &PlanErrors, error: &PlanError, renderer: &Renderer) -> String {
    let title = Level::ERROR.primary_title(visible(&error.message).into_owned());
    let source = errors.source();
    let (text, path) = match &error.argument {
        Some(argument) => (argument.as_str(), "command line"),
        None => (source.text.as_str(), source.name.as_str()),
    };
    let path = visible(path).into_owned();
    let group = Group::with_title(title);
    let mut group = match &error.span {
        None => group.element(Origin::path(path)),
        Some(span) => {
            let excerpt = Excerpt::new(text, span, error.also.as_ref().map(|(span, _)| span));
            let label = error.label.as_ref().map(|label| visible(label).into_owned());
            let primary = AnnotationKind::Primary.span(excerpt.span(span)).label(label);
            let mut snippet = Snippet::source(excerpt.text.clone())
                .line_start(excerpt.first_line)
                .path(path)
                .annotation(primary);
            if let Some((span, label)) = &error.also {
                let label = visible(label).into_owned();
                snippet = snippet
                    .annotation(AnnotationKind::Context.span(excerpt.span(span)).label(label));
            }
            group.element(snippet)
        }
    };
    if let Some(help) = &error.help {
        group = group.element(Level::HELP.message(visible(help).into_owned()));
    }
    renderer.render(&[group])
}

/// The lines of a text that an error is about: the time to render grows with the length of the
/// text.
struct Excerpt {
    text: String,
    /// Number of the first line, from 1.
    first_line: usize,
    /// Where it begins in the whole text.
    start: usize,
}

impl Excerpt {
    fn new(text: &str, span: &Range<usize>, also: Option<&Range<usize>>) -> Self {
        let first = also.map_or(span.start, |also| also.start.min(span.start)).min(text.len());
        let last = also.map_or(span.end, |also| also.end.max(span.end)).min(text.len());
        let mut start = text[..first].rfind('\n').map_or(0, |end| end + 1);
        let mut end = text[last..].find('\n').map_or(text.len(), |length| last + length);
        if first - start > LONG_LINE {
            start = text.floor_char_boundary(first - LONG_LINE / 2);
        }
        if end - last > LONG_LINE {
            end = text.ceil_char_boundary(last + LONG_LINE / 2);
        }
        // A byte order mark, which some editors write, is not part of the text.
        if start == 0 && text.starts_with('\u{feff}') {
            start = '\u{feff}'.len_utf8().min(first);
        }
        let first_line = text[..start].matches('\n').count() + 1;
        Self { text: same_length(&text[start..end]), first_line, start }
    }

    fn span(&self, span: &Range<usize>) -> Range<usize> {
        let inside = |at: usize| at.saturating_sub(self.start).min(self.text.len());
        inside(span.start)..inside(span.end)
    }
}

/// The text with unprintable characters replaced by as many bytes, so that positions stay right;
/// the renderer itself replaces ASCII control characters.
fn same_length(text: &str) -> String {
    let text = text.replace("\r\n", " \n");
    let mut shown = String::with_capacity(text.len());
    for c in text.trim_end_matches('\r').chars() {
        match c.len_utf8() {
            _ if is_printable(c) || c.is_ascii() => shown.push(c),
            2 => shown.push('\u{b7}'),
            3 => shown.push('\u{fffd}'),
            _ => shown.push_str("\u{fffd}?"),
        }
    }
    shown
}
