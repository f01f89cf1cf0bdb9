//! WebSocket settings of held connections.

use crate::plan::{HeaderName, HeaderValue, RequestPath};
use serde::{Deserialize, Serialize};

/// WebSocket settings of held connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Spoken {
    /// Bytes without frames.
    Raw,
    /// WebSocket.
    WebSocket,
}

/// The settings of a held WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocket {
    /// The path and query of the handshake; `None`: that of the target's address.
    pub path: Option<RequestPath>,
    /// More headers of the handshake, names in lower case.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The subprotocols to offer; the server must choose one of them. Empty: none.
    pub subprotocols: Vec<String>,
    /// Whether messages of this side are binary; otherwise they are text.
    pub is_binary: bool,
    /// Whether heartbeats are pings and pongs; otherwise they are messages.
    pub beats_by_ping: bool,
    /// The longest message that is taken: bytes, 1 to 2^31 - 1.
    pub max_message: u32,
}
