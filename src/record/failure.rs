//! Turns the ways in which an attempt can end into a closed set.

use super::failed_exchange::{FailedExchange, MOST_EXCHANGES};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How one attempt ended. Every attempt ends in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// As it should.
    Ok,
    /// In a failure; one that is a time-out counts as `timed_out`.
    Failed(Cause),
    /// Not before the run did.
    Unfinished,
}

/// Whose fault a failure is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The generator's own: out of descriptors, ports or memory. Never counts against the target.
    Local,
    /// Refused, reset, timed out, unreachable.
    Network,
    /// TLS, bad HTTP, an early close.
    Protocol,
    /// Wrong status, wrong data, a missed heartbeat.
    Application,
}

impl Origin {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Network => "network",
            Self::Protocol => "protocol",
            Self::Application => "application",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How far an attempt had come when it failed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FailureStage {
    /// While the connection was being opened.
    Connect,
    /// While a forward proxy opened the tunnel.
    Proxy,
    /// During the TLS handshake.
    Tls,
    /// During the handshake of the protocol above TCP and TLS.
    Handshake,
    /// While the connection was held.
    Hold,
    /// During a request and its answer.
    Request,
    /// While a heartbeat that was sent on a held connection awaited its reply.
    Heartbeat,
    /// During the messages that open a conversation.
    Opening,
}

impl fmt::Display for FailureStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Opening => "opening",
            Self::Hold => "hold",
            Self::Request => "request",
            Self::Heartbeat => "heartbeat",
        })
    }
}

macro_rules! failures {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal, $origin:ident;)*) => {
        /// Every way to fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Failure { $($(#[doc = $doc])* #[serde(rename = $text)] $variant,)* }

        impl Failure {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Its meaning, in one sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*),)* }
            }

            /// Whose fault it is.
            pub fn origin(self) -> Origin {
                match self { $(Self::$variant => Origin::$origin,)* }
            }
        }
    };
}

failures! {
    /// EMFILE or ENFILE: out of open files.
    TooManyFiles = "too_many_files", Local;
    /// EADDRNOTAVAIL: out of source ports, or a source address that is not ours.
    NoSourcePort = "no_source_port", Local;
    /// ENOBUFS: out of socket buffers.
    NoBuffers = "no_buffers", Local;
    /// ENOMEM: out of memory.
    NoMemory = "no_memory", Local;
    /// EPERM or EACCES: a local rule forbids it.
    NotPermitted = "not_permitted", Local;
    /// ENOSPC of epoll: out of watches.
    NoWatches = "no_watches", Local;
    /// There was no row of data left.
    NoRow = "no_row", Local;
    /// A value for a placeholder cannot be sent there.
    BadValue = "bad_value", Local;
    /// A response exceeds a limit of this side: the sample names the key of `limits` that takes
    /// more.
    OverLimit = "over_limit", Local;
    /// An error of this side's own HTTP/2.
    ClientError = "client_error", Local;
    /// ECONNREFUSED.
    Refused = "refused", Network;
    /// The connection did not open in time.
    ConnectTimeout = "connect_timeout", Network;
    /// ECONNRESET, or EPIPE after one.
    Reset = "reset", Network;
    /// EHOSTUNREACH, ENETUNREACH or ENETDOWN.
    Unreachable = "unreachable", Network;
    /// ETIMEDOUT of an open connection: the peer stopped acknowledging.
    PeerTimeout = "peer_timeout", Network;
    /// Any other errno.
    OtherErrno = "other", Network;
    /// The server closed (FIN) a held connection, or any connection in the middle of a response.
    ClosedByServer = "closed_by_server", Protocol;
    /// The server closed or reset a kept connection that was idle before, without a byte of an
    /// answer, and the request was not sent again: it may have been processed.
    ClosedIdle = "closed_idle", Protocol;
    /// Not HTTP, or more of it than allowed.
    BadHttp = "bad_http", Protocol;
    /// The handshake of a WebSocket was answered with another status than 101; the code is the
    /// status.
    HandshakeStatus = "handshake_status", Application;
    /// The response to a WebSocket's handshake is invalid: the sample says what is wrong.
    BadHandshake = "bad_handshake", Protocol;
    /// The server ended a WebSocket by a Close frame; the code is its (RFC 6455, 7.4).
    CloseFrame = "close_frame", Protocol;
    /// A frame of a WebSocket's server is masked.
    MaskedFrame = "masked_frame", Protocol;
    /// A WebSocket frame has bits set that no extension uses.
    ReservedBits = "reserved_bits", Protocol;
    /// A WebSocket frame has an opcode that does not exist.
    BadOpcode = "bad_opcode", Protocol;
    /// A control frame of a WebSocket is too long, or fragmented.
    BadControlFrame = "bad_control_frame", Protocol;
    /// The length of a WebSocket frame is not in its shortest form, or has its first bit set.
    BadFrameLength = "bad_frame_length", Protocol;
    /// A WebSocket frame continues no message.
    UnexpectedContinuation = "unexpected_continuation", Protocol;
    /// A WebSocket message began within another one.
    UnfinishedMessage = "unfinished_message", Protocol;
    /// A text of a WebSocket is not UTF-8.
    InvalidUtf8 = "invalid_utf8", Protocol;
    /// A Close frame of a WebSocket has a code that may not be sent, or half of one.
    BadCloseFrame = "bad_close_frame", Protocol;
    /// The server ended one stream of a connection (`RST_STREAM`); the code is HTTP/2's (RFC 9113,
    /// 7).
    StreamReset = "stream_reset", Protocol;
    /// The forward proxy refused: its answer to CONNECT is no success, or it asks for credentials
    /// (407); the code is the status.
    ProxyRefused = "proxy_refused", Protocol;
    /// The TLS handshake or a record failed.
    Tls = "tls", Protocol;
    /// No first byte of an answer in time.
    FirstByteTimeout = "first_byte_timeout", Network;
    /// The answer was not complete in time.
    RequestTimeout = "request_timeout", Network;
    /// The status is not the expected one; the code is the status.
    Status = "status", Application;
    /// The body is not the expected one.
    WrongBody = "wrong_body", Application;
    /// A check of headers, body, size or time does not hold.
    Check = "check", Application;
    /// A value that later steps need is not in the answer.
    NotExtracted = "not_extracted", Application;
    /// A redirect that is not followed: to another host, or one too many.
    Redirect = "redirect", Application;
    /// A message is not the expected one.
    WrongData = "wrong_data", Application;
    /// A heartbeat did not come in time.
    HeartbeatMissed = "heartbeat_missed", Application;
    /// The first message did not come in time.
    GreetingMissed = "greeting_missed", Application;
    /// The messages that open a conversation took too long.
    OpeningTimeout = "opening_timeout", Application;
    /// The target stopped reading: a message found no room in the socket's buffers.
    SendBlocked = "send_blocked", Application;
}

impl Failure {
    /// Whether it counts as `timed_out`.
    pub fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout
                | Self::OpeningTimeout
                | Self::FirstByteTimeout
                | Self::RequestTimeout
                | Self::PeerTimeout
        )
    }

    /// The failure behind an errno.
    pub fn from_errno(errno: i32) -> Self {
        use nix::errno::Errno;
        match Errno::from_raw(errno) {
            Errno::EMFILE | Errno::ENFILE => Self::TooManyFiles,
            Errno::EADDRNOTAVAIL | Errno::EADDRINUSE => Self::NoSourcePort,
            Errno::ENOBUFS => Self::NoBuffers,
            Errno::ENOMEM => Self::NoMemory,
            Errno::EPERM | Errno::EACCES => Self::NotPermitted,
            Errno::ENOSPC => Self::NoWatches,
            Errno::ECONNREFUSED => Self::Refused,
            Errno::ECONNRESET | Errno::EPIPE | Errno::ECONNABORTED => Self::Reset,
            Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN => {
                Self::Unreachable
            }
            Errno::ETIMEDOUT => Self::PeerTimeout,
            _ => Self::OtherErrno,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A failure with its place and number: what failures are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// What.
    pub failure: Failure,
    /// How far the attempt had come; `phase` in saved runs and reports.
    #[serde(rename = "phase")]
    pub at: FailureStage,
    /// The errno, or the HTTP status; zero when there is none.
    pub code: i32,
}

impl Cause {
    /// A cause without a number.
    pub fn new(failure: Failure, phase: FailureStage) -> Self {
        Self { failure, at: phase, code: 0 }
    }

    /// The cause behind an errno; ETIMEDOUT while connecting is a connect time-out.
    pub fn from_errno(errno: i32, phase: FailureStage) -> Self {
        let failure = match Failure::from_errno(errno) {
            Failure::PeerTimeout if phase == FailureStage::Connect => Failure::ConnectTimeout,
            failure => failure,
        };
        Self { failure, at: phase, code: errno }
    }

    /// The cause behind an I/O error.
    pub fn from_io(error: &std::io::Error, phase: FailureStage) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::from_errno(errno, phase),
            None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::new(Failure::ClosedByServer, phase)
            }
            None => Self::new(Failure::OtherErrno, phase),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.failure, self.at)?;
        match (self.code, self.failure) {
            (0, _) => Ok(()),
            (status, Failure::Status | Failure::HandshakeStatus | Failure::ProxyRefused) => {
                write!(f, " ({status})")
            }
            (code, Failure::CloseFrame) => write!(f, " ({code} from the server)"),
            (code, Failure::StreamReset) => {
                write!(f, " ({:?})", h2::Reason::from(code.unsigned_abs()))
            }
            (errno, _) => write!(f, " ({:?})", nix::errno::Errno::from_raw(errno)),
        }
    }
}

/// How often a cause was seen, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FailureTally {
    /// How often.
    pub count: u64,
    /// First seen, on the run's clock.
    pub first_ns: u64,
    /// Last seen, on the run's clock.
    pub last_ns: u64,
    /// One example in words: which connection, what arrived. A worker sends it once: later tallies
    /// of the same cause have none.
    pub sample: String,
    /// Some of the exchanges that failed, each handed over once by the worker that made it.
    #[serde(default)]
    pub exchanges: Vec<FailedExchange>,
}

impl FailureTally {
    /// Adds another tally of the same cause; the earlier of two samples stays.
    pub fn merge(&mut self, other: &Self) {
        let is_earlier = self.count == 0 || (other.count > 0 && other.first_ns < self.first_ns);
        if is_earlier {
            self.first_ns = other.first_ns;
        }
        if self.sample.is_empty() || (is_earlier && !other.sample.is_empty()) {
            self.sample.clone_from(&other.sample);
        }
        self.last_ns = self.last_ns.max(other.last_ns);
        self.count += other.count;
        let room = MOST_EXCHANGES.saturating_sub(self.exchanges.len());
        self.exchanges.extend(other.exchanges.iter().take(room).cloned());
    }
}
