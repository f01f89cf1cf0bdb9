//! Turns text that others chose (a server's words, a name in a plan) into text that is safe to
//! show.
//!
//! **Invariant:** every room that prints foreign text goes by this one set of characters.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character can be printed as it is. Control characters, line and paragraph separators,
/// and characters that are invisible or change the direction of text cannot: they can hide or turn
/// what stands around them, or steer a terminal.
///
/// The invisible ones are Unicode's `Default_Ignorable_Code_Point` and the interlinear annotations.
/// U+FE00 to U+FE0F can be printed: emoji are written with them.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !invisible
}

/// The text with everything that [`is_printable`] refuses written as an escape: `\n`, `\x1b`,
/// `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if is_printable(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c => {
                let (code, ascii) = (u32::from(c), c.is_ascii());
                let written = if ascii {
                    write!(shown, "\\x{code:02x}")
                } else {
                    write!(shown, "\\u{{{code:x}}}")
                };
                written.expect("memory takes every text");
            }
        }
    }
    Cow::Owned(shown)
}

/// The first `most` bytes as [`visible`] text; bytes that are not UTF-8 as `\xff`.
pub fn visible_bytes(bytes: &[u8], most: usize) -> String {
    let mut shown = String::with_capacity(bytes.len().min(most) + 16);
    for chunk in bytes[..bytes.len().min(most)].utf8_chunks() {
        shown.push_str(&visible(chunk.valid()));
        for byte in chunk.invalid() {
            write!(shown, "\\x{byte:02x}").expect("memory takes every text");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every range of characters that are not shown as they are, ends included.
    const HIDDEN: [(u32, u32); 20] = [
        (0x00, 0x1f),
        (0x7f, 0x9f),
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfffb),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe007f),
        (0xe0080, 0xe00ff),
        (0xe0100, 0xe0fff),
    ];

    #[test]
    fn every_character_is_shown_or_escaped_and_what_is_escaped_is_printable() {
        for c in '\0'..=char::MAX {
            let code = u32::from(c);
            let hidden = HIDDEN.iter().any(|(from, to)| (*from..=*to).contains(&code));
            assert_eq!(is_printable(c), !hidden, "U+{code:04X}");
            let text = c.to_string();
            let shown = visible(&text);
            assert!(shown.chars().all(is_printable), "U+{code:04X}: {shown}");
            assert_eq!(shown == text, !hidden, "U+{code:04X}: {shown}");
        }
    }

    #[test]
    fn escapes_are_those_of_rust() {
        assert_eq!(visible("a\x1b[31mb\r\n\tc\u{7}"), "a\\x1b[31mb\\r\\n\\tc\\x07");
        assert_eq!(visible("\u{202e}evil\u{9b}\u{ad}"), "\\u{202e}evil\\u{9b}\\u{ad}");
        assert_eq!(visible("\u{e0041}\0\u{7f}"), "\\u{e0041}\\x00\\x7f");
    }

    #[test]
    fn words_of_any_language_and_emoji_stay() {
        for text in ["ok", "größer 世界", "naïve", "مرحبا", "❤\u{fe0f}", "a\\n"] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn bytes_are_shown_as_text_where_they_are_text() {
        assert_eq!(visible_bytes(br#"{"name":"Ann"}"#, 64), r#"{"name":"Ann"}"#);
        assert_eq!(visible_bytes("Zoë\r\n".as_bytes(), 64), "Zoë\\r\\n");
        assert_eq!(visible_bytes(b"a\xff\x1b", 64), "a\\xff\\x1b");
        assert_eq!(visible_bytes(b"abc", 2), "ab");
    }
}
