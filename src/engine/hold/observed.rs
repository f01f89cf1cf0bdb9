//! A host that notes what is said on the connection of the worker that it carries.
//!
//! **Invariant:** it sends nothing of its own: every byte is what a run sends.

use super::super::wire::{WorkerCommand, WorkerReport};
use super::super::worker::{Epoll, Host, Ready};
use super::{HoldHost, HoldSockets};
use crate::plan::Close;
use crate::record::WorkerFacts;
use std::io;
use std::net::TcpStream;

/// Bytes in one direction, as the socket took or gave them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Said {
    /// When.
    pub at_ns: u64,
    /// Whether they came from the target.
    pub is_received: bool,
    /// The bytes, inside TLS where there is any.
    pub bytes: Vec<u8>,
}

/// A real host, and what was said.
pub(super) struct ObservedHoldSockets {
    host: Epoll<HoldSockets>,
    /// In order.
    pub(super) said: Vec<Said>,
    /// When TLS began and when it was done.
    pub(super) securing_ns: Option<u64>,
    pub(super) secured_ns: Option<u64>,
    /// Whether the target ended the connection.
    pub(super) is_ended: bool,
}

impl ObservedHoldSockets {
    /// Around this host.
    pub(super) fn new(host: Epoll<HoldSockets>) -> Self {
        Self { host, said: Vec::new(), securing_ns: None, secured_ns: None, is_ended: false }
    }

    fn note(&mut self, is_received: bool, bytes: &[u8]) {
        if !bytes.is_empty() {
            let at_ns = self.host.now_ns();
            self.said.push(Said { at_ns, is_received, bytes: bytes.to_vec() });
        }
    }
}

impl Host for ObservedHoldSockets {
    fn now_ns(&self) -> u64 {
        self.host.now_ns()
    }

    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.host.wait(until_ns, ready)
    }

    fn order(&mut self) -> Option<WorkerCommand> {
        None
    }

    fn report(&mut self, _report: WorkerReport) {}

    fn facts(&self) -> WorkerFacts {
        self.host.facts()
    }
}

impl HoldHost for ObservedHoldSockets {
    type Socket = TcpStream;

    fn connect(&mut self, slot: u32, user: u64) -> io::Result<TcpStream> {
        self.host.connect(slot, user)
    }

    fn introduce(&mut self, socket: &TcpStream, user: u64) -> io::Result<()> {
        self.host.introduce(socket, user)
    }

    fn secure(&mut self, socket: &TcpStream, user: u64) -> io::Result<bool> {
        let now = self.host.now_ns();
        self.securing_ns.get_or_insert(now);
        let secured = self.host.secure(socket, user)?;
        if secured {
            self.secured_ns = Some(self.host.now_ns());
        }
        Ok(secured)
    }

    fn watch(&mut self, socket: &TcpStream, slot: u32) -> io::Result<()> {
        self.host.watch(socket, slot)
    }

    fn receive(&mut self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.host.receive(socket, buffer)?;
        self.note(true, &buffer[..length]);
        self.is_ended |= length == 0;
        Ok(length)
    }

    fn send(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        let length = self.host.send(socket, bytes)?;
        self.note(false, &bytes[..length]);
        Ok(length)
    }

    fn error(&mut self, socket: &TcpStream) -> Option<io::Error> {
        self.host.error(socket)
    }

    fn close(&mut self, socket: TcpStream, how: Close) {
        self.host.close(socket, how);
    }
}
