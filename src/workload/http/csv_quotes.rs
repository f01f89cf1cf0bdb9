//! Finds quotes of a CSV file that would swallow the text after them, or be read as text: RFC 4180
//! has none of them, and a lenient reader takes them without a word.

/// Where one is within a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CsvPosition {
    /// At the start of a value, or in spaces there.
    Start { spaces: bool },
    /// In a value without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that may be the first of two.
    Closed,
}

/// Looks through a whole file.
///
/// # Errors
/// The line of the first misplaced quote, and the error.
pub(super) fn check(text: &str, separator: u8) -> Result<(), (u64, &'static str)> {
    let wrong = |line, what| Err((line, what));
    let (mut line, mut opened) = (1_u64, 1_u64);
    let start = CsvPosition::Start { spaces: false };
    let mut within = start;
    // All that has a meaning is ASCII, which no other character has a part of.
    for byte in text.bytes() {
        let ends = byte == separator || matches!(byte, b'\r' | b'\n');
        within = match (within, byte) {
            (CsvPosition::Quoted, b'"') => CsvPosition::Closed,
            (CsvPosition::Quoted, _) | (CsvPosition::Closed, b'"') => CsvPosition::Quoted,
            (_, _) if ends => start,
            (CsvPosition::Start { spaces: false }, b'"') => {
                opened = line;
                CsvPosition::Quoted
            }
            (CsvPosition::Start { spaces: true }, b'"') => {
                return wrong(
                    line,
                    "a space stands before a quote, which makes it text: remove the space",
                );
            }
            (CsvPosition::Start { .. }, b' ') => CsvPosition::Start { spaces: true },
            (CsvPosition::Closed, _) => {
                return wrong(
                    line,
                    "text stands behind a closing quote: write a quote in a value twice, `\"\"`",
                );
            }
            (CsvPosition::Start { .. } | CsvPosition::Plain, _) => CsvPosition::Plain,
        };
        line += u64::from(byte == b'\n');
    }
    if within == CsvPosition::Quoted {
        return wrong(opened, "a quote is never closed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(u64, String)> {
        check(text, b',').err().map(|(line, what)| (line, what[..13].to_owned()))
    }

    #[test]
    fn quotes_that_swallow_or_are_swallowed_are_found_with_their_lines() {
        let none = [
            "",
            "a,b\n1,2\n",
            "\"a\",\"b\"\r\n\"1,\n2\",\"say \"\"hi\"\"\"",
            "a\n5\" disk\n",
            "\"\"\n",
            "a, b",
        ];
        for text in none {
            assert_eq!(found(text), None, "{text:?}");
        }
        for (text, line, what) in [
            ("user,pass\na,\"1\nb,2\n", 2, "a quote is ne"),
            ("a\n\"x\n\"\"\n", 2, "a quote is ne"),
            ("\"", 1, "a quote is ne"),
            ("a,b\n1, \"2\"\n", 2, "a space stand"),
            ("a,b\n\"1\n\" ,2\n", 3, "text stands b"),
            ("a\n\"1\"2\n", 2, "text stands b"),
        ] {
            assert_eq!(found(text), Some((line, what.to_owned())), "{text:?}");
        }
    }
}
