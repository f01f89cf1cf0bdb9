//! Writes messages of this side: bytes, and what differs from user to user.

use crate::plan::{Message, MessagePart};
use std::io::Write as _;

/// The number of the user of each slot.
pub(crate) type UserOfSlot = Box<dyn Fn(u32) -> u64>;

/// The messages of a worker's users.
pub(crate) struct MessageWriter(UserOfSlot);

impl MessageWriter {
    /// `user`: the number of the user of each slot.
    pub(crate) fn new(user: UserOfSlot) -> Self {
        Self(user)
    }

    /// Appends a message as the user of this slot sends it.
    pub(super) fn write(&self, message: &Message, slot: u32, out: &mut Vec<u8>) {
        for part in &message.parts {
            match part {
                MessagePart::Bytes(bytes) => out.extend_from_slice(bytes),
                MessagePart::User { digits } => {
                    let (user, width) = ((self.0)(slot), usize::from(*digits));
                    // Writing to memory does not fail.
                    let _ = write!(out, "{user:0width$}");
                }
            }
        }
    }
}

impl std::fmt::Debug for MessageWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageWriter")
    }
}

impl Default for MessageWriter {
    /// Slots have the numbers of their users.
    fn default() -> Self {
        Self(Box::new(u64::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_sends_its_own_number() {
        let parts = vec![
            MessagePart::Bytes(b"u".to_vec()),
            MessagePart::User { digits: 4 },
            MessagePart::User { digits: 0 },
        ];
        let message = Message { parts };
        let sent = |writer: &MessageWriter, slot| {
            let mut out = b"before ".to_vec();
            writer.write(&message, slot, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(sent(&MessageWriter::default(), 17), "before u001717");
        let odd = MessageWriter::new(Box::new(|slot| u64::from(slot) * 2 + 1));
        assert_eq!(sent(&odd, 6_172), "before u1234512345");
    }
}
