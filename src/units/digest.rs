//! Turns bytes into the digits that people compare, and digits into bytes.

use sha2::{Digest, Sha256};

/// SHA-256 of a text or of bytes, in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes.as_ref()))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The bytes of pairs of hexadecimal digits, between which spaces may stand; `None` if they are not
/// that.
pub fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let words = text.split_whitespace().map(|word| {
        let pairs = word.as_bytes().chunks(2);
        pairs.map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            // A sign would be taken for a digit.
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        })
    });
    words.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_written() {
        assert_eq!(bytes_of_hex(&hex(b"\x00\xc0~")).as_deref(), Some(&b"\x00\xc0~"[..]));
        assert_eq!(bytes_of_hex(" C0 00d0\n").as_deref(), Some(&b"\xc0\x00\xd0"[..]));
        assert_eq!(bytes_of_hex("").as_deref(), Some(&b""[..]));
        for wrong in ["c", "c0 0", "+1", "0x10", "g0", "\u{e4}"] {
            assert_eq!(bytes_of_hex(wrong), None, "{wrong}");
        }
    }
}
