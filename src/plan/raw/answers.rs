//! Turns what a plan says of data and of answers into raw tables: rows, checks, values that are taken.

use super::quantities::leaf_schema;
use super::{Named, OneOrMany, OrderWord, Read, Status, read, table, wrong_type};
use crate::plan::Comparison;
use crate::plan::error::Errors;
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::units::{Count, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

table! {
    /// What an answer must be. Each of these is a check that is counted by name.
    #[schemars(rename = "Expect")]
    RawExpect, "`expect`",
    must {}
    may {
        /// The name under which what this table says is counted, together with all else of this name in the scenario. Default: a name for
        /// each, made from what it says: `status 200`. In `steps`, a check with a name does not end the pass where it does not hold.
        name: Text,
        /// This status, or one of these. Default: any from 200 to 399.
        status: OneOrMany<Status>,
        /// Exactly this body. Default: any.
        body: Text,
        /// The body contains this, or all of these.
        contains: OneOrMany<Text>,
        /// The body is JSON, and has these values at these places (RFC 6901): `{ "/items/0/id" = 7 }`. Numbers are compared by all of their digits.
        json: Named<JsonValue>,
        /// Headers with these values; one without `;` is compared with what stands before the first `;`.
        headers: Named<Text>,
        /// Bytes of the body as they were sent: a number, or a bound: `<= 10k`.
        size: SizeBound,
        /// From sending to the last byte it took less than this.
        time: Time,
    }
}

table! {
    /// Where a value of an answer is: one of the three.
    #[schemars(rename = "Extract")]
    RawExtract, "a value to extract",
    must {}
    may {
        /// At this place of a JSON body (RFC 6901): `/token`.
        json: Text,
        /// The value of this header.
        header: Text,
        /// What this regular expression's first group matches in the body; all that it matches, if it has no group.
        regex: Text,
    }
}

table! {
    /// Rows of values: `${row.COLUMN}`.
    #[schemars(rename = "Data")]
    RawData, "`data`",
    must {
        /// A CSV file with a header (`.csv`, `.tsv`), or a file of JSON lines (`.jsonl`), seen from the folder of the plan; at most 32 MiB.
        file: Text,
    }
    may {
        /// Which row a pass takes. Default: `sequential`.
        order: OrderWord,
        /// What stands between two values of a CSV file. Default: `,`; a tab (`"\t"`) in a `.tsv` file.
        separator: Text,
    }
}

table! {
    /// How much of an answer is taken. What is larger is a failure of this side's own, and the run INVALID; cookies beyond
    /// `cookies` and `cookie` are lost, counted (`cookies.lost`) and said.
    #[schemars(rename = "AnswerLimits")]
    RawAnswerLimits, "`limits`",
    must {}
    may {
        /// Bytes of a head, and of what stands around the pieces of a body. Default: 524,288.
        head: Count,
        /// Headers of a head. Default: 5,000.
        headers: Count,
        /// Bytes of a value that is extracted. Default: 65,536.
        value: Count,
        /// Bytes of a body that are kept where JSON or a regular expression is looked up. Default: 16,777,216.
        body: Count,
        /// Bytes to which a body in gzip may expand. Default: 67,108,864.
        decoded: Count,
        /// Cookies that a user keeps; one more takes the place of the oldest, which is counted as lost. Default: 300.
        cookies: Count,
        /// Bytes of name and value of a cookie; a larger one is not kept, and counted as lost. Default: 32,768.
        cookie: Count,
    }
}

/// Any value that JSON has, as TOML writes it: the text of JSON, with every digit that the plan has.
#[derive(Debug, Clone)]
pub(in crate::plan) struct JsonValue(pub String);

impl Read for JsonValue {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let value = match &node.value {
            Value::Text(text) => quoted(&text.value),
            Value::Boolean(boolean) => boolean.to_string(),
            Value::Integer(Some(number)) => number.to_string(),
            Value::Float(number) if number.parse::<f64>().is_ok_and(f64::is_finite) => {
                number.trim_start_matches('+').to_owned()
            }
            Value::List(items) => {
                let items: Option<Vec<_>> =
                    items.iter().map(|item| Some(read::<Self>(item, errors)?.0)).collect();
                format!("[{}]", items?.join(","))
            }
            Value::Table(table) => {
                let entries = table.entries.iter();
                let entries: Option<Vec<_>> = entries
                    .map(|(key, node)| {
                        let value = read::<Self>(node, errors)?.0;
                        Some(format!("{}:{value}", quoted(&key.name)))
                    })
                    .collect();
                format!("{{{}}}", entries?.join(","))
            }
            Value::Integer(_) | Value::Float(_) | Value::Datetime => {
                wrong_type(node, "a value of JSON", errors)
                    .help("write a string, a number, a boolean, a list or a table");
                return None;
            }
        };
        Some(Self(value))
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

leaf_schema!(JsonValue, "JsonValue", json_schema!({ "description": "Any value of JSON." }));

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct SizeBound {
    pub comparison: Comparison,
    pub bytes: u64,
}

impl Read for SizeBound {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            let Count(bytes) = Count::read(node, errors)?;
            return Some(Self { comparison: Comparison::Equal, bytes });
        };
        let written = text.value.trim();
        let signs = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let (comparison, number) = signs
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, written.strip_prefix(sign)?)))
            .unwrap_or((Comparison::Equal, written));
        let Ok(Count(bytes)) = number.trim().parse() else {
            errors
                .add(node.at, "this is no size of a body")
                .help("write a number of bytes, or a bound: `512`, `\"<= 10k\"`");
            return None;
        };
        Some(Self { comparison, bytes })
    }
}

leaf_schema!(
    SizeBound,
    "SizeBound",
    json_schema!({
        "description": "A number of bytes, or a bound.",
        "examples": ["<= 10k", "> 0"],
        "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }],
    })
);
