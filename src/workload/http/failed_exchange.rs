//! Turns a request that failed, and what came of its response, into a text without secrets.

use super::capture::CapturedResponse;
use super::encoding;
use super::failing_captures::MOST_BODY;
use super::request_set::RequestSet;
use super::sent::SentRequest;
use super::session::UserSession;
use crate::plan::Secrets;
use crate::units::figure::grouped;
use crate::units::visible;
use flate2::read::MultiGzDecoder;
use std::fmt::Write as _;
use std::io::Read as _;

/// Bytes that are shown in hexadecimal.
const MOST_HEX: usize = 1 << 10;

/// Headers whose values are credentials.
const CREDENTIALS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"];

/// The known parts of the response to a request that failed.
#[derive(Debug, Default)]
pub(crate) struct FailedResponse {
    /// Its status, if it came so far.
    pub status: Option<u16>,
    /// Its head and the beginning of its body, where they were captured.
    pub captured: Option<Box<CapturedResponse>>,
}

impl RequestSet {
    /// A request that failed and its response as text, without secrets; `None` where the request
    /// cannot be written.
    pub(crate) fn failed_exchange(
        &self,
        request: usize,
        mut session: Option<&mut UserSession>,
        (response, is_http2): (FailedResponse, bool),
        now_ns: u64,
    ) -> Option<String> {
        let mut written = Vec::new();
        let is_written = match &mut session {
            Some(session) => self.fill(request, session, &mut written, now_ns).ok()?.is_some(),
            None => false,
        };
        let bytes = if is_written { &written } else { self.bytes(request) };
        let sent = if is_http2 {
            SentRequest::http2(bytes, self.is_secure())
        } else {
            SentRequest::http1(bytes)
        };
        let mut text = Redacted { text: String::new(), secrets: self.secrets(request) };
        text.request(&sent);
        text.response(&response, if is_http2 { "HTTP/2" } else { "HTTP/1.1" });
        Some(match session {
            Some(session) => session.hide(text.text, self.variables(), self.test_data()),
            None => text.text,
        })
    }
}

/// A text in the making, without values of the environment.
struct Redacted<'a> {
    text: String,
    secrets: &'a Secrets,
}

impl Redacted<'_> {
    fn line(&mut self, mark: char, line: &str) {
        let line = self.secrets.hide(line, false);
        // A String takes all that is written to it.
        let _ = writeln!(self.text, "{}", format!("{mark} {}", visible(&line)).trim_end());
    }

    fn header(&mut self, mark: char, name: &str, value: &[u8]) {
        if CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()) {
            self.line(mark, &format!("{name}: ***"));
        } else {
            self.line(mark, &format!("{name}: {}", String::from_utf8_lossy(value)));
        }
    }

    fn request(&mut self, sent: &SentRequest) {
        self.line('>', &sent.line);
        let mut encoding = None;
        for (name, value) in &sent.headers {
            self.header('>', name, value);
            if name == "content-encoding" {
                encoding = std::str::from_utf8(value).ok();
            }
        }
        self.line('>', "");
        let shown = &sent.body[..sent.body.len().min(MOST_BODY)];
        self.body('>', shown, sent.body.len() as u64, encoding);
    }

    fn response(&mut self, response: &FailedResponse, version: &str) {
        let status = |status: u16| {
            let known = ::http::StatusCode::from_u16(status).ok();
            let reason = known.and_then(|status| status.canonical_reason()).unwrap_or_default();
            format!("{version} {status} {reason}")
        };
        let Some(captured) = &response.captured else {
            match response.status {
                Some(code) => {
                    self.line('<', &status(code));
                    let words = "its headers and body were not kept: a response with an expected status is kept only after another one to this request has failed";
                    self.line('*', words);
                }
                None => self.line('*', "no response came"),
            }
            return;
        };
        self.line('<', &status(captured.status));
        for (name, value) in &captured.headers {
            self.header('<', name, value);
        }
        self.line('<', "");
        let encoding = captured.header("content-encoding");
        let encoding = encoding.and_then(|value| std::str::from_utf8(value).ok());
        self.body('<', &captured.body, captured.body_bytes, encoding);
    }

    /// Adds a body of which `bytes` are known, of `whole`.
    fn body(&mut self, mark: char, bytes: &[u8], whole: u64, encoding: Option<&str>) {
        let mut decoded = Vec::new();
        if encoding.is_some_and(encoding::is_gzip) {
            // A body that was cut ends in an error, after the part that could be decoded.
            let limit = MOST_BODY as u64;
            let _ = MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut decoded);
        }
        let shown = if decoded.is_empty() { bytes } else { &decoded };
        let is_cut = whole > bytes.len() as u64 || decoded.len() == MOST_BODY;
        let valid = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            Err(error) if is_cut && error.error_len().is_none() => {
                std::str::from_utf8(&shown[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        let is_text =
            |text: &&str| !text.contains(|c: char| c.is_control() && !"\n\r\t".contains(c));
        if let Some(text) = valid.filter(is_text) {
            // Where it was cut, its end may be the beginning of a secret.
            let text = self.secrets.hide(text, is_cut);
            text.lines().for_each(|line| self.line(mark, &line.replace('\t', "    ")));
        } else {
            let mut bytes = shown[..shown.len().min(MOST_HEX)].to_vec();
            self.secrets.mask(&mut bytes);
            for line in bytes.chunks(32) {
                let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
                self.line(mark, &hex.join(" "));
            }
        }
        if is_cut || (valid.is_none() && shown.len() > MOST_HEX) {
            let words = format!("cut: {} bytes came in all", grouped(whole));
            self.line('*', &words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_bytes_are_not_shown_as_they_are() {
        let sent = SentRequest {
            line: "POST /a HTTP/1.1".to_owned(),
            headers: vec![
                ("Authorization".to_owned(), b"Bearer abc".to_vec()),
                ("x-evil".to_owned(), b"\x1b[2J".to_vec()),
            ],
            body: b"one\ttwo\nthree".to_vec(),
        };
        let captured = CapturedResponse {
            status: 500,
            headers: vec![("set-cookie".to_owned(), b"sid=1".to_vec())],
            body: vec![0, 1, 0xff],
            body_bytes: 9,
        };
        let secrets = Secrets::default();
        let mut text = Redacted { text: String::new(), secrets: &secrets };
        text.request(&sent);
        let response = FailedResponse { status: Some(500), captured: Some(Box::new(captured)) };
        text.response(&response, "HTTP/1.1");
        assert_eq!(
            text.text,
            "> POST /a HTTP/1.1\n> Authorization: ***\n> x-evil: \\x1b[2J\n>\n> one    two\n> three\n\
             < HTTP/1.1 500 Internal Server Error\n< set-cookie: ***\n<\n< 00 01 ff\n\
             * cut: 9 bytes came in all\n"
        );
    }
}
