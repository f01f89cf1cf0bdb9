//! Turns a port into a server that behaves as a test needs it to, and reports its counters at the
//! end.
//!
//! **Invariant:** which connections a fault hits is a pure function of the seed and a number, so
//! that both sides can be compared to the last unit.
//! **Invariant:** no server process outlives the one that started it: the end of its standard input
//! ends it.
//! **Invariant:** a server with nothing due does not wake up.

mod capacity;
mod counts;
mod error;
mod fault;
mod group;
mod hold;
mod http;
mod identity;
mod listen;
mod running;
mod stop;

pub use capacity::{processes_for, raise_descriptor_limit};
pub use counts::Counts;
pub use error::ServeError;
pub use fault::{check, hits};
pub use group::{Group, die_with};
pub use listen::{Listen, resolve};
pub use running::{Running, ServerStarted, arguments};
pub use stop::{Stop, ignores_hangup};

use crate::plan::Builtin;
use std::net::SocketAddr;

/// A built-in server that has its port, in this process.
#[derive(Debug)]
pub enum Server {
    /// Long connections.
    TcpHold(hold::BoundHoldServer),
    /// HTTP.
    Http(http::BoundHttpServer),
}

impl Server {
    /// Takes the port. What cannot work together fails here, before anything is bound.
    pub fn bind(builtin: &Builtin, listen: Listen) -> Result<Self, ServeError> {
        check(builtin)?;
        Ok(match builtin {
            Builtin::TcpHold(options) => {
                Self::TcpHold(hold::BoundHoldServer::bind(options.clone(), listen)?)
            }
            Builtin::Http(options) => {
                Self::Http(http::BoundHttpServer::bind(options.clone(), listen)?)
            }
        })
    }

    /// The addresses for clients.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::TcpHold(server) => server.address(),
            Self::Http(server) => server.address(),
        }
    }

    /// The certificates that clients must trust, as PEM; `None`: connections are plain.
    pub fn certificate(&self) -> Option<&str> {
        match self {
            Self::TcpHold(server) => server.certificate(),
            Self::Http(server) => server.certificate(),
        }
    }

    /// Serves until `stop`; returns the counters.
    pub fn run(self, stop: Stop) -> Result<Counts, ServeError> {
        match self {
            Self::TcpHold(server) => server.run(stop),
            Self::Http(server) => server.run(stop),
        }
    }
}
