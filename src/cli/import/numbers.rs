//! Numbers with their nouns.

/// `1 request`, `2 requests`.
pub(super) fn count_of(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
