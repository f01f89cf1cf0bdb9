//! Turns text that others chose (a server's words, a name in a plan) into text that is safe in a terminal and a spreadsheet.

use crate::plan::is_printable;
use std::borrow::Cow;
use std::fmt::Write;

const ROOM: &str = "memory takes every text";

/// The text with control characters, line ends and invisible direction marks written out: `\n`, `\x1b`, `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_printable(c) => shown.push(c),
            c if c.is_ascii() => {
                write!(shown, "\\x{:02x}", u32::from(c)).expect(ROOM);
            }
            c => write!(shown, "\\u{{{:x}}}", u32::from(c)).expect(ROOM),
        }
    }
    Cow::Owned(shown)
}

/// The text as a CSV cell that no spreadsheet takes for a formula; see OWASP, CSV Injection.
pub fn cell(text: &str) -> Cow<'_, str> {
    let shown = visible(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{shown}"))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(visible("ok"), "ok");
        assert_eq!(visible("a\x1b[31mb\r\n\tc\u{7}"), "a\\x1b[31mb\\r\\n\\tc\\x07");
        assert_eq!(visible("\u{202e}evil\u{9b}"), "\\u{202e}evil\\u{9b}");
        assert_eq!(visible("größer 世界"), "größer 世界");
    }

    #[test]
    fn formulas_are_defused() {
        for (text, want) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\\tx"),
            ("\rx", "'\\rx"),
            ("x=1", "x=1"),
            ("", ""),
        ] {
            assert_eq!(cell(text), want);
        }
    }
}
