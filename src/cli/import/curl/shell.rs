//! Splits what was pasted from a shell into commands and their words.
//!
//! `shlex` takes the quotes. What it does not know is prepared for it: quotes of ANSI C (`$'…'`),
//! which browsers write, variables, separators of commands and redirections.

use super::ansi;
use crate::cli::import::error::ImportError;
use crate::cli::import::marks::{mark, unmarked};
use std::iter::Peekable;
use std::str::Chars;

/// A command, and the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShellCommand {
    pub line: usize,
    pub words: Vec<String>,
}

/// The commands of a text. Variables in it become marked placeholders: `env.NAME`.
pub(super) fn commands(text: &str) -> Result<Vec<ShellCommand>, ImportError> {
    let text = unmarked(text.trim_start_matches('\u{feff}')).replace("\\\r\n", "\\\n");
    let mut scanner = Scanner {
        chars: text.chars().peekable(),
        line: 1,
        begun: 1,
        command: String::new(),
        commands: Vec::new(),
        piped: false,
    };
    scanner.scan()?;
    Ok(scanner.commands)
}

struct Scanner<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    /// The line on which the command begins.
    begun: usize,
    command: String,
    commands: Vec<ShellCommand>,
    /// What follows reads the output of the command before it.
    piped: bool,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn next_is(&mut self, wanted: char) -> bool {
        let is = self.chars.peek() == Some(&wanted);
        if is {
            self.next();
        }
        is
    }

    fn scan(&mut self) -> Result<(), ImportError> {
        while let Some(c) = self.next() {
            let at_word = self.command.is_empty() || self.command.ends_with(char::is_whitespace);
            match c {
                '\\' => self.escape(),
                '\'' => self.single()?,
                '"' => self.double()?,
                '$' if self.command.trim().is_empty() && self.chars.peek() == Some(&' ') => {}
                '$' if self.next_is('\'') => self.ansi()?,
                '$' if self.chars.peek() == Some(&'"') => {}
                '$' => self.variable()?,
                '`' => return Err(self.substitution()),
                '#' if at_word => {
                    while self.chars.peek().is_some_and(|c| *c != '\n') {
                        self.next();
                    }
                }
                '^' if self.chars.peek().is_some_and(|c| "\"\r\n".contains(*c)) => {
                    return Err(ImportError::at_line(
                        self.line,
                        "expected a command for a POSIX shell, found one for cmd.exe",
                        "copy the request again as \"cURL (bash)\" or \"cURL (POSIX)\"",
                    ));
                }
                '>' => self.redirection(),
                '<' => {
                    return Err(ImportError::at_line(
                        self.line,
                        "input from a redirection is not read",
                        "save the body in a file, and write `--data-binary @FILE` in the command",
                    ));
                }
                '\n' | ';' => self.end(false)?,
                '&' if self.chars.peek() == Some(&'>') => {}
                '&' => {
                    self.next_is('&');
                    self.end(false)?;
                }
                '|' => {
                    let or = self.next_is('|');
                    self.end(!or)?;
                }
                _ => self.command.push(c),
            }
        }
        self.end(false)
    }

    /// Ends a command; those that read its output are not carried over.
    fn end(&mut self, piped: bool) -> Result<(), ImportError> {
        let command = std::mem::take(&mut self.command);
        let (line, was_piped) = (self.begun, std::mem::replace(&mut self.piped, piped));
        self.begun = self.line;
        let words = shlex::split(&command).ok_or_else(|| {
            ImportError::at_line(line, "expected the words of a command", CLOSE_QUOTES)
        })?;
        if !words.is_empty() && !was_piped {
            self.commands.push(ShellCommand { line, words });
        }
        Ok(())
    }

    /// What stands behind `\` is meant as it is; the end of a line is not meant at all.
    fn escape(&mut self) {
        match self.next() {
            None => {}
            Some('\n') if self.command.is_empty() => self.begun = self.line,
            Some('\n') => self.command.push(' '),
            Some(c) => self.command.extend(['\\', c]),
        }
    }

    fn single(&mut self) -> Result<(), ImportError> {
        let line = self.line;
        self.command.push('\'');
        while let Some(c) = self.next() {
            self.command.push(c);
            if c == '\'' {
                return Ok(());
            }
        }
        Err(unclosed(line, '\''))
    }

    fn double(&mut self) -> Result<(), ImportError> {
        let line = self.line;
        self.command.push('"');
        while let Some(c) = self.next() {
            match c {
                '"' => {
                    self.command.push('"');
                    return Ok(());
                }
                '\\' => match self.next() {
                    None => break,
                    Some('\n') => {}
                    Some(c) => self.command.extend(['\\', c]),
                },
                '`' => return Err(self.substitution()),
                '$' => self.variable()?,
                c => self.command.push(c),
            }
        }
        Err(unclosed(line, '"'))
    }

    /// `$'…'`, as a text between single quotes.
    fn ansi(&mut self) -> Result<(), ImportError> {
        let line = self.line;
        let mut inside = String::new();
        loop {
            match self.next() {
                None => return Err(unclosed(line, '\'')),
                Some('\'') => break,
                Some('\\') => {
                    inside.push('\\');
                    inside.extend(self.next());
                }
                Some(c) => inside.push(c),
            }
        }
        let Some(text) = ansi::decoded(&inside) else {
            return Err(ImportError::at_line(
                line,
                "expected text between `$'` and `'`, found bytes that are not UTF-8",
                "save the body in a file, and write `--data-binary @FILE` in the command",
            ));
        };
        let text = unmarked(&text).replace('\'', r"'\''");
        self.command.extend(["'", &text, "'"]);
        Ok(())
    }

    /// What follows `$`: a variable of the shell becomes one of the environment.
    fn variable(&mut self) -> Result<(), ImportError> {
        let braces = self.next_is('{');
        let is_of_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(is_of_name) {
            name.push(c);
        }
        let closed = !braces || self.next_is('}');
        let begins = name.starts_with(|c: char| !c.is_ascii_digit());
        if begins && closed && !self.command.ends_with('$') {
            self.command.push_str(&mark(&format!("env.{name}")));
            return Ok(());
        }
        if braces || !name.is_empty() || self.chars.peek() == Some(&'(') {
            return Err(self.substitution());
        }
        self.command.push('$');
        Ok(())
    }

    fn substitution(&self) -> ImportError {
        ImportError::at_line(
            self.line,
            "this substitution needs a shell",
            "write the value in its place, or a variable: `$NAME`; it becomes `${env.NAME}`",
        )
    }

    /// Takes `> FILE` and `2>&1` out.
    fn redirection(&mut self) {
        let bare = self.command.trim_end_matches(|c: char| c.is_ascii_digit());
        if bare.is_empty() || bare.ends_with(char::is_whitespace) {
            self.command.truncate(bare.len());
        }
        while self.chars.next_if(|c| ">&|".contains(*c)).is_some() {}
        while self.chars.next_if(|c| " \t".contains(*c)).is_some() {}
        while self.chars.next_if(|c| !c.is_whitespace() && !";&|".contains(*c)).is_some() {}
        self.command.push(' ');
    }
}

const CLOSE_QUOTES: &str = "close every quote, and put values with spaces between single quotes";

fn unclosed(line: usize, quote: char) -> ImportError {
    ImportError::at_line(
        line,
        format!("the quote `{quote}` that begins here is never closed"),
        CLOSE_QUOTES,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::marks::shown;

    fn words(text: &str) -> Vec<Vec<String>> {
        let all = commands(text).unwrap();
        all.into_iter().map(|one| one.words.iter().map(|word| shown(word)).collect()).collect()
    }

    #[test]
    fn quotes_continuations_and_separators_are_those_of_a_shell() {
        let text = "$ curl 'a b' \\\n  \"c \\\"d\\\"\" -d $'x\\u0021\\'\\n\\ud83d\\ude00' ;\n\
            curl e 2>/dev/null | jq . && curl f >> out & # rest\ncurl $'\\x41'\"$NAME\" ${OTHER}/x";
        assert_eq!(
            words(text),
            [
                vec!["curl", "a b", "c \"d\"", "-d", "x!'\n😀"],
                vec!["curl", "e"],
                vec!["curl", "f"],
                vec!["curl", "A${env.NAME}", "${env.OTHER}/x"],
            ]
        );
        let lines: Vec<usize> = commands(text).unwrap().iter().map(|one| one.line).collect();
        assert_eq!(lines, [1, 3, 3, 4]);
    }

    #[test]
    fn what_needs_a_shell_is_an_error_with_its_line() {
        for (text, message) in [
            ("curl 'a", "the quote `'` that begins here is never closed"),
            ("curl a\ncurl \"$(date)\"", "this substitution needs a shell"),
            ("curl `x`", "this substitution needs a shell"),
            ("curl ${A:-b}", "this substitution needs a shell"),
            ("curl -d @- <<EOF", "input from a redirection is not read"),
            ("curl ^\"https://a^\"", "expected a command for a POSIX shell, found one for cmd.exe"),
            ("curl $'\\xff'", "expected text between `$'` and `'`, found bytes that are not UTF-8"),
        ] {
            assert_eq!(commands(text).unwrap_err().message, message, "{text}");
        }
    }
}
