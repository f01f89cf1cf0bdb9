//! Turns the ends of connections that carry requests into a closed set.

use serde::{Deserialize, Serialize};

macro_rules! ends {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal, $words:literal;)*) => {
        /// Why an open connection of an http scenario ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ConnectionEnd { $($(#[doc = $doc])* #[serde(rename = $text)] $variant,)* }

        impl ConnectionEnd {
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

            /// The words behind a number of connections.
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

ends! {
    /// The server closed it after a response, or announced that (`connection: close`).
    Server = "server", "closed after a response (connection: close, HTTP/1.0)";
    /// The server closed or reset it while it was idle, or just as a request was sent.
    Idle = "idle", "closed by the server while idle";
    /// The server announced by GOAWAY that it accepts no more requests.
    GoAway = "goaway", "ended by the server's GOAWAY";
    /// It was reset or closed within a response, or it carried something other than a response.
    Failed = "failed", "broken off by a failure";
    /// A request on it was out of time.
    Timeout = "timeout", "given up after a timeout";
    /// It had carried `connection.max_requests`.
    MaxRequests = "max_requests", "at connection.max_requests";
    /// It was as old as `connection.max_age`.
    MaxAge = "max_age", "at connection.max_age";
    /// It was no longer needed: its user left, a stage without it began, or the run ended.
    Planned = "planned", "as planned";
}
