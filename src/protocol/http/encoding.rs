//! Turns what a head says of the body's encoding into whether it can be decoded, and words for what cannot.

use httparse::Header;

/// The encodings of a body, as the head has them; `None` when there is none. Allocates only where there is one.
pub(super) fn of(headers: &[Header<'_>]) -> Option<Box<str>> {
    let said = headers.iter().filter(|one| {
        // Few headers matter, and they differ in length.
        one.name.len() == 16 && one.name.eq_ignore_ascii_case("content-encoding")
    });
    let tokens = said.flat_map(|one| one.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let is_one = |token: &&[u8]| !token.is_empty() && !token.eq_ignore_ascii_case(b"identity");
    let mut all = String::new();
    for token in tokens.filter(is_one) {
        all.push_str(if all.is_empty() { "" } else { ", " });
        all.push_str(&token[..token.len().min(64)].escape_ascii().to_string());
    }
    (!all.is_empty()).then(|| all.into())
}

/// Whether this is gzip, once.
pub(super) fn is_gzip(encoding: &str) -> bool {
    ["gzip", "x-gzip"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

/// What is wrong with a body whose encoding is not decoded; `asked`: gzip was asked for.
pub(super) fn undecoded(encoding: &str, asked: bool) -> String {
    if asked {
        format!("is encoded with {encoding}, which is not decoded: only gzip is asked for")
    } else {
        format!(
            "is encoded with {encoding}, which is not decoded (compression = true asks for gzip)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_however_they_are_said() {
        let of = |values: &[&str]| {
            let headers: Vec<Header<'_>> = values
                .iter()
                .map(|value| Header { name: "Content-Encoding", value: value.as_bytes() })
                .collect();
            super::of(&headers).map(String::from)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["identity", " "]), None);
        assert_eq!(of(&["GZIP"]).as_deref(), Some("GZIP"));
        assert_eq!(of(&["gzip,gzip"]).as_deref(), Some("gzip, gzip"));
        assert_eq!(of(&["identity, br", "zstd"]).as_deref(), Some("br, zstd"));
        assert!(is_gzip("GZIP") && is_gzip("x-gzip") && !is_gzip("gzip, gzip") && !is_gzip("br"));
        assert_eq!(super::of(&[Header { name: "content-language", value: b"br" }]), None);
    }
}
