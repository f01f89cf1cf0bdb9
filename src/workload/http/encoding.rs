//! Decides from a head whether the body's encoding can be decoded, and describes those that cannot.

use crate::units::visible_bytes;
use httparse::Header;

/// The encodings of a body, as the head has them; `None` when there is none. Allocates only where
/// there is one.
pub(super) fn of(headers: &[Header<'_>]) -> Option<Box<str>> {
    let mut all = String::new();
    for Header { name, value } in headers {
        // Few headers matter, and they differ in length.
        let none: &[u8] = match name.len() {
            16 if name.eq_ignore_ascii_case("content-encoding") => b"identity",
            17 if name.eq_ignore_ascii_case("transfer-encoding") => b"chunked",
            _ => continue,
        };
        let tokens = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let tokens = tokens.filter(|one| !one.is_empty() && !one.eq_ignore_ascii_case(none));
        add(&mut all, tokens, none == b"chunked");
    }
    (!all.is_empty()).then(|| all.into())
}

/// Adds what is one of the encodings; on its way alone, it has no name that anything decodes here.
fn add<'a>(all: &mut String, tokens: impl Iterator<Item = &'a [u8]>, on_its_way: bool) {
    for token in tokens {
        all.push_str(if all.is_empty() { "" } else { ", " });
        all.push_str(if on_its_way { "transfer-encoding " } else { "" });
        all.push_str(&visible_bytes(token, 64));
    }
}

/// Whether this is gzip, once.
pub(super) fn is_gzip(encoding: &str) -> bool {
    ["gzip", "x-gzip"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

/// Whether one member of `accept-encoding` permits gzip (RFC 9110, 12.5.3).
pub(super) fn takes_gzip(member: &str) -> bool {
    let (coding, weight) = member.split_once(';').unwrap_or((member, ""));
    let weight = weight.trim().strip_prefix("q=").map(str::parse::<f64>);
    (is_gzip(coding.trim()) || coding.trim() == "*") && weight != Some(Ok(0.0))
}

/// The error of a body whose encoding is not decoded; `asked`: gzip was requested.
pub(super) fn undecoded(encoding: &str, asked: bool) -> String {
    if asked {
        format!("is encoded with {encoding}, which is not decoded: planrun decodes gzip alone")
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
    fn gzip_is_asked_for_by_name_or_by_any_unless_its_weight_is_zero() {
        for takes in ["gzip", " GZIP ", "x-gzip", "*", "gzip;q=0.5", "gzip; q=1"] {
            assert!(takes_gzip(takes), "{takes}");
        }
        for not in ["", "br", "gzip;q=0", "gzip; q=0.0", "*;q=0", "identity", "deflate"] {
            assert!(!takes_gzip(not), "{not}");
        }
    }

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
        let on_its_way = |value: &[u8]| super::of(&[Header { name: "Transfer-Encoding", value }]);
        assert_eq!(on_its_way(b"Chunked"), None);
        assert_eq!(on_its_way(b"gzip, chunked").as_deref(), Some("transfer-encoding gzip"));
    }
}
