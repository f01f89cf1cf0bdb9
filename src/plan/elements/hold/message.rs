//! Messages that are sent on held connections: bytes, and numbers of users.

use crate::plan::elements::hold::payload::{self, RawEncoded, RawPayload};
use crate::plan::error::Errors;
use crate::plan::generated::GeneratedKind;
use crate::plan::raw::{Field, Read, read, wrong_type};
use crate::plan::span::Span;
use crate::plan::text::{Placeholder, Text};
use crate::plan::tree::{Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A message: its parts, one after the other. Without parts it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Never two neighbours of bytes, and none that is empty.
    pub parts: Vec<MessagePart>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessagePart {
    /// The same for all users.
    Bytes(Vec<u8>),
    /// The number of the user.
    User {
        /// The fewest digits; zeros fill what is missing.
        digits: u8,
    },
}

impl Message {
    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The bytes, if they are the same for all users.
    pub fn fixed(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(&[]),
            [MessagePart::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self.parts.last_mut() {
            _ if bytes.is_empty() => {}
            Some(MessagePart::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.parts.push(MessagePart::Bytes(bytes.to_vec())),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        let mut message = Self::default();
        message.push(text.as_bytes());
        message
    }
}

/// A message, as the plan has it.
#[derive(Debug, Clone)]
pub(in crate::plan) enum RawMessage {
    /// A text with placeholders.
    Text(Text, Span),
    /// Bytes.
    Encoded(Box<RawEncoded>),
    /// Several of these, one behind the other.
    Parts(Vec<Self>),
}

impl Read for RawMessage {
    const FILLED: bool = true;

    fn read(node: &Node, errors: &mut Errors) -> Option<Self> {
        match &node.value {
            Value::Table(_) => {
                RawEncoded::read(node, errors).map(|raw| Self::Encoded(Box::new(raw)))
            }
            Value::Text(text) => Some(Self::Text(text.clone(), node.at)),
            Value::List(parts) => {
                let read: Vec<_> = parts.iter().map(|part| read::<Self>(part, errors)).collect();
                read.into_iter().collect::<Option<_>>().map(Self::Parts)
            }
            _ => {
                wrong_type(node, "a string, a table or a list of them", errors)
                    .help("write text, `\"ok\"`, or bytes, `{ hex = \"c000\" }`");
                None
            }
        }
    }
}

impl JsonSchema for RawMessage {
    fn schema_name() -> Cow<'static, str> {
        "Message".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        let encoded = generator.subschema_for::<RawEncoded>();
        let part = json_schema!({ "anyOf": [text.clone(), encoded.clone()] });
        json_schema!({ "anyOf": [text, encoded, { "type": "array", "items": part, "minItems": 1 }] })
    }
}

/// The message of `send`; `None` if it is absent or cannot be read.
pub(super) fn message(field: &Field<RawMessage>, errors: &mut Errors) -> Option<Message> {
    let given = field.given()?;
    let mut message = Message::default();
    append(&mut message, &given.value, given.at, errors)?;
    if message.is_empty() {
        payload::refuse_empty(&[], given.at, "send", errors);
    }
    Some(message)
}

fn append(message: &mut Message, raw: &RawMessage, at: Span, errors: &mut Errors) -> Option<()> {
    match raw {
        RawMessage::Text(text, at) if text.blanks.is_empty() => {
            message.push(&payload::of_text(text, *at, "send", errors)?);
        }
        RawMessage::Text(text, at) => {
            payload::of_text(text, *at, "send", errors)?;
            let mut from = 0;
            for blank in &text.blanks {
                message.push(&text.value.as_bytes()[from..blank.range.start]);
                message.parts.push(part(&blank.given, blank.at, errors)?);
                from = blank.range.end;
            }
            message.push(&text.value.as_bytes()[from..]);
        }
        RawMessage::Encoded(raw) => {
            let encoded = RawPayload::Encoded(raw.clone());
            message.push(&payload::checked(at, &encoded, "send", errors)?);
        }
        RawMessage::Parts(parts) => {
            for part in parts {
                append(message, part, at, errors)?;
            }
        }
    }
    Some(())
}

fn part(given: &Placeholder, at: Span, errors: &mut Errors) -> Option<MessagePart> {
    if let Placeholder::Generated(generated) = given
        && let GeneratedKind::User { digits } = generated.kind
    {
        return Some(MessagePart::User { digits });
    }
    errors.add(at, "this placeholder is filled in for requests of http alone").help(
        "messages of held connections take `${user}`, the user's number, `${user(8)}`, the same with at least 8 digits, and `${env.NAME}`",
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{HOLD, hold, read, set};
    use crate::plan::{Heartbeat, Overrides};

    fn beat(send: &str) -> String {
        format!("scenarios.hold.heartbeat={{ from = \"client\", every = \"5s\", send = {send} }}")
    }

    fn sent(send: &str) -> Message {
        let plan = set(HOLD, &[&beat(send)]);
        let Some(Heartbeat::Client { send, .. }) = &hold(&plan).heartbeat else { panic!("a beat") };
        send.clone()
    }

    #[test]
    fn parts_are_joined_and_users_are_filled_in() {
        assert_eq!(sent("\"ping\""), "ping".into());
        assert_eq!(sent("[\"pi\", { hex = \"6e\" }, \"g\"]").fixed(), Some(&b"ping"[..]));
        let bytes = |bytes: &[u8]| MessagePart::Bytes(bytes.to_vec());
        assert_eq!(
            sent("[{ hex = \"0008\" }, \"u${user(8)}, $${user} ${user}\"]").parts,
            [
                bytes(b"\x00\x08u"),
                MessagePart::User { digits: 8 },
                bytes(b", ${user} "),
                MessagePart::User { digits: 0 },
            ]
        );
    }

    #[test]
    fn what_is_not_sent_is_told() {
        for (send, words) in [
            ("\"${uuid}\"", "for requests of http alone"),
            ("\"${row.id}\"", "for requests of http alone"),
            ("\"${user(0)}\"", "1 to 20 digits"),
            ("[]", "`send` cannot be empty"),
            ("[\"\\xff\"]", "two bytes of UTF-8"),
            ("[7]", "expected a string, a table or a list"),
        ] {
            let set = vec![beat(send)];
            let errors = read(HOLD, &Overrides { set, ..Overrides::default() }).expect_err(send);
            assert!(errors.iter().any(|one| one.message.contains(words)), "{send}: {errors}");
        }
    }
}
