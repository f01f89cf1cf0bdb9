//! Text for the terminal in the making: foreign text made safe, lines cut to its width, colours.

use crate::plan::Secrets;
use crate::units::visible;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

pub(super) const SENT: Style = AnsiColor::Cyan.on_default();
pub(super) const RECEIVED: Style = AnsiColor::Blue.on_default();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

/// No line is laid out for fewer columns.
const NARROWEST: usize = 20;

/// Lines of text, each safe to show.
pub(super) struct Transcript<'a> {
    text: String,
    width: usize,
    secrets: &'a Secrets,
}

impl<'a> Transcript<'a> {
    /// Text for lines of at most `width` columns, without these secrets.
    pub(super) fn new(width: usize, secrets: &'a Secrets) -> Self {
        Self { text: String::new(), width: width.max(NARROWEST), secrets }
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Columns of a line.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Values that must not be shown.
    pub(super) fn secrets(&self) -> &Secrets {
        self.secrets
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// One line of foreign text behind `mark`, on as many lines as it needs.
    pub(super) fn line(&mut self, mark: &str, text: &str, style: Style) {
        let text = self.secrets.hide(text, false);
        let text = visible(&text);
        let room = self.width.saturating_sub(mark.chars().count()).max(1);
        for piece in pieces(&text, room) {
            let line = format!("{mark}{piece}");
            // A String takes all that is written to it.
            let _ = writeln!(self.text, "{style}{}{style:#}", line.trim_end());
        }
    }

    /// Foreign bytes that should be text, on one line: what is not UTF-8 is escaped.
    pub(super) fn bytes(&mut self, mark: &str, name: &str, value: &[u8], style: Style) {
        let mut text = format!("{name}: ");
        for chunk in value.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        self.line(mark, &text, style);
    }
}

/// A text in pieces of at most `room` columns; at least one, which may be empty.
fn pieces(text: &str, room: usize) -> Vec<&str> {
    let (mut pieces, mut from, mut used) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let width = c.width().unwrap_or(0);
        if used + width > room && at > from {
            pieces.push(&text[from..at]);
            (from, used) = (at, 0);
        }
        used += width;
    }
    pieces.push(&text[from..]);
    pieces
}
