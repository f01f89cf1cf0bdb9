//! Turns connections into small records in one slab, and the time of each one's next message into a
//! queue through them.
//!
//! **Invariant:** nothing is allocated for a connection but its record of 32 bytes.
//! **Invariant:** every message is due the same period after the one before it, so the queue needs
//! no sorting: the entry queued last is due last.

/// No slot.
const NONE: u32 = u32::MAX;

/// The record of a connection. Times are milliseconds of the server's clock, modulo 2^32.
#[derive(Debug)]
pub(super) struct ServedConnection<S, T> {
    /// `None`: the slot is free, and `next` is the next free one.
    stream: Option<S>,
    /// How many were accepted before, modulo 2^32; distinguishes this connection from earlier ones
    /// in the same slot.
    pub(super) number: u32,
    /// When its next message is due, if it is in the queue.
    due_ms: u32,
    next: u32,
    previous: u32,
    /// Bytes that it may still be sent before the reset; only of those that this fault hits.
    pub(super) left: u32,
    /// Bytes of the first owed message that were sent already.
    pub(super) offset: u32,
    /// Messages that wait for room in the socket's buffer, the one sent in part included.
    pub(super) owed: u16,
    /// The state of its conversation.
    pub(super) talk: T,
}

// mio's and std's debug builds may add to the stream; only release builds matter.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<ServedConnection<std::net::TcpStream, u16>>() == 32);

impl<S, T> ServedConnection<S, T> {
    pub(super) fn stream(&self) -> &S {
        self.stream.as_ref().expect("free slots are not handed out")
    }
}

/// All connections of a process.
#[derive(Debug)]
pub(super) struct ConnectionTable<S, T> {
    connections: Vec<ServedConnection<S, T>>,
    free: u32,
    first: u32,
    last: u32,
    open: u64,
}

impl<S, T: Default> ConnectionTable<S, T> {
    pub(super) fn new() -> Self {
        Self { connections: Vec::new(), free: NONE, first: NONE, last: NONE, open: 0 }
    }

    /// Connections open now.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// Takes a connection in; its slot. `None` when there are 2^32 - 1 already.
    pub(super) fn insert(&mut self, stream: S, number: u32, left: u32) -> Option<u32> {
        let connection = ServedConnection {
            stream: Some(stream),
            number,
            due_ms: 0,
            next: NONE,
            previous: NONE,
            left,
            offset: 0,
            owed: 0,
            talk: T::default(),
        };
        let slot = if self.free == NONE {
            let slot = u32::try_from(self.connections.len()).ok().filter(|slot| *slot != NONE)?;
            self.connections.push(connection);
            slot
        } else {
            let slot = self.free;
            let place = &mut self.connections[slot as usize];
            self.free = place.next;
            *place = connection;
            slot
        };
        self.open += 1;
        Some(slot)
    }

    /// Lets a connection go.
    pub(super) fn remove(&mut self, slot: u32) -> Option<S> {
        self.unlink(slot);
        let place = self.connections.get_mut(slot as usize)?;
        let stream = place.stream.take()?;
        place.next = self.free;
        self.free = slot;
        self.open -= 1;
        Some(stream)
    }

    /// The connection in a slot, unless that is free.
    pub(super) fn get(&mut self, slot: u32) -> Option<&mut ServedConnection<S, T>> {
        self.connections.get_mut(slot as usize).filter(|connection| connection.stream.is_some())
    }

    /// The connection in a slot if it is still the one of that number.
    pub(super) fn same(&mut self, slot: u32, number: u32) -> Option<&mut ServedConnection<S, T>> {
        self.get(slot).filter(|connection| connection.number == number)
    }

    /// Puts a connection, which is not in the queue, at its end.
    pub(super) fn queue(&mut self, slot: u32, due_ms: u32) {
        let last = self.last;
        let connection = &mut self.connections[slot as usize];
        connection.due_ms = due_ms;
        connection.previous = last;
        connection.next = NONE;
        match self.connections.get_mut(last as usize) {
            Some(before) => before.next = slot,
            None => self.first = slot,
        }
        self.last = slot;
    }

    /// When the first message is due.
    pub(super) fn first_due(&self) -> Option<u32> {
        self.connections.get(self.first as usize).map(|connection| connection.due_ms)
    }

    /// Takes the first connection from the queue if its message is due, and the time when it was.
    pub(super) fn take_due(&mut self, now_ms: u32) -> Option<(u32, u32)> {
        let slot = self.first;
        let due_ms = self.first_due().filter(|due_ms| reached(*due_ms, now_ms))?;
        self.unlink(slot);
        Some((slot, due_ms))
    }

    fn unlink(&mut self, slot: u32) {
        let Some(connection) = self.get(slot) else { return };
        let (previous, next) = (connection.previous, connection.next);
        connection.previous = NONE;
        connection.next = NONE;
        if previous == NONE && self.first != slot {
            return;
        }
        match self.connections.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match self.connections.get_mut(next as usize) {
            Some(behind) => behind.previous = previous,
            None => self.last = previous,
        }
    }
}

/// Whether `due_ms` is not in the future, on a clock that starts again every 49 days.
pub(super) fn reached(due_ms: u32, now_ms: u32) -> bool {
    now_ms.wrapping_sub(due_ms) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn queued(table: &mut ConnectionTable<u32, ()>) -> Vec<u32> {
        std::iter::from_fn(|| table.take_due(u32::MAX >> 1)).map(|(slot, _)| slot).collect()
    }

    #[test]
    fn slots_are_used_again_and_numbers_tell_them_apart() {
        let mut table: ConnectionTable<_, ()> = ConnectionTable::new();
        let first = table.insert('a', 0, 0).unwrap();
        assert_eq!(table.insert('b', 1, 0), Some(1));
        assert_eq!(table.remove(first), Some('a'));
        assert_eq!(table.remove(first), None);
        assert_eq!(table.insert('c', 2, 0), Some(first));
        assert!(table.same(first, 0).is_none());
        assert!(table.same(first, 2).is_some());
        assert_eq!(table.open(), 2);
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut table: ConnectionTable<_, ()> = ConnectionTable::new();
        let slot = table.insert((), 0, 0).unwrap();
        let late = u32::MAX - 5;
        table.queue(slot, late.wrapping_add(10));
        assert_eq!(table.take_due(late), None);
        assert_eq!(table.take_due(5), Some((slot, 4)));
        assert_eq!(table.first_due(), None);
    }

    proptest! {
        /// Against a queue and a list that are plain.
        #[test]
        fn the_queue_is_a_queue(steps in prop::collection::vec((0..4_u8, 0..40_usize), 1..300)) {
            let mut table: ConnectionTable<_, ()> = ConnectionTable::new();
            let mut plain = VecDeque::new();
            let mut open = Vec::new();
            for (time, (step, pick)) in (0_u32..).zip(steps) {
                match step {
                    0 => open.push(table.insert(time, time, 0).unwrap()),
                    1 if !open.is_empty() => {
                        let slot = open.swap_remove(pick % open.len());
                        table.remove(slot).unwrap();
                        plain.retain(|other| *other != slot);
                    }
                    2 if !open.is_empty() => {
                        let slot = open[pick % open.len()];
                        if !plain.contains(&slot) {
                            table.queue(slot, time);
                            plain.push_back(slot);
                        }
                    }
                    _ => prop_assert_eq!(table.take_due(time).map(|(slot, _)| slot), plain.pop_front()),
                }
                prop_assert_eq!(table.open(), open.len() as u64);
            }
            prop_assert_eq!(queued(&mut table), plain.into_iter().collect::<Vec<_>>());
        }
    }
}
