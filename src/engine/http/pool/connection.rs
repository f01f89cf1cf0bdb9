//! Turns one connection and those who share it into who may send next.

use super::super::host::{Place, Room};
use crate::plan::ConnectionUse;
use crate::record::ConnectionEnd;
use crate::workload::http::Multiplex;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Seats on whose streams something has come.
type Rung = Arc<Mutex<Vec<u32>>>;

/// Tells which seat's stream is to be looked at.
struct Bell {
    rung: Rung,
    at: u32,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).push(self.at);
    }
}

/// Whether somebody who sits waits for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    No,
    InLine,
    /// A stream is kept for it.
    Granted,
}

/// The place of one who sits.
pub(super) struct Chair {
    /// `None`: free.
    place: Option<Place>,
    wait: Wait,
    /// While it waits: when its request began.
    since_ns: u64,
    bell: Waker,
}

/// One connection and who shares it.
pub(super) struct Table {
    pub(super) turn: u32,
    pub(super) address: usize,
    /// `None`: there is no connection.
    pub(super) link: Option<Multiplex>,
    /// Who opens it, until it is open.
    pub(super) opener: Option<Place>,
    /// Whether it was open, secured and all.
    pub(super) is_open: bool,
    pub(super) since_ns: u64,
    pub(super) chairs: Vec<Chair>,
    free: Vec<u32>,
    line: VecDeque<u32>,
    granted: usize,
    rung: Rung,
    pub(super) is_dirty: bool,
    /// All who sit here know that it has gone.
    is_told: bool,
}

impl Chair {
    /// What is woken when something comes of its request.
    pub(super) fn bell(&self) -> &Waker {
        &self.bell
    }
}

impl Table {
    /// Without a connection.
    pub(super) fn new() -> Self {
        Self {
            turn: 0,
            address: 0,
            link: None,
            opener: None,
            is_open: false,
            since_ns: 0,
            chairs: Vec::new(),
            free: Vec::new(),
            line: VecDeque::new(),
            granted: 0,
            rung: Rung::default(),
            is_dirty: false,
            is_told: false,
        }
    }

    /// Begins anew, with a connection that is being opened.
    pub(super) fn begin(&mut self, address: usize, opener: Place, link: Multiplex) {
        (self.address, self.opener, self.link) = (address, Some(opener), Some(link));
        (self.is_open, self.is_told, self.granted) = (false, false, 0);
        self.line.clear();
    }

    /// How many sit here.
    pub(super) fn seated(&self) -> usize {
        self.chairs.len() - self.free.len()
    }

    /// Whether another request can be sent, now or later.
    pub(super) fn takes_more(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_over())
    }

    /// Takes no more once it is too old.
    pub(super) fn look_at_age(&mut self, uses: ConnectionUse, now: u64) {
        let old = |age: u64| self.is_open && now.saturating_sub(self.since_ns) >= age;
        if uses.max_age.is_some_and(|age| old(age.as_nanos()))
            && let Some(link) = &mut self.link
        {
            link.retire(ConnectionEnd::MaxAge);
        }
    }

    /// Gives somebody a seat.
    pub(super) fn sit(&mut self, place: Place) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            let at = u32::try_from(self.chairs.len()).unwrap_or(u32::MAX);
            let bell = Waker::from(Arc::new(Bell { rung: Arc::clone(&self.rung), at }));
            self.chairs.push(Chair { place: None, wait: Wait::No, since_ns: 0, bell });
            at
        });
        self.chairs[at as usize].place = Some(place);
        at
    }

    /// Who sat there.
    pub(super) fn stand_up(&mut self, at: u32) -> Option<Place> {
        let chair = &mut self.chairs[at as usize];
        let place = chair.place.take();
        match std::mem::replace(&mut chair.wait, Wait::No) {
            Wait::No => {}
            Wait::InLine => self.line.retain(|one| *one != at),
            Wait::Granted => self.granted -= 1,
        }
        self.free.push(at);
        place
    }

    /// Whether a request, which began at `since_ns`, can be sent from a seat now; otherwise it
    /// waits in line behind those that began before.
    pub(super) fn room(
        &mut self,
        (at, since_ns): (u32, u64),
        streams: usize,
        uses: ConnectionUse,
        now: u64,
    ) -> Room {
        self.look_at_age(uses, now);
        if !self.takes_more() {
            return Room::Never;
        }
        let chair = &mut self.chairs[at as usize];
        match chair.wait {
            Wait::InLine => return Room::Later,
            Wait::Granted => {
                chair.wait = Wait::No;
                self.granted -= 1;
                return Room::Now;
            }
            Wait::No => {}
        }
        let free = self.link.as_mut().map_or(0, |link| link.room(streams));
        if self.line.is_empty() && free > self.granted {
            return Room::Now;
        }
        let chair = &mut self.chairs[at as usize];
        (chair.wait, chair.since_ns) = (Wait::InLine, since_ns);
        // Who was sent away by another connection began earlier than those who come from an answer.
        let before = |other: &u32| self.chairs[*other as usize].since_ns <= since_ns;
        let behind = self.line.iter().rposition(before).map_or(0, |last| last + 1);
        self.line.insert(behind, at);
        Room::Later
    }

    /// Says who has something to look at: an answer, a free stream, or the end of the connection.
    /// `rung` is empty, and is so again.
    pub(super) fn tell(&mut self, streams: usize, rung: &mut Vec<u32>, news: &mut Vec<Place>) {
        std::mem::swap(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner), rung);
        for at in rung.drain(..) {
            news.extend(self.chairs.get(at as usize).and_then(|chair| chair.place));
        }
        self.grant(streams, news);
        if !self.takes_more() && !self.is_told {
            self.is_told = true;
            news.extend(self.chairs.iter().filter_map(|chair| chair.place));
        }
    }

    /// Keeps streams for those who wait longest.
    fn grant(&mut self, streams: usize, news: &mut Vec<Place>) {
        if self.line.is_empty() {
            return;
        }
        let free = self.link.as_mut().map_or(0, |link| link.room(streams));
        while free > self.granted
            && let Some(at) = self.line.pop_front()
        {
            let chair = &mut self.chairs[at as usize];
            chair.wait = Wait::Granted;
            self.granted += 1;
            news.extend(chair.place);
        }
    }
}
