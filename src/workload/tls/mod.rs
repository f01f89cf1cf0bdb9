//! Turns a socket into a secured one: whom to trust, who one is, and what of each connection's TLS
//! must be kept.
//!
//! Sessions lie beside the sockets, by descriptor, so that a connection without TLS pays nothing
//! for those with it.
//!
//! **Invariant:** held connections resume no session: each handshake is a whole one, costs the
//! same, and proves the same.

mod identity;
mod pem;
mod session;
mod sessions;
#[cfg(test)]
mod tests;
mod trust;

pub(crate) use identity::{Identity, self_signed};
pub(crate) use pem::PemFiles;
pub(crate) use session::TlsSession;
pub(crate) use sessions::Sessions;
pub(crate) use trust::{Client, Credentials, Peers, Trust, server_name};

use crate::record::{Cause, Failure, FailureStage};
use rustls::InvalidMessage;
use rustls::crypto::{CryptoProvider, ring};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why TLS cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the kernel.
        source: io::Error,
    },
    /// A file, or a message, holds no certificates.
    #[error("cannot find a certificate in {place}: {why}")]
    Certificates {
        /// Where they should be.
        place: String,
        /// The content found instead.
        why: String,
    },
    /// A file holds no private key.
    #[error("cannot find a private key in `{}`: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The content found instead.
        why: String,
    },
    /// This machine has no certificates to trust.
    #[error("cannot find the certificates that this machine trusts: {why}")]
    System {
        /// The content found instead.
        why: String,
    },
    /// A name that no certificate can be for.
    #[error("cannot ask for a certificate of `{name}`: it is neither a host name nor an address")]
    Name {
        /// The name.
        name: String,
    },
    /// The certificate, or its key, cannot be used.
    #[error("cannot use the certificate: {0}")]
    Setup(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// The cryptography of all sessions. ring: it builds in seconds with a C compiler alone.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The cause behind an error of a session or of its socket.
pub(crate) fn cause(error: &io::Error, phase: FailureStage) -> Cause {
    if is_tls(error) { Cause::new(Failure::Tls, phase) } else { Cause::from_io(error, phase) }
}

/// Whether TLS failed, not the connection below it.
pub(crate) fn is_tls(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<SessionError>()).is_some()
}

/// Why a session failed.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    /// The peer's first bytes are no TLS record, as those of a server without TLS.
    #[error("the reply is not TLS: expected a TLS record, found another protocol")]
    NotTls,
    /// All other reasons.
    #[error(transparent)]
    Rustls(rustls::Error),
}

/// The error of a failed session, for the code that reads and writes.
pub(crate) fn failed(error: rustls::Error) -> io::Error {
    io::Error::other(match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => SessionError::NotTls,
        other => SessionError::Rustls(other),
    })
}
