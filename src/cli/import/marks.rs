//! Texts of a foreign file, with marks where a placeholder of the plan is to stand.
//!
//! **Invariant:** what stands between two marks was put there by this program: a foreign text loses
//! its marks at the door.

/// Begins a placeholder: a code point that no text may use for characters (Unicode 23.7).
const BEGIN: char = '\u{fdd0}';
/// Ends one.
const END: char = '\u{fdd1}';

/// The marks in a URL, where they are percent-encoded.
const ENCODED: [(&str, char); 2] = [("%EF%B7%90", BEGIN), ("%EF%B7%91", END)];

/// A foreign text without marks of its own.
pub(super) fn unmarked(text: &str) -> String {
    let text = text.replace([BEGIN, END], "\u{fffd}");
    ENCODED.iter().fold(text, |text, (encoded, _)| {
        text.replace(encoded, "%EF%BF%BD").replace(&encoded.to_lowercase(), "%EF%BF%BD")
    })
}

/// A placeholder: `env.TOKEN`, `row.id`.
pub(super) fn mark(name: &str) -> String {
    format!("{BEGIN}{name}{END}")
}

/// Whether a text has a placeholder.
pub(super) fn is_marked(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Whether a text is one placeholder and nothing else.
pub(super) fn is_placeholder(text: &str) -> bool {
    let inner = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    inner.is_some_and(|name| !is_marked(name))
}

/// The text of a URL with marks as they are elsewhere.
pub(super) fn from_url(text: &str) -> String {
    ENCODED.iter().fold(text.to_owned(), |text, (encoded, mark)| {
        text.replace(encoded, mark.encode_utf8(&mut [0; 4]))
    })
}

/// The variables of the environment among the placeholders of a text.
pub(super) fn variables(text: &str) -> Vec<String> {
    let marked = text.split(BEGIN).skip(1).filter_map(|rest| rest.split(END).next());
    marked.filter_map(|name| name.strip_prefix("env.")).map(str::to_owned).collect()
}

/// The text as a string of a plan has it, not yet quoted.
pub(super) fn to_plan(text: &str) -> String {
    let mut out = text.replace("${", "$${");
    out = out.replace(BEGIN, "${");
    out.replace(END, "}")
}

/// The text as people read it.
pub(super) fn shown(text: &str) -> String {
    text.replace(BEGIN, "${").replace(END, "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_placeholders_are_escaped_and_own_ones_stand() {
        let text = format!("{}/{}?{}", unmarked("${env.HOME}\u{fdd0}"), mark("row.id"), "a=$1");
        assert_eq!(to_plan(&text), "$${env.HOME}\u{fffd}/${row.id}?a=$1");
        let url = format!("https://shop.example/a/{}", mark("env.ID"));
        let url = url::Url::parse(&url).unwrap();
        assert_eq!(to_plan(&from_url(url.path())), "/a/${env.ID}");
        assert!(is_placeholder(&mark("env.A")) && !is_placeholder(&format!("x{}", mark("env.A"))));
        assert!(!is_placeholder(&format!("{}{}", mark("env.A"), mark("env.B"))));
        assert_eq!(from_url(&unmarked("/%ef%b7%90%EF%B7%91")), "/%EF%BF%BD%EF%BF%BD");
    }
}
