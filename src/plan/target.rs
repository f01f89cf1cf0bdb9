//! Whom a plan loads: addresses, or a server that planrun starts itself.

use crate::units::{Ratio, Time};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One named target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The name in `[targets.NAME]`.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its addresses as the plan has them, for people: nothing from the environment is filled in. Empty for a built-in server.
    pub shown: Vec<String>,
    /// Connections are secured before they count as open; `None`: they are plain.
    pub tls: Option<Tls>,
    /// Whether a connection is opened to each address, and closed again, before the run.
    pub probe: bool,
}

/// Whose certificate a target must have. A built-in server's own is trusted without being named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// A PEM file, seen from the folder of the plan: only what it holds, or has signed, is trusted. `None`: what this machine trusts.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must be for, and that the server is told. `None`: the host of each address.
    pub server_name: Option<String>,
    /// Any certificate will do.
    pub insecure: bool,
    /// Who the run says it is: PEM files of a certificate and of its private key, seen from the folder of the plan.
    pub credentials: Option<(PathBuf, PathBuf)>,
    /// http: whether connections go on with the sessions of earlier ones, as far as the target lets them.
    pub resumes: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { ca: None, server_name: None, insecure: false, credentials: None, resumes: true }
    }
}

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Endpoint {
    /// tcp-hold: used in turn; at least one.
    Hosts(Vec<HostPort>),
    /// http: used in turn; at least one.
    Urls(Vec<HttpUrl>),
    /// planrun starts this server on loopback for the run.
    Builtin(Builtin),
}

impl Endpoint {
    /// Whether it is Unix sockets and nothing else.
    pub fn is_unix(&self) -> bool {
        let is_socket = |url: &HttpUrl| matches!(url.site, Site::Socket(_));
        matches!(self, Self::Urls(urls) if urls.iter().all(is_socket))
    }
}

/// `host:port`; the host is a name, an IPv4 address, or an IPv6 address without its brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostPort {
    /// Name or address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// Where an http target listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Site {
    /// A port of a host.
    Host(HostPort),
    /// The Unix socket with this absolute path.
    Socket(PathBuf),
}

impl Site {
    /// The host and port that an answer may name; those of a Unix socket are what requests say there: `localhost`.
    pub fn authority(&self) -> (&str, u16) {
        match self {
            Self::Host(host) => (&host.host, host.port),
            Self::Socket(_) => ("localhost", 80),
        }
    }
}

/// `http://host:port/path`, `https://`, or `unix:/run/app.sock:/path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpUrl {
    /// Whether it is `https`.
    pub is_secure: bool,
    /// Where to connect.
    pub site: Site,
    /// What `Host:` says: the host and port as they were written; `localhost` for a Unix socket.
    pub host_header: String,
    /// The path and query, starting with `/`.
    pub path: String,
}

/// A server that planrun brings along.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Builtin {
    /// Greets, then sends a message every so often, or answers.
    TcpHold(TcpHoldServer),
    /// Answers every request.
    Http(HttpServer),
}

/// What the built-in long-connection server does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpHoldServer {
    /// What it sends: as greeting, as heartbeat, as reply.
    pub message: String,
    /// Whether it sends `message` as soon as a connection is accepted.
    pub greet: bool,
    /// It sends `message` this often on each connection; `None`: never unasked.
    pub every: Option<Time>,
    /// It answers each of these with `message`; `None`: it reads and forgets.
    pub reply_to: Option<String>,
    /// The certificate with which it secures connections; `None`: they are plain.
    pub tls: Option<Certificate>,
    /// What it does wrong on purpose.
    pub faults: Faults,
}

/// Where a built-in server's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certificate {
    /// Each process makes its own when it starts.
    Own,
    /// From PEM files.
    Files {
        /// The certificate, and those that lead to one that clients trust.
        certificate: Box<Path>,
        /// Its private key.
        key: Box<Path>,
    },
}

/// What the built-in HTTP server does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpServer {
    /// The body of every answer.
    pub body: String,
    /// The certificate with which it secures connections; `None`: they are plain.
    pub tls: Option<Certificate>,
    /// What it does wrong on purpose.
    pub faults: Faults,
}

/// Faults on demand; the default has none. Each hits the `share` of connections (http: of requests where the fault is one of answers),
/// chosen by `seed` and the connection's number, so that a run can be repeated and counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own, and they combine")]
pub struct Faults {
    /// The part of connections that is hit.
    pub share: Ratio,
    /// Chooses which.
    pub seed: u64,
    /// Refuses every connection: nothing listens.
    pub refuse: bool,
    /// Listens and never accepts.
    pub never_accept: bool,
    /// Resets the connection this long after it was accepted.
    pub reset_after: Option<Time>,
    /// Resets the connection once this many bytes were sent on it.
    pub reset_after_bytes: Option<u64>,
    /// Accepts, and never sends a byte.
    pub silence: bool,
    /// Sends other bytes than it should.
    pub wrong_data: bool,
    /// Waits before every send.
    pub delay: Option<Time>,
    /// Closes (FIN) this long after the connection was accepted.
    pub close_after: Option<Time>,
    /// http: answers with this status.
    pub status: Option<u16>,
    /// http: spreads the body over this time.
    pub slow_body: Option<Time>,
    /// http: promises a whole body, sends half, closes.
    pub truncate_body: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            share: Ratio(1.0),
            seed: 42,
            refuse: false,
            never_accept: false,
            reset_after: None,
            reset_after_bytes: None,
            silence: false,
            wrong_data: false,
            delay: None,
            close_after: None,
            status: None,
            slow_body: None,
            truncate_body: false,
        }
    }
}
