//! The part of a worker's host that held connections need.

use super::super::worker::Host;
use crate::plan::Close;
use crate::units::Address;
use std::io;

/// A host with sockets for connections that are held.
pub(crate) trait HoldHost: Host {
    /// An open or opening connection. Small: one is kept for each connection.
    type Socket;

    /// Begins to open the connection of `user`; its events are those of `slot`.
    ///
    /// # Errors
    /// Where the kernel refuses at once.
    fn connect(&mut self, slot: u32, user: u64) -> io::Result<Self::Socket>;

    /// Takes in the addresses that a lookup during the run has found.
    fn learn_addresses(&mut self, _found: &[(Address, u16)]) {}

    /// Sends the header with which an open connection of `user` begins, if it has one.
    ///
    /// # Errors
    /// Of the socket.
    fn introduce(&mut self, socket: &Self::Socket, user: u64) -> io::Result<()>;

    /// Begins or continues the TLS handshake of an open connection of `user`; true once it is done.
    ///
    /// # Errors
    /// Where the handshake has failed.
    fn secure(&mut self, socket: &Self::Socket, user: u64) -> io::Result<bool>;

    /// Reports the events of an open connection as those of another slot from now on.
    ///
    /// # Errors
    /// Where the kernel refuses.
    fn watch(&mut self, socket: &Self::Socket, slot: u32) -> io::Result<()>;

    /// Reads what is there.
    ///
    /// # Errors
    /// As of `read`.
    fn receive(&mut self, socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what fits.
    ///
    /// # Errors
    /// As of `write`.
    fn send(&mut self, socket: &Self::Socket, bytes: &[u8]) -> io::Result<usize>;

    /// Why a connection failed.
    fn error(&mut self, socket: &Self::Socket) -> Option<io::Error>;

    /// Closes a connection.
    fn close(&mut self, socket: Self::Socket, how: Close);
}
