//! Turns a stream of bytes into the number of times that a message is in it, however reads cut or
//! join it.
//!
//! **Invariant:** of a connection nothing is kept but how many bytes of the message have come.

/// A message to look for; Knuth, Morris and Pratt's search, so that no byte is read twice.
#[derive(Debug)]
pub(crate) struct BytePattern {
    message: Vec<u8>,
    /// How many bytes still match after `i + 1` matched and the next does not.
    fallback: Vec<u16>,
}

impl BytePattern {
    /// `message` has 1 to 65535 bytes.
    pub(crate) fn new(message: &[u8]) -> Self {
        let message = message.to_vec();
        let mut fallback = vec![0_u16; message.len()];
        let mut matched = 0_u16;
        for i in 1..message.len() {
            while matched > 0 && message[i] != message[usize::from(matched)] {
                matched = fallback[usize::from(matched) - 1];
            }
            matched += u16::from(message[i] == message[usize::from(matched)]);
            fallback[i] = matched;
        }
        Self { message, fallback }
    }

    /// Messages that end in `bytes`, which follow `matched` bytes of one; they do not overlap.
    pub(crate) fn count(&self, matched: &mut u16, bytes: &[u8]) -> u32 {
        let mut found = 0;
        for byte in bytes {
            *matched = self.after(*matched, *byte);
            if usize::from(*matched) == self.message.len() {
                found += 1;
                *matched = 0;
            }
        }
        found
    }

    /// How many bytes of the message end with this one, which follows `matched` of them, not all.
    pub(super) fn after(&self, mut matched: u16, byte: u8) -> u16 {
        while matched > 0 && byte != self.message[usize::from(matched)] {
            matched = self.fallback[usize::from(matched) - 1];
        }
        matched + u16::from(byte == self.message[usize::from(matched)])
    }

    /// The message.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cuts_do_not_matter(message in "[ab]{1,5}", text in "[ab]{0,60}", cuts in prop::collection::vec(1..7_usize, 60)) {
            let pattern = BytePattern::new(message.as_bytes());
            let (mut matched, mut found, mut rest) = (0, 0, text.as_bytes());
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                found += pattern.count(&mut matched, piece);
                rest = behind;
            }
            // `matches` counts what does not overlap, too.
            prop_assert_eq!(found as usize, text.matches(&message).count());
        }
    }
}
