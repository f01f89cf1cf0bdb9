//! Turns connections of HTTP/2 into seats: each user, or arrival, has one, and sends its requests
//! as streams of the connection.
//!
//! **Invariant:** a connection has at most as many seats as the plan says, all of one target
//! address.
//! **Invariant:** of those who wait for a stream, the one whose request began first is served
//! first.

mod connection;

use super::host::{Place, Ready, Room};
use crate::plan::{AnswerLimits, ConnectionUse};
use crate::record::ConnectionEnd;
use crate::workload::http::{Buffers, Ends, Fault, Multiplex, Opening, Secured, Stream};
use connection::Table;
use rustls::client::UnbufferedClientConnection;
use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::Waker;

/// Where one user or arrival sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) connection: u32,
    at: u32,
}

/// All connections of a worker that are shared.
pub(super) struct Hub {
    tables: Vec<Table>,
    free: Vec<u32>,
    /// By target address: those that may have a free seat.
    open: Vec<Vec<u32>>,
    streams: usize,
    uses: ConnectionUse,
    limits: AnswerLimits,
    buffers: Rc<RefCell<Buffers>>,
    /// Those that have something to send, or to read.
    dirty: Vec<u32>,
    /// Who is to be told something.
    news: Vec<Place>,
    rung: Vec<u32>,
}

impl Hub {
    /// A hub without connections; `streams` share each of them.
    pub(super) fn new(
        addresses: usize,
        streams: u32,
        (uses, limits): (ConnectionUse, AnswerLimits),
        buffers: Buffers,
    ) -> Self {
        Self {
            tables: Vec::new(),
            free: Vec::new(),
            open: vec![Vec::new(); addresses],
            streams: usize::try_from(streams).unwrap_or(1).max(1),
            uses,
            limits,
            buffers: Rc::new(RefCell::new(buffers)),
            dirty: Vec::new(),
            news: Vec::new(),
            rung: Vec::new(),
        }
    }

    /// A seat at a connection that is there, or being opened.
    pub(super) fn join(&mut self, address: usize, place: Place, now: u64) -> Option<Seat> {
        while let Some(connection) = self.open[address].last().copied() {
            let (most, uses) = (self.streams, self.uses);
            let table = self.table(connection);
            table.look_at_age(uses, now);
            let left = uses.max_requests.map_or(u64::MAX, |most| {
                most.saturating_sub(table.link.as_ref().map_or(0, Multiplex::served))
            });
            let room = most.min(usize::try_from(left).unwrap_or(usize::MAX));
            if table.takes_more() && table.seated() < room {
                let at = table.sit(place);
                return Some(Seat { connection, at });
            }
            // It comes back when a seat becomes free, unless it is over.
            self.open[address].pop();
        }
        None
    }

    /// Begins to open a connection; with a seat at it the token that its events have.
    pub(super) fn begin(
        &mut self,
        address: usize,
        place: Place,
        ends: &Ends,
    ) -> Result<(Seat, Place), Fault> {
        let link = Multiplex::begin(ends, self.limits)?;
        let connection = self.free.pop().unwrap_or_else(|| {
            self.tables.push(Table::new());
            u32::try_from(self.tables.len() - 1).unwrap_or(u32::MAX)
        });
        let table = self.table(connection);
        table.begin(address, place, link);
        let at = table.sit(place);
        let turn = table.turn;
        self.open[address].push(connection);
        Ok((Seat { connection, at }, Place { slot: connection, turn }))
    }

    /// The socket of a connection that is being opened.
    pub(super) fn socket(&self, seat: Seat) -> Option<BorrowedFd<'_>> {
        self.tables[seat.connection as usize].link.as_ref()?.socket()
    }

    /// Whether a connection is open, once it can be written to; false: to be asked again after a
    /// while.
    pub(super) fn open(&mut self, seat: Seat, ends: &Ends) -> Result<bool, Fault> {
        let result = self.link(seat).map_or(Ok(true), |link| link.open(ends));
        self.touch(seat.connection);
        result
    }

    /// Begins, or goes on with, what secures an open connection; `end` begins it.
    pub(super) fn secure(
        &mut self,
        seat: Seat,
        ends: &Ends,
        end: Option<UnbufferedClientConnection>,
        now: u64,
    ) -> Result<Secured, Fault> {
        let buffers = Rc::clone(&self.buffers);
        let Some(link) = self.link(seat) else { return Ok(Secured::Plain) };
        if let Some(end) = end {
            link.secure_by(end);
        }
        let secured = link.secure(ends, &buffers);
        if matches!(secured, Ok(Secured::Plain | Secured::Whole | Secured::Resumed)) {
            let table = self.table(seat.connection);
            (table.is_open, table.opener, table.since_ns) = (true, None, now);
        }
        self.touch(seat.connection);
        secured
    }

    /// A connection will not be open in time.
    pub(super) fn fail(&mut self, seat: Seat, fault: Fault) {
        if let Some(link) = self.link(seat) {
            link.fail(fault);
        }
        self.touch(seat.connection);
    }

    /// Something has happened on a connection.
    pub(super) fn event(&mut self, token: Place, event: Ready, ready: &mut Vec<Ready>) {
        let Some(table) = self.tables.get_mut(token.slot as usize) else { return };
        if table.turn != token.turn {
            return;
        }
        if let Some(place) = table.opener {
            ready.push(Ready { place, ..event });
            return;
        }
        if let Some(link) = &table.link
            && (event.readable || event.closed)
        {
            link.happened(event.closed);
        }
        self.touch(token.slot);
    }

    /// Whether a request can be sent from a seat now; otherwise it waits in line, and is told.
    pub(super) fn room(&mut self, seat: Seat, since_ns: u64, now: u64) -> Room {
        let (streams, uses) = (self.streams, self.uses);
        self.table(seat.connection).room((seat.at, since_ns), streams, uses, now)
    }

    /// Whether anything was answered on the connection of a seat.
    pub(super) fn has_answered(&self, seat: Seat) -> bool {
        let table = &self.tables[seat.connection as usize];
        table.link.as_ref().is_some_and(Multiplex::has_answered)
    }

    /// The connection of a seat, to send a request on, and what is woken when something comes of
    /// it.
    pub(super) fn ask(&mut self, seat: Seat) -> Option<(&mut Multiplex, &Waker)> {
        self.touch(seat.connection);
        let most = self.uses.max_requests;
        let table = self.table(seat.connection);
        let link = table.link.as_mut()?;
        if most.is_some_and(|most| link.served() + 1 >= most) {
            link.retire(ConnectionEnd::MaxRequests);
        }
        Some((link, table.chairs[seat.at as usize].bell()))
    }

    /// The connection of a seat, to go on with a request.
    pub(super) fn answer(&mut self, seat: Seat) -> Option<(&mut Multiplex, &Waker)> {
        self.touch(seat.connection);
        let table = self.table(seat.connection);
        Some((table.link.as_mut()?, table.chairs[seat.at as usize].bell()))
    }

    /// Why a connection never spoke HTTP/2.
    pub(super) fn trouble(&self, seat: Seat) -> Option<Fault> {
        self.tables[seat.connection as usize].link.as_ref()?.trouble()
    }

    /// What the peer has said of how many requests it takes at once.
    pub(super) fn opening(&self, seat: Seat) -> Opening {
        let table = &self.tables[seat.connection as usize];
        table.link.as_ref().map_or(Opening::Silent, Multiplex::opening)
    }

    /// Whether another request can be sent, now or later.
    pub(super) fn takes_more(&self, seat: Seat) -> bool {
        self.tables[seat.connection as usize].takes_more()
    }

    /// Why the connection of a seat takes no more requests.
    pub(super) fn ended(&self, seat: Seat) -> Option<ConnectionEnd> {
        self.tables[seat.connection as usize].link.as_ref()?.ended_by()
    }

    /// Gives a seat up; true when an open connection has gone with it.
    pub(super) fn leave(&mut self, seat: Seat, stream: Option<Box<Stream>>) -> bool {
        let table = self.table(seat.connection);
        if let (Some(link), Some(mut stream)) = (&mut table.link, stream) {
            link.let_go(&mut stream);
        }
        let place = table.stand_up(seat.at);
        // Nobody else opens it; those who wait open another one.
        if table.opener.is_some() && table.opener == place {
            table.opener = None;
            if let Some(link) = &mut table.link {
                link.retire(ConnectionEnd::Planned);
            }
        }
        let (address, more) = (table.address, table.takes_more());
        if table.seated() == 0 {
            let was_open = std::mem::take(&mut table.is_open);
            table.link = None;
            table.turn = table.turn.wrapping_add(1);
            self.open[address].retain(|one| *one != seat.connection);
            self.free.push(seat.connection);
            return was_open;
        }
        if more && !self.open[address].contains(&seat.connection) {
            self.open[address].push(seat.connection);
        }
        self.touch(seat.connection);
        false
    }

    /// Sends and reads what there is, and says who has something to look at.
    pub(super) fn flush(&mut self, ready: &mut Vec<Ready>) {
        let streams = self.streams;
        for connection in std::mem::take(&mut self.dirty) {
            let table = &mut self.tables[connection as usize];
            table.is_dirty = false;
            let Some(link) = &mut table.link else { continue };
            let more = link.drive();
            table.tell(streams, &mut self.rung, &mut self.news);
            if more {
                self.touch(connection);
            }
        }
        let told = self.news.drain(..);
        ready.extend(told.map(|place| Ready {
            place,
            readable: true,
            writable: true,
            closed: true,
        }));
    }

    /// Whether there is something to send or to read.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn table(&mut self, connection: u32) -> &mut Table {
        &mut self.tables[connection as usize]
    }

    fn link(&mut self, seat: Seat) -> Option<&mut Multiplex> {
        self.table(seat.connection).link.as_mut()
    }

    fn touch(&mut self, connection: u32) {
        let table = &mut self.tables[connection as usize];
        if !std::mem::replace(&mut table.is_dirty, true) {
            self.dirty.push(connection);
        }
    }
}
