//! Turns bytes into the headers of WebSocket frames, and frames into bytes (RFC 6455, 5).

use super::violation::Violation;

/// The longest payload of a control frame.
pub(crate) const CONTROL_MAX: usize = 125;

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// More of a message.
    Continuation,
    /// A message in UTF-8, or the first part of one.
    Text,
    /// A message of bytes, or the first part of one.
    Binary,
    /// The end of the conversation.
    Close,
    /// A question whether the other side is there.
    Ping,
    /// The answer to one.
    Pong,
}

impl Opcode {
    /// Its number in a frame's first byte.
    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    /// Whether it is about the conversation, not of a message.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn of(number: u8) -> Result<Self, Violation> {
        Ok(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            other => return Err(Violation::Opcode(other)),
        })
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Whether this is the final frame of a message.
    pub is_final: bool,
    /// Its type.
    pub opcode: Opcode,
    /// The masking key of the payload; `None`: it is not masked.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub length: u64,
    /// Bytes of this header.
    pub size: usize,
}

impl FrameHeader {
    /// The header at the front of `bytes`; `None`: it is incomplete. What is wrong is found as soon
    /// as the bytes that say so are there.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let Some(first) = bytes.first() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Violation::ReservedBits(first & 0x70));
        }
        let (is_final, opcode) = (first & 0x80 != 0, Opcode::of(first & 0x0F)?);
        if opcode.is_control() && !is_final {
            return Err(Violation::FragmentedControl);
        }
        let Some(second) = bytes.get(1) else { return Ok(None) };
        let (is_masked, short) = (second & 0x80 != 0, usize::from(second & 0x7F));
        if opcode.is_control() && short > CONTROL_MAX {
            return Err(Violation::LongControl);
        }
        let (length, at) = match short {
            126 => match bytes.get(2..4) {
                Some(more) => (more.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10) {
                Some(more) => (more.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 10),
                None => return Ok(None),
            },
            short => (short as u64, 2),
        };
        let least = [0, 126, 1 << 16][at / 4];
        if length < least || length >> 63 != 0 {
            return Err(Violation::Length(length));
        }
        if !is_masked {
            return Ok(Some(Self { is_final, opcode, mask: None, length, size: at }));
        }
        let mask = bytes.get(at..at + 4).and_then(|mask| <[u8; 4]>::try_from(mask).ok());
        Ok(mask.map(|mask| Self { is_final, opcode, mask: Some(mask), length, size: at + 4 }))
    }

    /// Bytes of the header and the payload.
    pub(crate) fn total(&self) -> u64 {
        self.size as u64 + self.length
    }
}

/// Appends a whole frame that ends its message.
pub(crate) fn write(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) {
    write_part(out, (opcode, true), mask, payload);
}

/// Appends a frame, and whether its message ends with it.
pub(crate) fn write_part(
    out: &mut Vec<u8>,
    (opcode, is_final): (Opcode, bool),
    mask: Option<[u8; 4]>,
    payload: &[u8],
) {
    out.push(opcode.number() | if is_final { 0x80 } else { 0 });
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => out.push(masked | short),
        (_, Ok(length)) => {
            out.push(masked | 0x7E);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(masked | 0x7F);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
    let from = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply(mask, &mut out[from..]);
    }
}

/// Masks a payload, or takes its mask off.
pub(crate) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The examples of RFC 6455, 5.7.
    #[test]
    fn frames_are_those_of_the_rfc() {
        let mut out = Vec::new();
        write(&mut out, Opcode::Text, None, b"Hello");
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        out.clear();
        write(&mut out, Opcode::Text, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        out.clear();
        write_part(&mut out, (Opcode::Text, false), None, b"Hel");
        write_part(&mut out, (Opcode::Continuation, true), None, b"lo");
        assert_eq!(out, [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f]);
        out.clear();
        write(&mut out, Opcode::Binary, None, &[7; 256]);
        assert_eq!(out[..4], [0x82, 0x7E, 0x01, 0x00]);
        out.clear();
        write(&mut out, Opcode::Binary, None, &vec![7; 65_536]);
        assert_eq!(out[..10], [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn wrong_headers_are_named() {
        let cases: [(&[u8], Violation); 11] = [
            (&[0xC1], Violation::ReservedBits(0x40)),
            (&[0xA1], Violation::ReservedBits(0x20)),
            (&[0x91], Violation::ReservedBits(0x10)),
            (&[0x83], Violation::Opcode(3)),
            (&[0x8B], Violation::Opcode(11)),
            (&[0x09], Violation::FragmentedControl),
            (&[0x89, 126], Violation::LongControl),
            (&[0x88, 127], Violation::LongControl),
            (&[0x81, 126, 0, 125], Violation::Length(125)),
            (&[0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255], Violation::Length(65_535)),
            (&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Violation::Length(1 << 63)),
        ];
        for (bytes, violation) in cases {
            assert_eq!(FrameHeader::read(bytes), Err(violation), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn headers_say_what_was_written(length in prop_oneof![0..300_usize, 65_500..65_600_usize], masked: bool, last: bool) {
            let mask = masked.then_some([1, 2, 3, 4]);
            let mut out = Vec::new();
            write_part(&mut out, (Opcode::Binary, last), mask, &vec![9; length]);
            let header = FrameHeader::read(&out).unwrap().unwrap();
            let expected = FrameHeader { is_final: last, opcode: Opcode::Binary, mask, length: length as u64, size: out.len() - length };
            prop_assert_eq!(header, expected);
            for end in 0..header.size {
                prop_assert_eq!(FrameHeader::read(&out[..end]), Ok(None));
            }
            if let Some(mask) = mask {
                apply(mask, &mut out[header.size..]);
            }
            prop_assert!(out[header.size..].iter().all(|byte| *byte == 9));
        }
    }
}
