//! The batches of a log that its reader has not taken yet.

use bytes::Bytes;
use std::collections::VecDeque;

/// Batches that are sent again at once.
const AGAIN_MOST: usize = 64;

/// Batches, from the first that the reader has not taken to the last that was sent.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// The number of the first one, less one.
    before: u64,
    /// Each with the bytes of its messages.
    batches: VecDeque<(Bytes, usize)>,
    /// The batch that the reader asked for last.
    asked: u64,
}

impl Spool {
    /// Keeps the next batch, which holds so many bytes of messages.
    pub(super) fn push(&mut self, batch: Bytes, bytes: usize) {
        self.batches.push_back((batch, bytes));
    }

    /// Forgets what comes before batch `next`; the bytes of messages in it.
    pub(super) fn forget(&mut self, next: u64) -> usize {
        let mut freed = 0;
        while self.before + 1 < next
            && let Some((_, bytes)) = self.batches.pop_front()
        {
            self.before += 1;
            freed += bytes;
        }
        freed
    }

    /// The batches from `next` on, once the reader has waited for that one for two of its looks;
    /// numbered.
    pub(super) fn missed(&mut self, next: u64) -> Vec<(u64, Bytes)> {
        if std::mem::replace(&mut self.asked, next) != next {
            return Vec::new();
        }
        let numbered = (self.before + 1..).zip(&self.batches);
        let missed = numbered.filter(|(seq, _)| *seq >= next).take(AGAIN_MOST);
        missed.map(|(seq, (batch, _))| (seq, batch.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_has_taken_is_forgotten_and_what_it_misses_is_sent_again() {
        let mut spool = Spool::default();
        (1..=100_u8).for_each(|seq| spool.push(Bytes::from(vec![seq]), 10));
        assert_eq!(spool.forget(1), 0);
        assert_eq!(spool.forget(4), 30, "three are taken");
        assert_eq!(spool.forget(2), 0, "an old word changes nothing");
        assert!(spool.missed(4).is_empty(), "it may be on its way");
        let again = spool.missed(4);
        assert_eq!((again.len(), &again[0]), (AGAIN_MOST, &(4, Bytes::from(vec![4]))));
        assert!(spool.missed(5).is_empty(), "it goes on");
        assert_eq!(spool.forget(101), 970);
        assert!(spool.missed(101).is_empty() && spool.missed(101).is_empty());
        assert_eq!(spool.forget(200), 0);
    }
}
