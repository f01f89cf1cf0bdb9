//! Texts of which parts are filled in for each sending.

use crate::plan::error::Errors;
use crate::plan::span::Span;
use crate::plan::span::TextRange;
use crate::plan::suggest::did_you_mean;
use crate::plan::text::Placeholder;
use crate::plan::text::Text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A text of which parts are filled in for each sending.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Template {
    /// One after the other.
    pub pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// Filled in.
    Fill {
        /// With what.
        given: Placeholder,
        /// How it is written there.
        encoding: Encoding,
        /// Where it stands.
        spot: TextRange,
    },
    /// In a path: `?`, or `&` where what stands before it has a query already.
    Separator,
}

/// How a value is written where it is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// As the beginning of a request target, query included: as it is, but for what cannot be sent.
    /// A URL of the target is taken, too.
    Target,
    /// Percent-encoded, `/` apart.
    Path,
    /// Percent-encoded.
    Query,
    /// As the inside of a JSON string.
    Json,
}

impl Template {
    /// The text, if it has no placeholders.
    pub fn fixed(&self) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Fill { .. } | Piece::Separator => None,
        };
        self.pieces.iter().map(text).collect()
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds another template.
    pub fn append(&mut self, other: Self) {
        for piece in other.pieces {
            match piece {
                Piece::Text(text) => self.push(&text),
                other => self.pieces.push(other),
            }
        }
    }

    /// The placeholders and their places.
    pub fn givens(&self) -> impl Iterator<Item = (&Placeholder, &TextRange)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) | Piece::Separator => None,
            Piece::Fill { given, spot, .. } => Some((given, spot)),
        })
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        let mut template = Self::default();
        template.push(text);
        template
    }
}

/// The characters that are encoded in a parameter: all but the unreserved characters of RFC 3986.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The placeholders that are available at some place of a scenario.
pub(in crate::plan) struct Known {
    /// Whether the scenario has rows, or a `data` key that could not be read.
    pub rows: bool,
    /// Whether it has steps.
    pub steps: bool,
    /// The values that earlier steps extract.
    pub variables: Vec<String>,
}

/// A place in the plan's file.
pub(in crate::plan) fn spot(at: Span) -> TextRange {
    at.argument.is_none().then(|| at.range())
}

/// A path: a value that is all of it, or begins it, is a request target; others are encoded.
pub(in crate::plan) fn of_path(text: &Text, known: &Known, errors: &mut Errors) -> Template {
    let mut template = template(text, Encoding::Path, known, errors);
    if let Some(Piece::Fill { encoding, .. }) = template.pieces.first_mut() {
        *encoding = Encoding::Target;
    }
    template
}

/// A text whose values are inserted unchanged or encoded.
pub(in crate::plan) fn template(
    text: &Text,
    encoding: Encoding,
    known: &Known,
    errors: &mut Errors,
) -> Template {
    let mut template = Template::default();
    append(&mut template, text, encoding, known, errors);
    template
}

fn append(
    template: &mut Template,
    text: &Text,
    encoding: Encoding,
    known: &Known,
    errors: &mut Errors,
) {
    let mut from = 0;
    let fixed = |template: &mut Template, piece: &str| match encoding {
        Encoding::Query => template.push(&utf8_percent_encode(piece, &UNRESERVED).to_string()),
        Encoding::Target | Encoding::Path | Encoding::Plain | Encoding::Json => {
            template.push(piece);
        }
    };
    for blank in &text.blanks {
        fixed(template, &text.value[from..blank.range.start]);
        from = blank.range.end;
        check(&blank.given, blank.at, known, errors);
        let (given, spot) = (blank.given.clone(), spot(blank.at));
        template.pieces.push(Piece::Fill { given, encoding, spot });
    }
    fixed(template, &text.value[from..]);
}

/// A body, whose values are escaped so that it stays valid for its content type.
pub(in crate::plan) fn of_body(
    text: &Text,
    kind: &str,
    known: &Known,
    errors: &mut Errors,
) -> Template {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    let is_form = kind == "application/x-www-form-urlencoded";
    let mut template = template(text, Encoding::Plain, known, errors);
    let mut quoted = Quoted::default();
    for piece in &mut template.pieces {
        match piece {
            Piece::Text(text) => quoted.read(text),
            // A value outside of strings is a number, or JSON itself.
            Piece::Fill { encoding, .. } if is_json && quoted.inside => *encoding = Encoding::Json,
            Piece::Fill { encoding, .. } if is_form => *encoding = Encoding::Query,
            Piece::Fill { .. } | Piece::Separator => {}
        }
    }
    template
}

/// Whether a place in JSON is inside of a string.
#[derive(Default)]
struct Quoted {
    inside: bool,
    escaped: bool,
}

impl Quoted {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.inside,
                b'"' => self.inside = !self.inside,
                _ => {}
            }
        }
    }
}

/// Adds a parameter to a path.
pub(in crate::plan) fn add_parameter(
    path: &mut Template,
    name: &str,
    value: &Text,
    known: &Known,
    errors: &mut Errors,
) {
    let has_query =
        path.pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('?')));
    match path.pieces.first() {
        _ if has_query => path.push("&"),
        // Whether a value has a query is known when it is there.
        Some(Piece::Fill { encoding: Encoding::Target, .. }) => path.pieces.push(Piece::Separator),
        _ => path.push("?"),
    }
    path.push(&utf8_percent_encode(name, &UNRESERVED).to_string());
    path.push("=");
    append(path, value, Encoding::Query, known, errors);
}

/// Whether there will be such a value.
fn check(given: &Placeholder, at: Span, known: &Known, errors: &mut Errors) {
    match given {
        Placeholder::Generated(_) => {}
        Placeholder::Row(_) if known.rows => {}
        Placeholder::Row(column) => {
            errors
                .add(at, format!("`${{row.{column}}}` needs rows, and this scenario has none"))
                .help("add `data = { file = \"rows.csv\" }` to the scenario");
        }
        Placeholder::Var(name) if known.variables.contains(name) => {}
        Placeholder::Var(_) if !known.steps => {
            errors
                .add(at, "`${var.…}` is set by an earlier step, and this scenario has no steps")
                .help("write `steps = [{ … }, { … }]` in place of `requests`");
        }
        Placeholder::Var(name) => {
            let error = errors.add(at, format!("no earlier step extracts `{name}`"));
            let earlier = known.variables.iter().map(String::as_str);
            if known.variables.is_empty() {
                error.help(format!(
                    "extract it from the response of an earlier step: `extract = {{ {name} = {{ json = \"/{name}\" }} }}`"
                ));
            } else {
                error.help(did_you_mean(name, earlier, "earlier steps extract"));
            }
        }
    }
}
