//! Turns what breaks RFC 6455 in frames into names, close codes and words.

use crate::record::Failure;
use std::fmt;

/// A protocol violation of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A server's frame is masked.
    Masked,
    /// A client's frame is not masked.
    Unmasked,
    /// Bits are set that only extensions use, and none was agreed on.
    ReservedBits(u8),
    /// A frame of an opcode that does not exist.
    Opcode(u8),
    /// A control frame in fragments.
    FragmentedControl,
    /// A control frame of more than 125 bytes.
    LongControl,
    /// A length that is not in its shortest form, or has its first bit set.
    Length(u64),
    /// A continuation of no message.
    Continuation,
    /// A new message before the last one has ended.
    Unfinished,
    /// A text message, or the reason of a Close frame, that is not UTF-8.
    Utf8,
    /// A Close frame of one byte, or with a code that may not be sent.
    Close(Option<u16>),
    /// A message longer than this side takes.
    TooLong {
        /// How long it is at least.
        length: u64,
        /// How long it may be.
        limit: u32,
    },
}

impl Violation {
    /// The failure of an attempt that it ends.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Masked | Self::Unmasked => Failure::MaskedFrame,
            Self::ReservedBits(_) => Failure::ReservedBits,
            Self::Opcode(_) => Failure::BadOpcode,
            Self::FragmentedControl | Self::LongControl => Failure::BadControlFrame,
            Self::Length(_) => Failure::BadFrameLength,
            Self::Continuation => Failure::UnexpectedContinuation,
            Self::Unfinished => Failure::UnfinishedMessage,
            Self::Utf8 => Failure::InvalidUtf8,
            Self::Close(_) => Failure::BadCloseFrame,
            Self::TooLong { .. } => Failure::OverLimit,
        }
    }

    /// The close code that reports it to the peer (RFC 6455, 7.4.1).
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::Utf8 => 1007,
            Self::TooLong { .. } => 1009,
            _ => 1002,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => f.write_str("the server masked a frame"),
            Self::Unmasked => f.write_str("the client did not mask a frame"),
            Self::ReservedBits(bits) => {
                write!(f, "a frame has reserved bits {bits:#04x}, and no extension was negotiated")
            }
            Self::Opcode(opcode) => write!(f, "a frame has the unknown opcode {opcode:#x}"),
            Self::FragmentedControl => f.write_str("a control frame is fragmented"),
            Self::LongControl => f.write_str("a control frame is longer than 125 bytes"),
            Self::Length(length) if length >> 63 != 0 => {
                f.write_str("the first bit of a 64-bit length is set")
            }
            Self::Length(length) => {
                write!(f, "the length {length} is not in its shortest form")
            }
            Self::Continuation => f.write_str("a continuation frame continues no message"),
            Self::Unfinished => f.write_str("a message began before the last one had ended"),
            Self::Utf8 => f.write_str("a text is not valid UTF-8"),
            Self::Close(None) => f.write_str("a Close frame has a payload of one byte"),
            Self::Close(Some(code)) => write!(f, "a Close frame has the invalid code {code}"),
            Self::TooLong { length, limit } => {
                write!(f, "a message of {length} bytes is longer than `max_message` ({limit})")
            }
        }
    }
}
