//! Texts between the quotes of ANSI C, `$'…'`: browsers write bodies so, `shlex` does not know
//! them.

use std::iter::Peekable;
use std::str::Chars;

/// The text that is meant; `None` where its bytes are not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    // The first half of a pair of UTF-16 waits for the second.
    let mut half: Option<u16> = None;
    while let Some(c) = chars.next() {
        let escape = if c == '\\' { chars.next() } else { None };
        let unit = match escape {
            Some('u') => number(&mut chars, 0, 16, 4),
            Some('U') => number(&mut chars, 0, 16, 8),
            _ => None,
        };
        if let Some(unit) = unit {
            half = push_unit(&mut out, half, unit).ok()?;
            continue;
        }
        if half.is_some() {
            return None;
        }
        match escape {
            None => push(&mut out, c),
            Some('x') => out.push(u8::try_from(number(&mut chars, 0, 16, 2)?).ok()?),
            Some(first @ '0'..='7') => {
                let value = number(&mut chars, first.to_digit(8)?, 8, 2);
                out.push(u8::try_from(value.or(first.to_digit(8))?).ok()?);
            }
            Some('c') => out.push(u8::try_from(chars.next()?).ok()? & 0x1f),
            Some(other) => {
                let byte = simple(other);
                out.push(byte.unwrap_or(b'\\'));
                if byte.is_none() {
                    push(&mut out, other);
                }
            }
        }
    }
    if half.is_some() { None } else { String::from_utf8(out).ok() }
}

/// Goes on with a number; `None` without a digit.
fn number(chars: &mut Peekable<Chars<'_>>, begun: u32, radix: u32, most: usize) -> Option<u32> {
    let (mut value, mut digits) = (begun, 0);
    while digits < most {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
        value = value.checked_mul(radix)?.checked_add(digit)?;
        chars.next();
        digits += 1;
    }
    (digits > 0).then_some(value)
}

/// There is no such character.
struct NoCharacter;

/// Adds a character; returns the first half of a pair, which has to be followed by the second.
fn push_unit(out: &mut Vec<u8>, half: Option<u16>, unit: u32) -> Result<Option<u16>, NoCharacter> {
    let short = u16::try_from(unit).ok();
    match (half, short) {
        (Some(first), Some(second)) => {
            let pair = char::decode_utf16([first, second]).next();
            match pair {
                Some(Ok(pair)) if u32::from(pair) > 0xffff => push(out, pair),
                _ => return Err(NoCharacter),
            }
            Ok(None)
        }
        (None, Some(first @ 0xd800..=0xdbff)) => Ok(Some(first)),
        (None, _) => {
            push(out, char::from_u32(unit).ok_or(NoCharacter)?);
            Ok(None)
        }
        (Some(_), None) => Err(NoCharacter),
    }
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn simple(c: char) -> Option<u8> {
    Some(match c {
        'a' => 7,
        'b' => 8,
        'e' | 'E' => 27,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '\'' | '"' | '?' => u8::try_from(c).ok()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_those_of_bash() {
        let text = r#"\x41\102\n\t\'\"\\ \u00e4\ud83d\ude00\xe4\xbd\xa0\q"#;
        assert_eq!(decoded(text).unwrap(), "AB\n\t'\"\\ ä😀你\\q");
        for broken in [r"\ud83d", r"\ud83dx", r"\xff", r"\ud83dA", r"\UFFFFFFFF", r"\x"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }
}
