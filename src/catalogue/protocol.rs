//! The protocols, and sets of them.

use std::fmt;

/// Defines the protocols: their names and whether each holds connections.
macro_rules! protocols {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $holds:literal;)*) => {
        /// What the users of a scenario do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProtocolKind { $($(#[$doc])* $variant,)* }

        impl ProtocolKind {
            /// Every protocol, in the order of documents.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in plans and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether an attempt is a connection that is held; otherwise it is a request.
            pub const fn holds(self) -> bool {
                match self { $(Self::$variant => $holds,)* }
            }
        }
    };
}

protocols! {
    /// Opens a TCP connection and holds it.
    TcpHold = "tcp-hold", true;
    /// Opens a WebSocket and holds it.
    WsHold = "ws-hold", true;
    /// Sends HTTP requests.
    Http = "http", false;
}

impl fmt::Display for ProtocolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols(u8);

impl Protocols {
    /// No protocol.
    pub const NONE: Self = Self(0);
    /// Every protocol.
    pub const ALL: Self = Self::those_that_hold(true).or(Self::those_that_hold(false));
    /// The protocols that hold connections.
    pub const HOLDS: Self = Self::those_that_hold(true);
    /// The protocols that send requests.
    pub const REQUESTS: Self = Self::those_that_hold(false);

    /// The protocols of WebSockets.
    pub const WEBSOCKETS: Self = Self(1 << ProtocolKind::WsHold as u8);

    const fn those_that_hold(holds: bool) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < ProtocolKind::ALL.len() {
            if ProtocolKind::ALL[at].holds() == holds {
                set |= 1 << ProtocolKind::ALL[at] as u8;
            }
            at += 1;
        }
        Self(set)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set has this protocol.
    pub const fn has(self, protocol: ProtocolKind) -> bool {
        self.0 & (1 << protocol as u8) != 0
    }

    /// Its protocols, in the order of documents.
    pub fn iter(self) -> impl Iterator<Item = ProtocolKind> {
        ProtocolKind::ALL.iter().copied().filter(move |one| self.has(*one))
    }
}

impl fmt::Display for Protocols {
    /// `tcp-hold, http`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(ProtocolKind::name).collect();
        f.pad(&names.join(", "))
    }
}
