//! The output for text, and the width of its lines in columns.

use super::table::shortened;
use anstyle::Style;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// The width of a line in columns if there is no terminal to ask.
pub const WIDTH: usize = 100;

/// No page is laid out for fewer columns; a terminal that has fewer breaks its lines.
const NARROWEST: usize = 20;

/// A space at which no line ends.
pub const UNBROKEN: &str = "\u{a0}";

/// Text under construction, with colours as escape sequences; the printer strips them where they
/// are not wanted.
pub struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
}

impl<'a> Page<'a> {
    /// A page whose lines take at most `width` columns.
    pub fn new(out: &'a mut dyn Write, width: usize) -> Self {
        Self { out, width: width.max(NARROWEST) }
    }

    /// Columns that a line may take.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Words in lines that break at spaces, each behind `indent`.
    pub fn paragraph(&mut self, indent: &str, text: &str, style: Style) -> io::Result<()> {
        self.hanging(indent, indent, text, style)
    }

    /// Words in lines that break at spaces: the first behind `first`, the others behind `rest`.
    pub fn hanging(&mut self, first: &str, rest: &str, text: &str, style: Style) -> io::Result<()> {
        let used = first.width().saturating_sub(rest.width());
        let room = self.width.saturating_sub(rest.width());
        for (number, line) in wrapped(text, room, used).iter().enumerate() {
            let indent = if number == 0 { first } else { rest };
            let line = line.replace(UNBROKEN, " ");
            if line.is_empty() {
                writeln!(self, "{}", indent.trim_end())?;
            } else {
                writeln!(self, "{indent}{style}{line}{style:#}")?;
            }
        }
        Ok(())
    }
}

impl Write for Page<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Items in one text, which breaks between them and not in them.
pub fn listed(items: &[String]) -> String {
    let whole: Vec<String> = items.iter().map(|item| item.replace(' ', UNBROKEN)).collect();
    whole.join(&format!("{UNBROKEN}· "))
}

/// Breaks at spaces; the first line begins behind `used` columns; a word that is too long is cut.
pub fn wrapped(text: &str, width: usize, used: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut taken = used;
    for word in text.split(' ') {
        let word = shortened(word, width);
        let space = usize::from(!lines[lines.len() - 1].is_empty());
        if taken + space + word.width() > width && taken > 0 {
            lines.push(word.clone());
            taken = word.width();
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if space == 1 { " " } else { "" });
            line.push_str(&word);
            taken += space + word.width();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_within_the_width() {
        assert_eq!(wrapped("one two three", 7, 0), ["one two", "three"]);
        assert_eq!(wrapped("one two", 7, 5), ["", "one two"]);
        assert_eq!(wrapped("abcdefghij", 5, 0), ["abcd…"]);
        assert_eq!(wrapped("", 5, 0), [""]);
    }

    #[test]
    fn lines_after_the_first_have_their_own_indent() {
        let mut bytes = Vec::new();
        let mut page = Page::new(&mut bytes, 20);
        page.hanging("  fix: ", "       ", "one two three four", Style::new()).unwrap();
        page.paragraph("  ", "five", Style::new()).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "  fix: one two three\n       four\n  five\n"
        );
    }
}
