//! Turns a body into one that counts how much of it went out.

use bytes::{Buf, Bytes};
use std::cell::Cell;
use std::rc::Rc;

/// How many bytes of a body were sent; `None`: there is no body.
pub(super) type SentBytes = Option<Rc<Cell<u64>>>;

/// A body being sent. The connection advances it as far as flow control permits, and the socket
/// takes.
#[derive(Debug)]
pub(super) struct CountedBody {
    body: Bytes,
    sent: Rc<Cell<u64>>,
}

impl CountedBody {
    pub(super) fn new(body: Bytes, sent: &Rc<Cell<u64>>) -> Self {
        Self { body, sent: Rc::clone(sent) }
    }
}

impl Buf for CountedBody {
    fn remaining(&self) -> usize {
        self.body.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.body.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.body.advance(count);
        self.sent.set(self.sent.get() + count as u64);
    }
}
