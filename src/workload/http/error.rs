//! Turns an error of an exchange into a `Cause`, with the text of one sample.

use super::parse_error::ParseError;
use crate::record::{Cause, Failure, FailureStage};
use crate::units::Address;
use crate::workload::Route;
use crate::workload::tls;
use std::io;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestError {
    /// The cause that it is counted under.
    pub cause: Cause,
    /// One example in words.
    pub sample: String,
}

impl RequestError {
    pub(super) fn new(failure: Failure, phase: FailureStage, sample: impl Into<String>) -> Self {
        Self { cause: Cause::new(failure, phase), sample: sample.into() }
    }

    /// A response that exceeds a limit; the text names the key that raises it.
    pub(super) fn over_limit(words: &str, key: &str, limit: u64) -> Self {
        let more = limit.saturating_mul(2);
        let words = format!(
            "{words}: that is planrun's own limit, `limits = {{ {key} = {more} }}` takes more"
        );
        Self::new(Failure::OverLimit, FailureStage::Request, words)
    }

    /// Bytes that are not a response; `bytes`: how many of it came before.
    pub(super) fn parse(wrong: ParseError, bytes: u64) -> Self {
        match wrong {
            ParseError::TooLarge(limit) => {
                Self::over_limit(&wrong.to_string(), "head", limit.into())
            }
            ParseError::TooMany(limit) => {
                Self::over_limit(&wrong.to_string(), "headers", limit.into())
            }
            _ => Self::new(
                Failure::BadHttp,
                FailureStage::Request,
                format!("{wrong} after {bytes} bytes"),
            ),
        }
    }

    /// A connection that did not open.
    pub(crate) fn connect(route: Route<'_>, error: &io::Error) -> Self {
        let sample = format!("{}: {error}", way(route));
        Self { cause: Cause::from_io(error, FailureStage::Connect), sample }
    }

    /// A connection that was not open in time.
    pub(crate) fn connect_timeout(route: Route<'_>) -> Self {
        // Nothing else keeps a Unix socket waiting.
        let words = match route.to {
            Address::Tcp(_) => "not open in time",
            Address::Unix(_) => "its queue of connections stayed full",
        };
        let sample = format!("{}: {words}", way(route));
        Self::new(Failure::ConnectTimeout, FailureStage::Connect, sample)
    }

    /// A connection that was open, and was not secured in time.
    pub(crate) fn handshake_timeout(route: Route<'_>) -> Self {
        let sample = format!("{}: not secured in time", way(route));
        Self::new(Failure::ConnectTimeout, FailureStage::Tls, sample)
    }

    /// A request for which there was no room in time on a connection that is shared.
    pub(crate) fn unsent(route: Route<'_>, opening: PeerSettings) -> Self {
        let (failure, phase, words) = match opening {
            PeerSettings::Received => {
                let words = "no stream of the connection became free in time";
                (Failure::RequestTimeout, FailureStage::Request, words)
            }
            PeerSettings::NoStreams => {
                let words = "the server allows no stream: its settings of HTTP/2 say SETTINGS_MAX_CONCURRENT_STREAMS = 0";
                (Failure::FirstByteTimeout, FailureStage::Connect, words)
            }
            PeerSettings::Pending => {
                let words = "the settings of HTTP/2 did not come in time";
                (Failure::FirstByteTimeout, FailureStage::Connect, words)
            }
        };
        Self::new(failure, phase, format!("{}: {words}", way(route)))
    }

    /// A tunnel that a forward proxy did not open.
    pub(super) fn proxy(route: Route<'_>, cause: Cause, error: &io::Error) -> Self {
        Self { cause, sample: format!("{}, the proxy: {error}", way(route)) }
    }

    /// A tunnel that a forward proxy refused to open.
    pub(super) fn proxy_refused(route: Route<'_>, status: u16) -> Self {
        let words = match status {
            401 | 407 => "it wants credentials: `proxy = \"http://NAME:PASSWORD@HOST:PORT\"`",
            502..=504 => "it cannot reach the target",
            _ => "it refuses",
        };
        let cause =
            Cause { failure: Failure::ProxyRefused, at: FailureStage::Proxy, code: status.into() };
        let sample = format!("{}, the proxy answered CONNECT with {status}: {words}", way(route));
        Self { cause, sample }
    }

    /// A tunnel that a forward proxy did not open in time.
    pub(crate) fn proxy_timeout(route: Route<'_>) -> Self {
        let sample = format!("{}: the proxy did not answer CONNECT in time", way(route));
        Self::new(Failure::ConnectTimeout, FailureStage::Proxy, sample)
    }

    /// A connection that was open, and could not be secured.
    pub(crate) fn handshake(route: Route<'_>, error: &io::Error) -> Self {
        let sample = format!("{}: {error}", way(route));
        Self { cause: tls::cause(error, FailureStage::Tls), sample }
    }

    /// A socket that failed.
    pub(super) fn errno(errno: i32, bytes: u64) -> Self {
        let error = io::Error::from_raw_os_error(errno);
        let sample = format!("{error}, after {bytes} bytes");
        Self { cause: Cause::from_errno(errno, FailureStage::Request), sample }
    }
}

/// The limit on concurrent requests that the server of a shared connection has announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerSettings {
    /// Nothing yet.
    Pending,
    /// None.
    NoStreams,
    /// The number of them.
    Received,
}

fn way(route: Route<'_>) -> String {
    let from = route.from.map_or_else(String::new, |from| format!(" from {from}"));
    format!("connect to {}{from}", route.to)
}
