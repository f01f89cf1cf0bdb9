//! One shared connection: which slots share it, and which of them may send next.

use super::super::super::worker::SlotId;
use super::super::host::Capacity;
use crate::plan::ConnectionUse;
use crate::record::ConnectionEnd;
use crate::units::slot;
use crate::workload::http::Http2Connection;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Streams on which something has come.
type WokenStreams = Arc<Mutex<Vec<u32>>>;

/// Notes that a stream has something to read.
struct StreamWaker {
    woken: WokenStreams,
    slot: u32,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}

/// Whether a slot may open a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permission {
    None,
    Waiting,
    /// A stream is reserved for it.
    Granted,
}

/// One of those who share a connection.
pub(super) struct StreamSlot {
    /// `None`: free.
    user: Option<SlotId>,
    permission: Permission,
    /// While it waits: when its request began.
    since_ns: u64,
    waker: Waker,
}

/// A shared connection and those who share it.
pub(super) struct PooledConnection {
    pub(super) generation: u32,
    pub(super) address: usize,
    /// `None`: there is no connection.
    pub(super) http2: Option<Http2Connection>,
    /// The slot that opens it, until it is open.
    pub(super) opener: Option<SlotId>,
    /// Whether it was open and secured.
    pub(super) is_open: bool,
    pub(super) opened_ns: u64,
    pub(super) slots: Vec<StreamSlot>,
    free: Vec<u32>,
    waiters: VecDeque<u32>,
    permits: usize,
    woken: WokenStreams,
    pub(super) is_dirty: bool,
    /// All who share it were notified that it accepts no more requests.
    end_is_announced: bool,
}

impl StreamSlot {
    /// The waker for when its stream has something to read.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }
}

impl PooledConnection {
    /// An entry without a connection.
    pub(super) fn new() -> Self {
        Self {
            generation: 0,
            address: 0,
            http2: None,
            opener: None,
            is_open: false,
            opened_ns: 0,
            slots: Vec::new(),
            free: Vec::new(),
            waiters: VecDeque::new(),
            permits: 0,
            woken: WokenStreams::default(),
            is_dirty: false,
            end_is_announced: false,
        }
    }

    /// Starts over with a connection that is opening.
    pub(super) fn begin(&mut self, address: usize, opener: SlotId, http2: Http2Connection) {
        (self.address, self.opener, self.http2) = (address, Some(opener), Some(http2));
        (self.is_open, self.end_is_announced, self.permits) = (false, false, 0);
        self.waiters.clear();
    }

    /// How many share it.
    pub(super) fn streams(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether it accepts another request, now or later.
    pub(super) fn accepts_requests(&self) -> bool {
        self.http2.as_ref().is_some_and(|http2| !http2.is_over())
    }

    /// Retires the connection once it is too old.
    pub(super) fn retire_if_old(&mut self, uses: ConnectionUse, now: u64) {
        let old = |age: u64| self.is_open && now.saturating_sub(self.opened_ns) >= age;
        if uses.max_age.is_some_and(|age| old(age.as_nanos()))
            && let Some(http2) = &mut self.http2
        {
            http2.retire(ConnectionEnd::MaxAge);
        }
    }

    /// Lets another slot share the connection; returns its place.
    pub(super) fn add_stream(&mut self, user: SlotId) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            let at = slot(self.slots.len());
            let waker =
                Waker::from(Arc::new(StreamWaker { woken: Arc::clone(&self.woken), slot: at }));
            self.slots.push(StreamSlot {
                user: None,
                permission: Permission::None,
                since_ns: 0,
                waker,
            });
            at
        });
        self.slots[at as usize].user = Some(user);
        at
    }

    /// Frees a place; returns the slot that had it.
    pub(super) fn remove_stream(&mut self, at: u32) -> Option<SlotId> {
        let slot = &mut self.slots[at as usize];
        let user = slot.user.take();
        match std::mem::replace(&mut slot.permission, Permission::None) {
            Permission::None => {}
            Permission::Waiting => self.waiters.retain(|one| *one != at),
            Permission::Granted => self.permits -= 1,
        }
        self.free.push(at);
        user
    }

    /// Whether a request that began at `since_ns` can be sent now; otherwise it queues behind those
    /// that began earlier.
    pub(super) fn capacity(
        &mut self,
        (at, since_ns): (u32, u64),
        streams: usize,
        uses: ConnectionUse,
        now: u64,
    ) -> Capacity {
        self.retire_if_old(uses, now);
        if !self.accepts_requests() {
            return Capacity::Never;
        }
        let slot = &mut self.slots[at as usize];
        match slot.permission {
            Permission::Waiting => return Capacity::Later,
            Permission::Granted => {
                slot.permission = Permission::None;
                self.permits -= 1;
                return Capacity::Now;
            }
            Permission::None => {}
        }
        let free = self.http2.as_mut().map_or(0, |http2| http2.room(streams));
        if self.waiters.is_empty() && free > self.permits {
            return Capacity::Now;
        }
        let slot = &mut self.slots[at as usize];
        (slot.permission, slot.since_ns) = (Permission::Waiting, since_ns);
        // A request that another connection rejected began earlier than those that follow a
        // response.
        let before = |other: &u32| self.slots[*other as usize].since_ns <= since_ns;
        let behind = self.waiters.iter().rposition(before).map_or(0, |last| last + 1);
        self.waiters.insert(behind, at);
        Capacity::Later
    }

    /// Collects the slots to notify: of something to read, a free stream, or the end of the
    /// connection. `woken` is empty before and after.
    pub(super) fn collect_notifications(
        &mut self,
        streams: usize,
        woken: &mut Vec<u32>,
        to_notify: &mut Vec<SlotId>,
    ) {
        std::mem::swap(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner), woken);
        for at in woken.drain(..) {
            to_notify.extend(self.slots.get(at as usize).and_then(|slot| slot.user));
        }
        self.grant_permits(streams, to_notify);
        if !self.accepts_requests() && !self.end_is_announced {
            self.end_is_announced = true;
            to_notify.extend(self.slots.iter().filter_map(|slot| slot.user));
        }
    }

    /// Reserves free streams for those who have waited longest.
    fn grant_permits(&mut self, streams: usize, to_notify: &mut Vec<SlotId>) {
        if self.waiters.is_empty() {
            return;
        }
        let free = self.http2.as_mut().map_or(0, |http2| http2.room(streams));
        while free > self.permits
            && let Some(at) = self.waiters.pop_front()
        {
            let slot = &mut self.slots[at as usize];
            slot.permission = Permission::Granted;
            self.permits += 1;
            to_notify.extend(slot.user);
        }
    }
}
