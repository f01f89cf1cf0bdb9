//! The errors of a server, with their remedies.

use crate::workload::tls::TlsError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a built-in server could not start, run or be stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port could not be had.
    #[error("cannot listen on {address}: {}", reason(.source))]
    Listen {
        /// The address to listen on.
        address: SocketAddr,
        /// The kernel's error.
        source: io::Error,
    },
    /// The text is not an address.
    #[error("cannot listen on `{text}`: {reason}")]
    Address {
        /// As it was given.
        text: String,
        /// Why not.
        reason: String,
    },
    /// The options contradict each other.
    #[error("{message}")]
    Options {
        /// Which, and why.
        message: String,
        /// The correction.
        help: String,
    },
    /// Connections cannot be secured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A system call failed that does not fail on a healthy machine.
    #[error("cannot {action}: {source}")]
    System {
        /// The operation that failed.
        action: &'static str,
        /// The kernel's error.
        source: io::Error,
    },
    /// The server's process could not be started.
    #[error("cannot start {} as a server: {source}", exe.display())]
    Spawn {
        /// The program.
        exe: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
    /// The server's process ended, or wrote an unexpected message.
    #[error("the server process {pid} {what}")]
    Process {
        /// Its id.
        pid: u32,
        /// How it ended, or what it wrote.
        what: String,
    },
}

impl ServeError {
    /// The remedy, if it is clear.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Listen { address, source } => listen_help(*address, source),
            Self::Address { .. } => {
                Some("an address is `HOST:PORT`, as in `127.0.0.1:8080` or `[::1]:0`; port 0 takes a free one".into())
            }
            Self::Options { help, .. } => Some(help.clone()),
            Self::Tls(_) => Some("`--cert` and `--key` are PEM files; `--tls` alone makes a certificate for this server".into()),
            Self::System { .. } | Self::Spawn { .. } | Self::Process { .. } => None,
        }
    }

    pub(super) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action, source }
    }
}

fn reason(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => "the port is in use".into(),
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address".into(),
        io::ErrorKind::PermissionDenied => "this user may not take this port".into(),
        _ => source.to_string(),
    }
}

fn listen_help(address: SocketAddr, source: &io::Error) -> Option<String> {
    let port = address.port();
    match source.kind() {
        io::ErrorKind::AddrInUse => Some(format!(
            "`ss -ltnp 'sport = :{port}'` shows who holds it; stop that, or listen on another port (0 takes a free one)"
        )),
        io::ErrorKind::AddrNotAvailable => {
            Some("`ip address` shows the addresses there are".into())
        }
        io::ErrorKind::PermissionDenied => {
            Some(format!("ports from 1024 on need no rights: take one instead of {port}"))
        }
        _ => None,
    }
}
