//! Values of a response that later steps use.

use crate::plan::HeaderName;
use crate::plan::elements::http::expect::header;
use crate::plan::elements::http::expect::pointer;
use crate::plan::elements::http::pattern::Pattern;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Named, RawTable, table};
use crate::plan::span::Span;
use crate::plan::text::Text;
use serde::{Deserialize, Serialize};

/// A value of an answer that later steps use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// Its name in `${var.NAME}`.
    pub name: String,
    /// Where it is.
    pub from: ExtractFrom,
}

/// The location of a value in a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExtractFrom {
    /// At this place of a JSON body (RFC 6901).
    Json(String),
    /// In this header.
    Header(HeaderName),
    /// Where this regular expression matches in the body.
    Regex(Pattern),
}

table! {
    /// Where a value of a response is: one of the three.
    #[schemars(rename = "Extract")]
    RawExtract, "a value to extract", write "a table: `{ json = \"/token\" }`",
    must {}
    may {
        /// At this place of a JSON body (RFC 6901): `/token`.
        json: Text,
        /// The value of this header.
        header: Text,
        /// The match of this regular expression's first group in the body; the whole match, if it
        /// has no group.
        regex: Text,
    }
}

pub(in crate::plan) fn extracts(
    field: &Field<Named<RawExtract>>,
    errors: &mut Errors,
) -> Vec<Extract> {
    let mut extracts = Vec::new();
    for (key, given) in field.value().into_iter().flat_map(Named::read) {
        let name = key.name.as_str();
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            || name.is_empty()
        {
            errors
                .add(key.at, "this cannot be the name of a value")
                .help("use letters, digits, `_` and `-`: `token`");
        }
        let origin = origin(&given.value, given.at, errors);
        extracts.extend(origin.map(|from| Extract { name: name.to_owned(), from }));
    }
    extracts
}

fn origin(raw: &RawExtract, at: Span, errors: &mut Errors) -> Option<ExtractFrom> {
    match (raw.json.given(), raw.header.given(), raw.regex.given()) {
        (Some(json), None, None) => {
            pointer(&json.value.value, json.at, errors);
            Some(ExtractFrom::Json(json.value.value.clone()))
        }
        (None, Some(given), None) => {
            header(&given.value.value, given.at, errors).map(ExtractFrom::Header)
        }
        (None, None, Some(regex)) => {
            let pattern = Pattern::new(&regex.value.value).map_err(|error| {
                let message = match error {
                    ::regex::Error::CompiledTooBig(_) => "this regular expression is too large",
                    _ => "invalid regular expression",
                };
                errors.add(regex.at, message).help(
                    "write it between single quotes, with a group around the value: `'id=(\\d+)'`",
                );
            });
            pattern.ok().map(ExtractFrom::Regex)
        }
        (None, None, None) => {
            if !raw.is_doubtful() {
                errors
                    .add(at, "`extract` needs a source")
                    .help("write `{ json = \"/token\" }`, `{ header = \"location\" }` or `{ regex = 'id=(\\d+)' }`");
            }
            None
        }
        _ => {
            errors
                .add(at, "a value has one source: `json`, `header` or `regex`")
                .help("remove one of them");
            None
        }
    }
}
