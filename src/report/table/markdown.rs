//! Turns a table into Markdown.

use super::{Align, Table, is_void};

impl Table {
    /// The table in Markdown: every column that is not empty, notes as separate rows.
    pub fn markdown(&self) -> String {
        let says = |at: &usize| self.rows.iter().any(|row| !is_void(&row.cells[*at].text));
        let shown: Vec<usize> = (0..self.columns.len()).filter(says).collect();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule =
            |at: &usize| if self.columns[*at].align == Align::Right { "---:" } else { "---" };
        let mut out = line(shown.iter().map(|at| escaped(self.columns[*at].heading)).collect());
        out += &line(shown.iter().map(|at| rule(at).to_owned()).collect());
        for row in &self.rows {
            let cell = |at: &usize| {
                let text = &row.cells[*at].text;
                // Leading spaces distinguish a phase from its stage.
                let part = if text.starts_with(' ') { "\u{2003}" } else { "" };
                format!("{part}{}", escaped(text.trim()))
            };
            out += &line(shown.iter().map(cell).collect());
            if let Some(note) = &row.note {
                let mut cells = vec![String::new(); shown.len()];
                cells[0] = format!("<sub>{}</sub>", escaped(&note.text));
                out += &line(cells);
            }
        }
        out
    }
}

/// Text as Markdown shows it: nothing in it is markup, a mention or a reference.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Column, NOT_MEASURED};
    use super::*;

    #[test]
    fn a_table_keeps_its_columns_and_its_notes() {
        let columns = vec![Column::left("stage"), Column::right("n"), Column::right("void")];
        let mut table = Table::new(columns);
        table.row(vec!["a|b".into(), "1,000".into(), NOT_MEASURED.into()]);
        table.note("for example".into());
        table.row(vec!["  hold".into(), "7".into()]);
        let want = "| stage | n |\n| --- | ---: |\n| a&#124;b | 1,000 |\n\
            | <sub>for example</sub> |  |\n| \u{2003}hold | 7 |\n";
        assert_eq!(table.markdown(), want);
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = "<script> [a](b) @someone #1 `x` **b** https://a.example";
        let want = "&lt;script&gt; \\[a\\]\\(b\\) &#64;someone \\#1 \\`x\\` \\*\\*b\\*\\* https&#58;//a.example";
        assert_eq!(escaped(text), want);
    }
}
