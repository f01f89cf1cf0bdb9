//! Turns texts of any origin into lines that fit a terminal and cannot steer it.
//!
//! **Invariant:** regardless of texts from a plan, a server or a resolver, no control character and
//! no change of direction leaves here.

use crate::units::visible;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// How a terminal or a log takes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TextStyle {
    /// Only ASCII: `ok` for a check mark, `us` for microseconds.
    pub ascii: bool,
    /// Colours and weights by escape sequences.
    pub colour: bool,
}

impl TextStyle {
    /// The character set of the environment: ASCII unless the locale is a UTF-8 one. `variable`
    /// reads the environment.
    pub(crate) fn of(colour: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        Self { ascii: !(locale.contains("utf-8") || locale.contains("utf8")), colour }
    }

    /// A text in the characters that this look allows; safe to print.
    pub(super) fn encode(self, text: &str) -> String {
        let clean = visible(text);
        if !self.ascii {
            return clean.into_owned();
        }
        let mut plain = String::with_capacity(clean.len());
        for c in clean.chars() {
            match c {
                _ if c.is_ascii() => plain.push(c),
                '✓' => plain.push_str("ok"),
                '✗' | '×' => plain.push('x'),
                '▶' | '╸' => plain.push('>'),
                '■' => plain.push('#'),
                '·' => plain.push('|'),
                '…' => plain.push_str(".."),
                '→' => plain.push_str("->"),
                '–' | '─' => plain.push('-'),
                '━' => plain.push('='),
                'µ' => plain.push('u'),
                _ => {
                    let _ = write!(plain, "{}", c.escape_unicode());
                }
            }
        }
        plain
    }
}

/// The first `most` characters of a text, with `…` where something was left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The tone of a piece of a line, shown by colour if there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing special.
    Plain,
    /// Of less interest now.
    Dim,
    /// Highlighted.
    Strong,
    /// Going well.
    Good,
    /// To be looked at.
    Warn,
    /// Going badly.
    Bad,
    /// The current activity.
    Active,
}

impl Tone {
    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Dim => style.dimmed(),
            Self::Strong => style.bold(),
            Self::Good => style.fg_color(Some(AnsiColor::Green.into())),
            Self::Warn => style.fg_color(Some(AnsiColor::Yellow.into())),
            Self::Bad => style.fg_color(Some(AnsiColor::Red.into())).bold(),
            Self::Active => style.fg_color(Some(AnsiColor::Cyan.into())),
        }
    }
}

/// One line of pieces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct StyledLine(Vec<(Tone, String)>);

impl StyledLine {
    /// Adds a piece.
    pub(super) fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.push(tone, text);
        self
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, tone: Tone, text: impl AsRef<str>) {
        self.0.push((tone, text.as_ref().to_owned()));
    }

    /// Adds all pieces of another line.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Columns that it takes.
    pub(super) fn width(&self, look: TextStyle) -> usize {
        self.0.iter().map(|(_, text)| console::measure_text_width(&look.encode(text))).sum()
    }

    /// The line in as many as it takes of at most `width` columns, each behind the first with an
    /// indent. They break at spaces; a longer word, such as a path, stays whole, so that it can be
    /// copied.
    pub(super) fn folded(self, width: usize, look: TextStyle) -> Vec<Self> {
        const INDENT: &str = "    ";
        let mut lines = vec![Self::default()];
        // Columns taken in the last line, and whether they are more than its indent.
        let (mut taken, mut begun) = (0, false);
        for (tone, text) in self.0 {
            for word in text.split_inclusive(' ') {
                let columns = |word: &str| console::measure_text_width(&look.encode(word));
                if begun && taken + columns(word.trim_end()) > width {
                    if let Some((_, last)) = lines.last_mut().and_then(|line| line.0.last_mut()) {
                        last.truncate(last.trim_end().len());
                    }
                    lines.push(Self::default().with(Tone::Plain, INDENT));
                    (taken, begun) = (INDENT.len(), false);
                }
                if word.trim_end().is_empty() && !begun && lines.len() > 1 {
                    continue;
                }
                if let Some(line) = lines.last_mut() {
                    line.push(tone, word);
                }
                taken += columns(word);
                begun |= !word.trim_end().is_empty();
            }
        }
        lines
    }

    /// The line in at most `width` columns, with `…` where it did not fit.
    pub(super) fn render(&self, width: usize, look: TextStyle) -> String {
        let more = if look.ascii { ".." } else { "…" };
        let fits = self.width(look) <= width;
        let mut left =
            if fits { width } else { width.saturating_sub(console::measure_text_width(more)) };
        let mut out = String::new();
        for (tone, text) in &self.0 {
            let whole = look.encode(text);
            let text = console::truncate_str(&whole, left, "");
            left -= console::measure_text_width(&text);
            let style = if look.colour { tone.style() } else { Style::new() };
            let _ = write!(out, "{style}{text}{style:#}");
            if text.len() < whole.len() {
                break;
            }
        }
        if !fits {
            out.push_str(more);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_as_an_escape() {
        let foreign = "a\x1b]0;x\x07\r\n\u{9b}31m\u{202e}gpj\u{200b}\u{7f}é";
        for ascii in [false, true] {
            let safe = TextStyle { ascii, colour: false }.encode(foreign);
            let last = if ascii { r"\u{e9}" } else { "é" };
            let want = r"a\x1b]0;x\x07\r\n\u{9b}31m\u{202e}gpj\u{200b}\x7f";
            assert_eq!(safe, format!("{want}{last}"));
        }
    }

    #[test]
    fn ascii_has_a_word_for_every_sign() {
        let ascii = TextStyle { ascii: true, colour: false };
        assert_eq!(ascii.encode("✓ 0 → 9 · 3 µs – é"), r"ok 0 -> 9 | 3 us - \u{e9}");
    }

    #[test]
    fn a_line_fits_and_says_where_it_was_cut() {
        let line = StyledLine::default()
            .with(Tone::Strong, "abc")
            .with(Tone::Plain, "日本語")
            .with(Tone::Dim, "x");
        let look = TextStyle::default();
        assert_eq!(line.render(10, look), "abc日本語x");
        assert_eq!(line.render(9, look), "abc日本…");
        assert_eq!(line.render(3, look), "ab…");
        for width in 1..12 {
            assert!(console::measure_text_width(&line.render(width, look)) <= width);
        }
        let colour = TextStyle { colour: true, ..look };
        assert_eq!(line.render(3, colour), "\x1b[1mab\x1b[0m…");
    }

    #[test]
    fn a_line_is_folded_at_spaces() {
        let look = TextStyle::default();
        let line = StyledLine::default()
            .with(Tone::Good, "✓ ")
            .with(Tone::Strong, "stage")
            .with(Tone::Plain, "  10 users in 1.00 s");
        let folded = |width| -> Vec<String> {
            let lines = line.clone().folded(width, look).into_iter();
            lines.map(|line| line.render(100, look)).collect()
        };
        assert_eq!(folded(27), ["✓ stage  10 users in 1.00 s"]);
        assert_eq!(folded(26), ["✓ stage  10 users in 1.00", "    s"]);
        assert_eq!(folded(12), ["✓ stage  10", "    users in", "    1.00 s"]);
        assert_eq!(folded(7), ["✓ stage", "    10", "    users", "    in", "    1.00", "    s"]);
        let path = StyledLine::default().with(Tone::Plain, "in results/a/long/path");
        let whole: Vec<String> =
            path.folded(10, look).iter().map(|line| line.render(100, look)).collect();
        assert_eq!(whole, ["in", "    results/a/long/path"]);
    }

    #[test]
    fn the_locale_decides_on_ascii() {
        let with = |name: &'static str, value: &'static str| {
            TextStyle::of(false, move |asked| (asked == name).then(|| value.to_owned())).ascii
        };
        assert!(!with("LANG", "en_US.UTF-8"));
        assert!(!with("LC_CTYPE", "C.utf8"));
        assert!(with("LANG", "C"));
        assert!(with("TERM", "xterm"));
        let both = |asked: &str| match asked {
            "LC_ALL" => Some("POSIX".to_owned()),
            "LANG" => Some("de_DE.UTF-8".to_owned()),
            _ => None,
        };
        assert!(TextStyle::of(false, both).ascii);
    }
}
