//! Turns text that others chose (a server's words, a name in a plan) into text that is safe in a
//! terminal and a spreadsheet.

pub(super) use crate::units::visible;
use std::borrow::Cow;

/// The text as a CSV cell that no spreadsheet takes for a formula; see OWASP, CSV Injection.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    let shown = visible(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{shown}"))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        for (text, want) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\\tx"),
            ("\rx", "'\\rx"),
            ("x=1", "x=1"),
            ("", ""),
        ] {
            assert_eq!(cell(text), want);
        }
    }
}
