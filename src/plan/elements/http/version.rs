//! The version of HTTP.

use crate::plan::elements::http::keys::RawHttp;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, Fillable, Named};
use serde::{Deserialize, Serialize};

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.1: one request at a time.
    #[default]
    Http1,
    /// HTTP/2: by ALPN inside TLS, by prior knowledge without it.
    Http2 {
        /// How many users, or arrivals, share a connection: at least 1.
        streams: u32,
    },
}

impl HttpVersion {
    /// How many users, or arrivals, share a connection.
    pub fn streams(self) -> u32 {
        match self {
            Self::Http1 => 1,
            Self::Http2 { streams } => streams,
        }
    }
}

/// The most streams: real clients use fewer, and no server allows more.
const MOST_STREAMS: u64 = 10_000;

/// The version of HTTP, and how many share a connection.
pub(in crate::plan) fn version(raw: &RawHttp, errors: &mut Errors) -> HttpVersion {
    let streams = raw.connection.value().and_then(|raw| raw.streams.given());
    let two = match raw.version.given() {
        None => false,
        Some(given) => match given.value.value.as_str() {
            "1.1" => false,
            "2" | "2.0" => true,
            _ => {
                let shown = &given.value.shown;
                let words = format!("`{shown}` is not a supported HTTP version");
                errors.add(given.at, words).help("write `\"1.1\"` or `\"2\"`");
                // Then errors about keys of only one version are not reported.
                true
            }
        },
    };
    if two {
        of_connections(raw, errors);
    }
    let Some(streams) = streams else {
        return if two { HttpVersion::Http2 { streams: 1 } } else { HttpVersion::Http1 };
    };
    if !two {
        errors
            .add(
                streams.at,
                "HTTP/1.1 has no `streams`: a connection carries one request at a time",
            )
            .help("write `version = \"2\"`, or leave `streams` out");
        return HttpVersion::Http1;
    }
    let most = streams.value.0.clamp(1, MOST_STREAMS);
    if most != streams.value.0 {
        errors
            .add(streams.at, format!("a connection is shared by 1 to {MOST_STREAMS} users"))
            .help("write at most what servers allow: usually 100 to 250 streams");
    }
    HttpVersion::Http2 { streams: u32::try_from(most).unwrap_or(u32::MAX) }
}

/// HTTP/2 forbids the connection-specific headers of HTTP/1.1 (RFC 9113, 8.2.2).
const OF_CONNECTIONS: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "upgrade"];

fn of_connections(raw: &RawHttp, errors: &mut Errors) {
    let requests = [&raw.requests, &raw.steps].into_iter().filter_map(Field::value).flatten();
    for (key, header) in requests.filter_map(|one| one.headers.value()).flat_map(Named::read) {
        let name = key.name.to_lowercase();
        let Fillable(value) = &header.value;
        if name == "te" && !value.value.trim().eq_ignore_ascii_case("trailers") {
            errors
                .add(header.at, "HTTP/2 allows only `te: trailers`")
                .help("write `te = \"trailers\"`, or leave it out");
        }
        if name == "host" && value.value.is_empty() {
            errors
                .add(header.at, "HTTP/2 needs a host")
                .help("leave `host` out, or write a name: `host = \"shop.example\"`");
        }
        if OF_CONNECTIONS.contains(&name.as_str()) {
            errors
                .add(key.at, format!("HTTP/2 has no header `{name}`"))
                .help("leave it out, or write `version = \"1.1\"`");
        }
    }
}
