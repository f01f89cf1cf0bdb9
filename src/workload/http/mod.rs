//! Turns one due request into a response or an error, over one keep-alive connection of HTTP/1.1,
//! or over a stream of HTTP/2.
//!
//! ```text
//!  RequestSet ── what is sent, built once as bytes, shared by all connections
//!    └▶ Http1Connection ── one connection; the engine says when its socket is ready, and the time
//!         ├ begin, open ──▶ Ok, or a RequestError while connecting
//!         ├ send, advance ▶ RequestOutcome: when its first and last bytes came, what is wrong
//!         │    └ Parser ── bytes, however they are split ─▶ status, body, end
//!         └ disturb ──────▶ when the server closes it between two requests
//! ```
//!
//! **Invariant:** no redirect is followed and nothing is retried here: a `UserSession` decides
//! where one leads, and the engine sends again.
//! **Invariant:** no more of an answer is kept than its head, while that has not come whole, and
//! what is looked into; both within the limits of the plan.
//! **Invariant:** a connection on which an exchange did not end in order is never used again.
//! **Invariant:** nothing waits here, and no clock is read.

mod assertions;
mod base_url;
mod body;
mod capture;
mod check_input;
mod connect;
mod content;
mod cookie_jar;
mod credentials;
mod csv_quotes;
mod encoding;
mod error;
mod exchange;
mod expected_statuses;
mod expected_values;
mod failed_exchange;
mod failing_captures;
mod framing;
mod generated_values;
mod gunzip;
mod http1;
mod http2;
mod inspector;
mod json;
mod json_lines;
mod judge;
mod parse;
mod parse_error;
mod preview;
mod request_headers;
mod request_set;
mod request_template;
mod rows;
mod sent;
mod session;
mod test_data;
mod transport;
mod tunnel;

pub(crate) use capture::CapturedResponse;
pub(crate) use error::{PeerSettings, RequestError};
pub(crate) use exchange::{Deadlines, RequestOutcome, RetrySafety, Transferred};
pub(crate) use failed_exchange::FailedResponse;
pub(crate) use generated_values::PassIdentity;
pub(crate) use http1::{ExchangeStep, Http1Connection};
pub(crate) use http2::{ALPN, Http2Connection, Http2Stream};
pub(crate) use inspector::Extracted;
#[cfg(any(test, fuzzing))]
pub(crate) use parse::Parser;
#[cfg(any(test, fuzzing))]
pub(crate) use parse_error::ParseError;
pub(crate) use request_set::{RequestSet, RequestSetError, variables};
pub(crate) use rows::{Format, LARGEST_DATA, Rows};
pub(crate) use sent::SentRequest;
pub(crate) use session::{SessionUpdate, UserSession};
pub(crate) use test_data::{DataFile, InvalidPaths, ScenarioFiles, TestData};
pub(crate) use transport::{Buffers, Handshake};
pub(crate) use tunnel::{TunnelState, request as tunnel_request};

#[cfg(test)]
mod tests;
