//! Turns the headers of a response into how its body is delimited (RFC 9112, 6.3), and whether the
//! connection stays open.

use super::parse_error::ParseError;
use httparse::Header;

/// The framing that a head defines: of the connection and of the body.
#[derive(Default)]
pub(super) struct MessageFraming {
    /// Whether the connection may carry another request.
    pub(super) keep: bool,
    pub(super) length: Option<u64>,
    /// `Some(false)`: encoded, but not in chunks at last.
    pub(super) chunked: Option<bool>,
}

impl MessageFraming {
    pub(super) fn new(headers: &[Header<'_>], is_old: bool) -> Result<Self, ParseError> {
        let mut said = Self { keep: !is_old, ..Self::default() };
        let mut close = false;
        for Header { name, value } in headers {
            // Few headers matter, and they differ in length.
            match name.len() {
                10 if name.eq_ignore_ascii_case("connection") => {
                    if *value == b"keep-alive" {
                        said.keep = true;
                        continue;
                    }
                    for token in tokens(value) {
                        close |= token.eq_ignore_ascii_case(b"close");
                        said.keep |= token.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if name.eq_ignore_ascii_case("content-length") => {
                    if let (None, Ok(length)) = (said.length, number(value)) {
                        said.length = Some(length);
                        continue;
                    }
                    for token in tokens(value) {
                        let length = number(token)?;
                        if said.length.replace(length).is_some_and(|before| before != length) {
                            return Err(ParseError::Length);
                        }
                    }
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    for token in tokens(value) {
                        said.chunked = Some(token.eq_ignore_ascii_case(b"chunked"));
                    }
                }
                _ => {}
            }
        }
        said.keep &= !close;
        // RFC 9112, 6.1 and 6.3: a response with both is ambiguous.
        if said.chunked.is_some() && (is_old || said.length.is_some()) {
            return Err(ParseError::Ambiguous);
        }
        Ok(said)
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn number(digits: &[u8]) -> Result<u64, ParseError> {
    if digits.is_empty() {
        return Err(ParseError::Length);
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit =
            digit.is_ascii_digit().then(|| u64::from(digit - b'0')).ok_or(ParseError::Length)?;
        sum.checked_mul(10).and_then(|sum| sum.checked_add(digit)).ok_or(ParseError::Length)
    })
}
