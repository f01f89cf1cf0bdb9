//! Shows a body: JSON in lines, text as it is, other bytes in hexadecimal, each up to a limit.

use super::transcript::{FAINT, Transcript};
use crate::units::figure::grouped;
use anstyle::Style;
use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;
use std::io::Read as _;

/// Lines of a body that are shown.
const MOST_LINES: usize = 60;

/// Bytes of a body that are decoded.
const MOST_BYTES: usize = 16 << 10;

/// Bytes of a body that are shown as text.
const MOST_TEXT: usize = 4 << 10;

/// Bytes that are shown in hexadecimal.
const MOST_HEX: usize = 256;

/// A line of hexadecimal with this many bytes needs so many columns behind its mark.
const HEX_COLUMNS: [(usize, usize); 2] = [(16, 77), (8, 43)];

/// Shows a body behind `mark`. `whole`: bytes of all of it; `encoding`: its content encoding.
pub(super) fn write(
    page: &mut Transcript<'_>,
    (mark, style): (&str, Style),
    bytes: &[u8],
    whole: u64,
    encoding: Option<&[u8]>,
) {
    if bytes.is_empty() {
        return;
    }
    let mut decoded = Vec::new();
    if encoding.is_some_and(|one| one.eq_ignore_ascii_case(b"gzip")) {
        // A body that was cut ends in an error, behind the part that could be decoded.
        let _ = MultiGzDecoder::new(bytes).take(MOST_BYTES as u64 + 1).read_to_end(&mut decoded);
        let words = format!("gzip, {} bytes as they were sent", grouped(whole));
        page.line("  ", &words, FAINT);
    }
    let is_decoded = !decoded.is_empty();
    let shown = if is_decoded { &decoded } else { bytes };
    let whole = if is_decoded { decoded.len() as u64 } else { whole };
    match text(shown, whole > shown.len() as u64) {
        Some(text) => write_text(page, (mark, style), text, whole, is_decoded),
        None => write_hex(page, (mark, style), shown, whole),
    }
}

/// The bytes as text, if they are text: UTF-8 without control characters. A cut may fall within a
/// character.
fn text(bytes: &[u8], is_cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_text).then_some(text)
}

fn write_text(
    page: &mut Transcript<'_>,
    (mark, style): (&str, Style),
    text: &str,
    whole: u64,
    is_decoded: bool,
) {
    let json = serde_json::from_str::<&RawValue>(text).ok().map(|json| pretty(json.get()));
    let is_json = json.is_some();
    let all = json.as_deref().unwrap_or(text);
    let mut end = all.len().min(MOST_TEXT);
    while !all.is_char_boundary(end) {
        end -= 1;
    }
    let mut lines = all[..end].lines();
    for line in lines.by_ref().take(MOST_LINES) {
        page.line(mark, &line.replace('\t', "    "), style);
    }
    let is_cut = end < all.len() || lines.next().is_some() || whole > text.len() as u64;
    if is_cut {
        let what = if is_json { " of JSON" } else { "" };
        let at_least = if is_decoded && whole > MOST_BYTES as u64 { "more than " } else { "" };
        let words = format!("… cut: the body has {at_least}{} bytes{what}", grouped(whole));
        page.line(mark, &words, FAINT);
    }
}

/// JSON on several lines, every token as it stands.
fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut chars = json.chars().peekable();
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            in_string = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// Shows bytes in hexadecimal, with their characters beside them.
pub(super) fn write_hex(
    page: &mut Transcript<'_>,
    (mark, style): (&str, Style),
    bytes: &[u8],
    whole: u64,
) {
    let room = page.width().saturating_sub(mark.chars().count());
    let fits = HEX_COLUMNS.iter().find(|(_, columns)| *columns <= room);
    let per_line = fits.map_or(4, |(bytes, _)| *bytes);
    let mut shown = bytes[..bytes.len().min(MOST_HEX)].to_vec();
    page.secrets().mask(&mut shown);
    for (number, line) in shown.chunks(per_line).enumerate() {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let characters = line.iter().map(|one| if printable(one) { char::from(*one) } else { '.' });
        let characters: String = characters.collect();
        let (hex, columns) = (hex.join(" "), per_line * 3 - 1);
        let words = format!("{:08x}  {hex:columns$}  {characters}", number * per_line);
        page.line(mark, &words, style);
    }
    if whole > shown.len() as u64 {
        page.line(mark, &format!("… cut: {} bytes in all", grouped(whole)), FAINT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_token() {
        let json = r#" {"a" : 12345678901234567890.10, "b":[ ], "c":[1,"x,\"{y"],"d":{}} "#;
        assert_eq!(
            pretty(json.trim()),
            "{\n  \"a\": 12345678901234567890.10,\n  \"b\": [],\n  \"c\": [\n    1,\n    \"x,\\\"{y\"\n  ],\n  \"d\": {}\n}"
        );
    }

    #[test]
    fn text_is_told_from_bytes() {
        assert_eq!(text(b"a\tb\r\n", false), Some("a\tb\r\n"));
        assert_eq!(text(b"a\x00b", false), None);
        assert_eq!(text("aö".as_bytes().split_last().unwrap().1, true), Some("a"));
        assert_eq!(text("aö".as_bytes().split_last().unwrap().1, false), None);
    }
}
