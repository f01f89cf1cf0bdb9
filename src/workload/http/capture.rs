//! Turns a response, as it comes in, into what can be shown of it: its head, and its body up to a
//! limit.
//!
//! **Invariant:** nothing is allocated for a response that is not captured.

use super::parse::ResponseReader;
use httparse::Header;

/// A response, as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapturedResponse {
    /// Its status.
    pub status: u16,
    /// Names and values of its headers, in the order in which they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The beginning of its body, as it was sent.
    pub body: Vec<u8>,
    /// Bytes of the whole body, as it was sent.
    pub body_bytes: u64,
}

impl CapturedResponse {
    /// The value of the first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers.iter();
        headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }

    /// Whether the body is longer than what was kept.
    pub fn is_cut(&self) -> bool {
        self.body_bytes > self.body.len() as u64
    }
}

/// A response that is being captured.
#[derive(Debug)]
pub(super) struct Capture {
    response: CapturedResponse,
    most_body: usize,
}

impl Capture {
    /// Of a response whose body is kept up to `most_body` bytes.
    pub(super) fn new(most_body: usize) -> Self {
        Self { response: CapturedResponse::default(), most_body }
    }

    /// The captured text.
    pub(super) fn into_response(self) -> CapturedResponse {
        self.response
    }
}

impl ResponseReader for Capture {
    fn head(&mut self, status: u16, headers: &[Header<'_>]) {
        let owned = |one: &Header<'_>| (one.name.to_ascii_lowercase(), one.value.to_owned());
        self.response.status = status;
        self.response.headers = headers.iter().map(owned).collect();
    }

    fn body(&mut self, piece: &[u8]) {
        let room = self.most_body.saturating_sub(self.response.body.len()).min(piece.len());
        self.response.body.extend_from_slice(&piece[..room]);
        self.response.body_bytes += piece.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_kept_up_to_the_limit() {
        let mut capture = Capture::new(5);
        let headers = [Header { name: "Content-Type", value: b"text/plain" }];
        capture.head(503, &headers);
        for piece in [&b"abc"[..], b"def", b"ghi"] {
            capture.body(piece);
        }
        let response = capture.into_response();
        assert_eq!((response.status, response.body.as_slice()), (503, &b"abcde"[..]));
        assert_eq!((response.body_bytes, response.is_cut()), (9, true));
        assert_eq!(response.header("content-type"), Some(&b"text/plain"[..]));
        assert_eq!(response.header("etag"), None);
    }
}
