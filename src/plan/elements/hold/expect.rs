//! Expected messages: exact bytes, or messages that vary.

use crate::plan::elements::hold::payload::{self, RawPayload, payload};
use crate::plan::elements::hold::stream_pattern::StreamPattern;
use crate::plan::elements::hold::websocket::Spoken;
use crate::plan::error::Errors;
use crate::plan::raw::{At, Field, RawTable, Read, table, words, wrong_type};
use crate::plan::text::Text;
use crate::plan::tree::{Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An expected message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// Exactly these bytes; never empty.
    Exact(Vec<u8>),
    /// One that varies: it ends as `frame` says, and is what `content` says. Without a frame, the
    /// messages of a WebSocket are meant, or what `content` has matched of a stream of bytes.
    Varying {
        /// Where it ends.
        frame: Option<Frame>,
        /// The content; `None`: any.
        content: Option<MessageContent>,
    },
}

impl From<&str> for Expect {
    fn from(text: &str) -> Self {
        Self::Exact(text.into())
    }
}

/// Where a message in a stream of bytes ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Behind these bytes, which do not belong to its content; 1 to 65535 of them.
    Until(Vec<u8>),
    /// As many bytes as a number before them says.
    Length(LengthPrefix),
}

/// A number before a message that has as many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LengthPrefix {
    /// How many bytes it has: 1, 2 or 4.
    pub bytes: u8,
    /// Whether the lowest byte comes first.
    pub is_little: bool,
}

/// The expectation of a message that varies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageContent {
    /// It begins with these bytes.
    Prefix(Vec<u8>),
    /// This expression is found in it.
    Pattern(StreamPattern),
}

words! {
    /// The number before a message that has as many bytes.
    LengthWord {
        /// One byte.
        U8 = "u8",
        /// Two bytes, the high one first.
        U16Be = "u16be",
        /// Two bytes, the low one first.
        U16Le = "u16le",
        /// Four bytes, the highest first.
        U32Be = "u32be",
        /// Four bytes, the lowest first.
        U32Le = "u32le",
    }
}

impl LengthWord {
    fn prefix(self) -> LengthPrefix {
        let (bytes, is_little) = match self {
            Self::U8 => (1, false),
            Self::U16Be => (2, false),
            Self::U16Le => (2, true),
            Self::U32Be => (4, false),
            Self::U32Le => (4, true),
        };
        LengthPrefix { bytes, is_little }
    }
}

/// An expected message, as the plan has it.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawExpect {
    /// Exactly this text.
    Text(RawPayload),
    /// The rest.
    Table(Box<RawExpectTable>),
}

table! {
    /// An expected message: exactly the bytes of `hex` or `base64`, or one that varies.
    #[schemars(rename = "ExpectedBytes")]
    RawExpectTable, "`expect`", write "text, `\"ok\"`, bytes, `{ hex = \"c000\" }`, or what varies, `{ prefix = \"+OK\", until = \"\\r\\n\" }`", in "`expect = { … }` of a scenario",
    must {}
    may {
        /// Exactly these bytes: pairs of hexadecimal digits, with or without spaces: `c0 00`.
        hex: Text,
        /// Exactly these bytes: base64 with its padding: `wAA=`.
        base64: Text,
        /// A message that begins with this: text, or bytes as `{ hex = "c000" }`.
        prefix: RawPayload,
        /// A message in which this regular expression over bytes is found; the expression has to
        /// name `^` and `$` for its beginning and its end. tcp-hold, without `until` and `length`:
        /// the message ends where the expression first matches.
        pattern: Text,
        /// tcp-hold: the message ends behind these bytes, which `prefix` and `pattern` do not see.
        until: RawPayload,
        /// tcp-hold: the message is as many bytes as a number before it says: `u8`, `u16be`,
        /// `u16le`, `u32be` or `u32le`.
        length: LengthWord,
    }
}

impl Read for RawExpect {
    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Table(_) => {
                RawExpectTable::read(node, errors).map(|raw| Self::Table(Box::new(raw)))
            }
            Value::Text(text) => Some(Self::Text(RawPayload::Text(text.clone()))),
            _ => {
                wrong_type(node, "a string or a table", errors)
                    .help("write text, `\"ok\"`, or bytes, `{ hex = \"c000\" }`");
                None
            }
        }
    }
}

impl JsonSchema for RawExpect {
    fn schema_name() -> Cow<'static, str> {
        "ExpectedMessage".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        let table = generator.subschema_for::<RawExpectTable>();
        json_schema!({ "anyOf": [text, table] })
    }
}

/// The expected message; `None` if the key is absent or cannot be read.
pub(super) fn expect(
    field: &Field<RawExpect>,
    spoken: Spoken,
    errors: &mut Errors,
) -> Option<Expect> {
    let given = field.given()?;
    match &given.value {
        RawExpect::Text(text) => {
            payload::checked(given.at, text, "expect", errors).map(Expect::Exact)
        }
        RawExpect::Table(raw) => {
            let varies = [
                ("prefix", raw.prefix.key()),
                ("pattern", raw.pattern.key()),
                ("until", raw.until.key()),
                ("length", raw.length.key()),
            ];
            let varies: Vec<_> =
                varies.into_iter().filter_map(|(name, key)| Some((name, key?))).collect();
            let is_exact = !raw.hex.is_absent() || !raw.base64.is_absent();
            match varies.first() {
                Some((name, at)) if is_exact => {
                    errors
                        .add(*at, format!("`{name}` is for a message that varies, and `hex` or `base64` is all of this one"))
                        .help("remove one; bytes go there as well: `prefix = { hex = \"c000\" }`");
                    None
                }
                Some(_) => Some(varying(raw, spoken, errors)),
                None => exact(raw, given, errors),
            }
        }
    }
}

fn exact(raw: &RawExpectTable, given: &At<RawExpect>, errors: &mut Errors) -> Option<Expect> {
    if raw.hex.is_absent() && raw.base64.is_absent() {
        if !raw.is_doubtful() {
            errors.add(raw.place(), "`expect` does not say what a message is").help(
                "write `expect = \"ok\"`, `{ hex = \"c000\" }`, or what varies: `{ prefix = \"+OK\", until = \"\\r\\n\" }`",
            );
        }
        return None;
    }
    let bytes = payload::of_encoded(&raw.hex, &raw.base64, "expect", errors)?;
    payload::refuse_empty(&bytes, given.at, "expect", errors);
    Some(Expect::Exact(bytes))
}

fn varying(raw: &RawExpectTable, spoken: Spoken, errors: &mut Errors) -> Expect {
    let framed = [("until", raw.until.key()), ("length", raw.length.key())];
    let framed: Vec<_> = framed.into_iter().filter_map(|(name, key)| Some((name, key?))).collect();
    if let (Spoken::WebSocket, Some((name, at))) = (spoken, framed.first()) {
        errors
            .add(*at, format!("`{name}` belongs to tcp-hold: a WebSocket has messages of its own"))
            .help("leave it out");
    }
    if let [_, (_, at)] = framed[..] {
        errors.add(at, "a message ends by `until` or by `length`, not by both").help("remove one");
    }
    if let (Some(at), Some(_)) = (raw.pattern.key(), raw.prefix.key()) {
        errors
            .add(at, "a message has a `prefix` or a `pattern`, not both")
            .help("write the beginning into the pattern: `pattern = \"^\\\\+OK\"`");
    }
    let is_framed = !raw.until.is_absent() || !raw.length.is_absent();
    if let (Spoken::Raw, false, Some(at)) = (spoken, is_framed, raw.prefix.key()) {
        errors.add(at, "a stream of bytes does not say where a message with this `prefix` ends").help(
            "add `until = \"\\r\\n\"` or `length = \"u16be\"`, or write all of the message: `expect = \"…\"`",
        );
    }
    let until = payload(&raw.until, "until", errors);
    if let (Some(until), Some(at)) = (&until, raw.until.given())
        && u16::try_from(until.len()).is_err()
    {
        errors.add(at.at, "`until` has at most 65535 bytes").help("write the end of a message");
    }
    let frame = until.map(Frame::Until);
    let frame = frame.or_else(|| raw.length.value().map(|word| Frame::Length(word.prefix())));
    let prefix = payload(&raw.prefix, "prefix", errors).map(MessageContent::Prefix);
    let content = prefix.or_else(|| pattern(&raw.pattern, errors).map(MessageContent::Pattern));
    Expect::Varying { frame, content }
}

fn pattern(field: &Field<Text>, errors: &mut Errors) -> Option<StreamPattern> {
    let given = field.given()?;
    let compiled = StreamPattern::new(&given.value.value);
    if let Err(why) = &compiled {
        let error = errors.add(given.at, format!("this pattern cannot be used: {why}"));
        error.help(
            "write a regular expression over bytes, without look-around: `pattern = '^\\+PONG'`",
        );
    }
    compiled.ok()
}
