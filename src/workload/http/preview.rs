//! Turns the first bytes of a body into words for the sample of a failure.

use super::encoding;
use crate::plan::Secrets;
use crate::units::figure::grouped;
use crate::units::visible;
use flate2::read::MultiGzDecoder;
use std::fmt::Write as _;
use std::io::Read as _;

/// How many bytes of a body are shown.
pub(super) const SHOWN_BYTES: usize = 200;

/// The first bytes of a body, as they came.
#[derive(Debug, Default)]
pub(super) struct BodyPreview {
    bytes: Vec<u8>,
    encoding: Option<Box<str>>,
}

impl BodyPreview {
    /// Of a body that is encoded like this.
    pub(super) fn new(encoding: Option<Box<str>>) -> Self {
        Self { bytes: Vec::new(), encoding }
    }

    /// Takes the next piece, as far as it is shown.
    pub(super) fn take(&mut self, piece: &[u8]) {
        let room = SHOWN_BYTES.saturating_sub(self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(&piece[..room]);
    }

    /// `, body: …` on one line; nothing where there was no body. `received`: bytes of all of it, as
    /// they came.
    pub(super) fn words(&self, received: u64, secrets: &Secrets) -> String {
        if self.bytes.is_empty() {
            return String::new();
        }
        let mut is_cut = received > self.bytes.len() as u64;
        let (mut decoded, mut encoded) = (Vec::new(), String::new());
        match &self.encoding {
            Some(encoding) if encoding::is_gzip(encoding) => {
                // A body that was cut ends in an error, after the part that could be decoded.
                let limit = SHOWN_BYTES as u64 + 1;
                let _ = MultiGzDecoder::new(&*self.bytes).take(limit).read_to_end(&mut decoded);
                is_cut |= decoded.len() > SHOWN_BYTES;
                decoded.truncate(SHOWN_BYTES);
            }
            Some(encoding) => encoded = format!(", encoded with {encoding}"),
            None => {}
        }
        let bytes = if decoded.is_empty() { &self.bytes } else { &decoded };
        let shown = on_one_line(bytes, is_cut, secrets);
        match (is_cut, decoded.is_empty()) {
            (false, _) => format!(", body{encoded}: `{shown}`"),
            (true, true) => {
                let (some, all) = (grouped(bytes.len() as u64), grouped(received));
                format!(", first {some} of {all} bytes of the body{encoded}: `{shown}`")
            }
            (true, false) => format!(", beginning of the body: `{shown}`"),
        }
    }
}

/// Bytes as text that does nothing to a terminal and hides what is secret; a character that is cut
/// is left out.
pub(super) fn on_one_line(bytes: &[u8], is_cut: bool, secrets: &Secrets) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        let ends_cut = is_cut && chunks.peek().is_none();
        text.push_str(&visible(&secrets.hide(chunk.valid(), ends_cut)));
        let cut_off = ends_cut && is_incomplete(chunk.invalid());
        for byte in chunk.invalid().iter().filter(|_| !cut_off) {
            // A String takes all that is written to it.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Whether bytes are the first of a character that has more.
fn is_incomplete(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn words(encoding: Option<&str>, pieces: &[&[u8]]) -> String {
        let mut beginning = BodyPreview::new(encoding.map(Into::into));
        for piece in pieces {
            beginning.take(piece);
        }
        let received: usize = pieces.iter().map(|piece| piece.len()).sum();
        beginning.words(received as u64, &Secrets::default())
    }

    #[test]
    fn a_body_is_shown_on_one_line() {
        assert_eq!(words(None, &[b""]), "");
        assert_eq!(words(None, &[b"{\"a\":\n", b"1}"]), ", body: `{\"a\":\\n1}`");
        assert_eq!(words(None, &[b"\x1b[2J\xff\xe4", "größer".as_bytes()]), {
            ", body: `\\x1b[2J\\xff\\xe4größer`"
        });
    }

    #[test]
    fn a_long_body_is_cut_between_characters() {
        let long = format!("a{}", "ö".repeat(300));
        let shown = format!("a{}", "ö".repeat(99));
        let words = words(None, &[long.as_bytes()]);
        assert_eq!(words, format!(", first 200 of 601 bytes of the body: `{shown}`"));
    }

    #[test]
    fn an_encoded_body_is_decoded_as_far_as_it_came() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"out of stock").unwrap();
        let gzip = encoder.finish().unwrap();
        assert_eq!(words(Some("gzip"), &[&gzip]), ", body: `out of stock`");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all("x".repeat(100_000).as_bytes()).unwrap();
        let gzip = encoder.finish().unwrap();
        let shown = words(Some("gzip"), &[&gzip]);
        assert_eq!(shown, format!(", beginning of the body: `{}`", "x".repeat(200)));
        assert_eq!(words(Some("br"), &[b"\x0b"]), ", body, encoded with br: `\\x0b`");
        assert_eq!(words(Some("gzip"), &[b"plain"]), ", body: `plain`");
    }
}
