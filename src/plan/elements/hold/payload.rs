//! The bytes of a message: written as text, as hexadecimal digits or as base64.

use crate::plan::error::Errors;
use crate::plan::raw::{Field, RawTable, Read, table, wrong_type};
use crate::plan::span::Span;
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use crate::units::{bytes_of_hex, hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// The bytes of a message, as the plan has them.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawPayload {
    /// The bytes of a text in UTF-8.
    Text(Text),
    /// Written in another way.
    Encoded(Box<RawEncoded>),
}

table! {
    /// The bytes of a message: exactly one of these keys.
    #[schemars(rename = "Bytes")]
    RawEncoded, "a message", write "text, `\"ok\"`, or bytes, `{ hex = \"c000\" }`", in "`send = { … }` or `expect = { … }` of a scenario",
    must {}
    may {
        /// Pairs of hexadecimal digits, with or without spaces: `c0 00`.
        hex: Text,
        /// Base64 with its padding: `wAA=`.
        base64: Text,
    }
}

impl Read for RawPayload {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Table(_) => {
                RawEncoded::read(node, errors).map(|raw| Self::Encoded(Box::new(raw)))
            }
            Value::Text(text) => Some(Self::Text(text.clone())),
            _ => {
                wrong_type(node, "a string or a table", errors)
                    .help("write text, `\"ok\"`, or bytes, `{ hex = \"c000\" }`");
                None
            }
        }
    }
}

impl JsonSchema for RawPayload {
    fn schema_name() -> Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        let encoded = generator.subschema_for::<RawEncoded>();
        json_schema!({ "anyOf": [text, encoded] })
    }
}

/// The bytes that are sent or expected; `None` where the key is absent or they cannot be read.
pub(in crate::plan) fn payload(
    field: &Field<RawPayload>,
    name: &str,
    errors: &mut Errors,
) -> Option<Vec<u8>> {
    let given = field.given()?;
    checked(given.at, &given.value, name, errors)
}

/// The bytes, of which there must be some.
pub(super) fn checked(
    at: Span,
    raw: &RawPayload,
    name: &str,
    errors: &mut Errors,
) -> Option<Vec<u8>> {
    let bytes = match raw {
        RawPayload::Text(text) => of_text(text, at, name, errors)?,
        RawPayload::Encoded(raw) => {
            let RawEncoded { hex, base64, .. } = &**raw;
            if hex.is_absent() && base64.is_absent() && !raw.is_doubtful() {
                errors.add(raw.place(), "a message of bytes has the key `hex` or `base64`").help(
                    format!("write `{name} = {{ hex = \"c000\" }}`, or a text: `{name} = \"ok\"`"),
                );
            }
            of_encoded(hex, base64, name, errors)?
        }
    };
    refuse_empty(&bytes, at, name, errors);
    Some(bytes)
}

/// Says that bytes are missing.
pub(super) fn refuse_empty(bytes: &[u8], at: Span, name: &str, errors: &mut Errors) {
    if bytes.is_empty() {
        let out = if name == "expect" { "leave it out, or " } else { "" };
        errors
            .add(at, format!("`{name}` cannot be empty"))
            .help(format!("{out}write the bytes of a message: `{name} = \"ok\"`"));
    }
}

/// A text is sent in UTF-8; who escapes a character of Latin-1 means a byte, which that is not.
pub(super) fn of_text(text: &Text, at: Span, name: &str, errors: &mut Errors) -> Option<Vec<u8>> {
    if !text.has_byte_escape {
        return Some(text.value.clone().into_bytes());
    }
    // Values from the environment must not be shown.
    let meant = if text.is_secret() { "…".to_owned() } else { hex(&meant(&text.value)) };
    errors
        .add(at, "an escape above `\\x7f` is a character, which is sent as two bytes of UTF-8")
        .help(format!(
            "write `{name} = {{ hex = \"{meant}\" }}` for the bytes; for the characters, type them without escapes"
        ));
    None
}

/// The bytes that a text with escapes was meant to be.
fn meant(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The bytes of one of two keys; `None` where both are absent or one is wrong.
pub(super) fn of_encoded(
    hex: &Field<Text>,
    base64: &Field<Text>,
    name: &str,
    errors: &mut Errors,
) -> Option<Vec<u8>> {
    let (text, bytes, help) = match (hex.given(), base64.given()) {
        (Some(text), None) => (
            text,
            bytes_of_hex(&text.value.value),
            format!("write pairs of the digits 0 to 9 and a to f: `{name} = {{ hex = \"c000\" }}`"),
        ),
        (None, Some(text)) => (
            text,
            STANDARD.decode(&text.value.value).ok(),
            format!("write base64 with its padding: `{name} = {{ base64 = \"wAA=\" }}`"),
        ),
        (Some(_), Some(other)) => {
            errors.add(other.at, "a message has `hex` or `base64`, not both").help("remove one");
            return None;
        }
        (None, None) => return None,
    };
    if bytes.is_none() {
        let what = if hex.is_absent() { "base64" } else { "hexadecimal digits" };
        errors.add(text.at, format!("these are not {what}")).help(help);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{HOLD, hold, read, set};
    use crate::plan::{Expect, Heartbeat, Overrides};

    fn expected(change: &str) -> Option<Vec<u8>> {
        match hold(&set(HOLD, &[change])).expect.clone()? {
            Expect::Exact(bytes) => Some(bytes),
            Expect::Varying { .. } => panic!("it does not vary"),
        }
    }

    #[test]
    fn bytes_are_written_in_three_ways() {
        for change in [
            "scenarios.hold.expect={ hex = \"c0 00 4F\" }",
            "scenarios.hold.expect={ hex = \"c0004f\" }",
            "scenarios.hold.expect={ base64 = \"wABP\" }",
        ] {
            assert_eq!(expected(change).as_deref(), Some(&b"\xc0\x00O"[..]), "{change}");
        }
        // Escapes that are bytes, and characters that are typed, are text.
        let text = expected("scenarios.hold.expect=\"gr\u{fc}\u{df}\\r\\n\\x7f\\u0000\"");
        assert_eq!(text.as_deref(), Some("gr\u{fc}\u{df}\r\n\x7f\0".as_bytes()));
        let beat = "scenarios.hold.heartbeat={ from = \"client\", every = \"5s\", send = { hex = \"c000\" } }";
        let plan = set(HOLD, &[beat]);
        let Some(Heartbeat::Client { send, .. }) = &hold(&plan).heartbeat else { panic!("a beat") };
        assert_eq!(send.fixed(), Some(&b"\xc0\x00"[..]));
    }

    #[test]
    fn what_is_not_bytes_is_told() {
        for (value, message, help) in [
            (
                "\"\\u00c0\\u0000\"",
                "sent as two bytes of UTF-8",
                "write `expect = { hex = \"c000\" }` for the bytes",
            ),
            ("\"a\\xff\u{20ac}\"", "sent as two bytes", "{ hex = \"61ffe282ac\" }"),
            ("{ hex = \"c0 0\" }", "these are not hexadecimal digits", "write pairs"),
            ("{ hex = \"zz\" }", "these are not hexadecimal digits", "write pairs"),
            ("{ hex = \"\" }", "`expect` cannot be empty", "`expect = \"ok\"`"),
            ("{ base64 = \"wA\" }", "these are not base64", "with its padding"),
            ("{ hex = \"00\", base64 = \"AA==\" }", "not both", "remove one"),
            ("{}", "does not say what a message is", "{ hex = \"c000\" }"),
            ("{ hexx = \"00\" }", "`expect` has no key `hexx`", "`hex`"),
            ("7", "expected a string or a table, found a number", "write text"),
        ] {
            let set = vec![format!("scenarios.hold.expect={value}")];
            let errors = read(HOLD, &Overrides { set, ..Overrides::default() }).expect_err(value);
            let found: Vec<_> = errors.iter().collect();
            assert_eq!(found.len(), 1, "{value}: {errors}");
            assert!(found[0].message.contains(message), "{value}: {}", found[0].message);
            let said = found[0].help.clone().unwrap_or_default();
            assert!(said.contains(help), "{value}: {said}");
        }
    }
}
