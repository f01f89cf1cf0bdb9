//! Turns what is done with a connection into what is done with one of its own, or with a seat at
//! one that is shared.

use super::host::Room;
use super::pool::{Hub, Seat};
use crate::record::ConnectionEnd;
use crate::workload::http::{
    Answer, Buffers, Ends, Fault, Lane, Limits, Moved, Opening, Script, Secured, Session, Step,
    Stream,
};
use rustls::client::UnbufferedClientConnection;

/// A connection, or a seat at one, and which of the scripts it follows. Where there are seats there
/// is a hub.
pub struct Way {
    carrier: Carrier,
    script: u32,
    /// It has got its session of TLS.
    securing: bool,
}

enum Carrier {
    Own(Lane),
    /// With what is under way on it.
    Seat(Seat, Option<Box<Stream>>),
}

impl Way {
    /// A connection of its own.
    pub(super) fn own(lane: Lane, address: usize) -> Self {
        Self::new(Carrier::Own(lane), address)
    }

    /// A seat at a shared one.
    pub(super) fn seat(seat: Seat, address: usize) -> Self {
        Self::new(Carrier::Seat(seat, None), address)
    }

    fn new(carrier: Carrier, address: usize) -> Self {
        Self { carrier, script: u32::try_from(address).unwrap_or(0), securing: false }
    }

    /// Which of the scripts it follows.
    pub(super) fn script(&self) -> usize {
        self.script as usize
    }

    /// Whether it is about to be secured; true once.
    pub(super) fn begins_to_secure(&mut self) -> bool {
        !std::mem::replace(&mut self.securing, true)
    }

    pub(super) fn open(&mut self, hub: Option<&mut Hub>, ends: &Ends) -> Result<bool, Fault> {
        match (&mut self.carrier, hub) {
            (Carrier::Own(lane), _) => lane.open(ends),
            (Carrier::Seat(seat, _), Some(hub)) => hub.open(*seat, ends),
            (Carrier::Seat(..), None) => Ok(true),
        }
    }

    pub(super) fn secure(
        &mut self,
        hub: Option<&mut Hub>,
        ends: &Ends,
        end: Option<UnbufferedClientConnection>,
        (buffers, now_ns): (&mut Buffers, u64),
    ) -> Result<Secured, Fault> {
        match (&mut self.carrier, hub) {
            (Carrier::Own(lane), _) => {
                if let Some(end) = end {
                    lane.secure_by(end);
                }
                lane.secure(ends, buffers)
            }
            (Carrier::Seat(seat, _), Some(hub)) => hub.secure(*seat, ends, end, now_ns),
            (Carrier::Seat(..), None) => Ok(Secured::Plain),
        }
    }

    /// Nobody waits any longer for a connection that is shared.
    pub(super) fn fail(&self, hub: Option<&mut Hub>, fault: &Fault) {
        if let (Carrier::Seat(seat, _), Some(hub)) = (&self.carrier, hub) {
            hub.fail(*seat, fault.clone());
        }
    }

    /// Why a connection that is shared takes no more requests.
    pub(super) fn ended(&self, hub: Option<&Hub>) -> Option<ConnectionEnd> {
        match (&self.carrier, hub) {
            (Carrier::Seat(seat, _), Some(hub)) => hub.ended(*seat),
            _ => None,
        }
    }

    pub(super) fn leave(self, hub: Option<&mut Hub>) -> bool {
        match (self.carrier, hub) {
            (Carrier::Seat(seat, stream), Some(hub)) => hub.leave(seat, stream),
            _ => true,
        }
    }

    pub(super) fn room(&self, hub: Option<&mut Hub>, since_ns: u64, now_ns: u64) -> Room {
        match (&self.carrier, hub) {
            (Carrier::Seat(seat, _), Some(hub)) => hub.room(*seat, since_ns, now_ns),
            _ => Room::Now,
        }
    }

    /// Whether anything was answered on it.
    pub(super) fn has_answered(&self, hub: Option<&Hub>) -> bool {
        match (&self.carrier, hub) {
            (Carrier::Own(lane), _) => lane.has_answered(),
            (Carrier::Seat(seat, _), Some(hub)) => hub.has_answered(*seat),
            (Carrier::Seat(..), None) => false,
        }
    }

    pub(super) fn trouble(&self, hub: Option<&Hub>) -> Option<Fault> {
        match (&self.carrier, hub) {
            (Carrier::Seat(seat, _), Some(hub)) => hub.trouble(*seat),
            _ => None,
        }
    }

    /// What the peer has said of how many requests it takes at once.
    pub(super) fn opening(&self, hub: Option<&Hub>) -> Opening {
        match (&self.carrier, hub) {
            (Carrier::Seat(seat, _), Some(hub)) => hub.opening(*seat),
            _ => Opening::Settled,
        }
    }

    pub(super) fn send(&mut self, hub: Option<&mut Hub>, script: &Script, request: usize) -> bool {
        match (&mut self.carrier, hub) {
            (Carrier::Own(lane), _) => {
                lane.send(script, request);
                return !lane.is_doomed();
            }
            (Carrier::Seat(seat, stream), Some(hub)) => {
                if let Some((link, bell)) = hub.ask(*seat) {
                    *stream = Some(Box::new(link.ask(script, request, bell)));
                }
            }
            (Carrier::Seat(..), None) => {}
        }
        true
    }

    pub(super) fn send_for(
        &mut self,
        hub: Option<&mut Hub>,
        script: &Script,
        request: usize,
        session: &mut Session,
        (sheet, now_ns): (&mut Vec<u8>, u64),
    ) -> Result<bool, Fault> {
        match (&mut self.carrier, hub) {
            (Carrier::Own(lane), _) => {
                lane.send_for(script, request, session, sheet, now_ns)?;
                Ok(!lane.is_doomed())
            }
            (Carrier::Seat(seat, stream), Some(hub)) => {
                let Some((link, bell)) = hub.ask(*seat) else { return Ok(true) };
                let asked = link.ask_for(script, request, session, (sheet, now_ns), bell)?;
                *stream = Some(Box::new(asked));
                Ok(true)
            }
            (Carrier::Seat(..), None) => Ok(true),
        }
    }

    pub(super) fn advance(
        &mut self,
        hub: Option<&mut Hub>,
        script: &Script,
        closed: bool,
        (buffers, now_ns): (&mut Buffers, u64),
    ) -> Step {
        match (&mut self.carrier, hub) {
            (Carrier::Own(lane), _) => lane.advance(script, closed, buffers, now_ns),
            (Carrier::Seat(seat, stream), Some(hub)) => {
                let Some((link, bell)) = hub.answer(*seat) else { return Step::Wait };
                let Some(under_way) = stream else { return Step::Wait };
                let step = link.advance(script, under_way, bell, now_ns);
                if matches!(step, Step::Ended(_)) {
                    *stream = None;
                }
                step
            }
            (Carrier::Seat(..), None) => Step::Wait,
        }
    }

    pub(super) fn deadline(&self, hub: Option<&Hub>, limits: Limits) -> u64 {
        match &self.carrier {
            Carrier::Own(lane) => lane.deadline(limits),
            Carrier::Seat(_, Some(stream)) => stream.deadline(limits),
            Carrier::Seat(_, None) if self.opening(hub) == Opening::Settled => limits.whole_ns,
            Carrier::Seat(_, None) => limits.first_byte_ns.min(limits.whole_ns),
        }
    }

    pub(super) fn give_up(
        &mut self,
        hub: Option<&mut Hub>,
        script: &Script,
        limits: Limits,
        now_ns: u64,
    ) -> Option<Answer> {
        match (&mut self.carrier, hub) {
            (Carrier::Own(lane), _) => Some(lane.give_up(script, limits, now_ns)),
            (Carrier::Seat(seat, stream), Some(hub)) => {
                let (link, _) = hub.answer(*seat)?;
                let mut stream = stream.take()?;
                Some(link.give_up(script, &mut stream, limits, now_ns))
            }
            (Carrier::Seat(..), None) => None,
        }
    }

    /// Body bytes that the request under way has moved.
    pub(super) fn moved(&self) -> Moved {
        match &self.carrier {
            Carrier::Own(lane) => lane.moved(),
            Carrier::Seat(_, stream) => {
                stream.as_ref().map_or_else(Moved::default, |one| one.moved())
            }
        }
    }

    pub(super) fn disturb(&mut self, buffers: &mut Buffers) {
        if let Carrier::Own(lane) = &mut self.carrier {
            lane.disturb(buffers);
        }
    }

    pub(super) fn takes_a_request(&self, hub: Option<&Hub>) -> bool {
        match (&self.carrier, hub) {
            (Carrier::Own(lane), _) => lane.takes_a_request(),
            (Carrier::Seat(seat, _), Some(hub)) => hub.takes_more(*seat),
            (Carrier::Seat(..), None) => false,
        }
    }
}
