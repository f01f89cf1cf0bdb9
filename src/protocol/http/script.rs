//! Turns the requests of a plan into messages that are built once and cloned cheaply.

use crate::plan::{Http, HttpUrl, Request};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use std::time::Duration;

/// A head of an answer may be this large.
const HEAD_BYTES: usize = 16 * 1024;

/// What the lanes to one URL send, and how long they wait. One for all lanes.
#[derive(Debug)]
pub struct Script {
    /// In the plan's order.
    pub(super) requests: Vec<Prepared>,
    pub(super) connect_timeout: Duration,
    pub(super) first_byte_timeout: Duration,
    pub(super) builder: http1::Builder,
}

/// One request, ready to be cloned.
#[derive(Debug)]
pub(super) struct Prepared {
    name: String,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// `None` takes 200 to 399.
    status: Option<u16>,
    /// `None` takes any.
    pub(super) expected: Option<Bytes>,
}

/// Why a request cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// Not a method.
    #[error("cannot build request `{request}`: `{method}` is not an HTTP method")]
    Method {
        /// Its name.
        request: String,
        /// What the plan has.
        method: String,
    },
    /// Not a path.
    #[error("cannot build request `{request}`: `{path}` is not a path")]
    Path {
        /// Its name.
        request: String,
        /// What the plan has.
        path: String,
    },
    /// Not a header.
    #[error("cannot build request `{request}`: `{header}` is not a header that can be sent")]
    Header {
        /// Its name.
        request: String,
        /// The header's name; values may be secret.
        header: String,
    },
}

impl Script {
    /// The requests of a scenario to one URL of its target.
    pub fn new(http: &Http, url: &HttpUrl) -> Result<Self, ScriptError> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES).max_header_size(HEAD_BYTES);
        let requests = http.requests.iter().map(|request| Prepared::new(request, url));
        Ok(Self {
            requests: requests.collect::<Result<_, _>>()?,
            connect_timeout: http.connect_timeout.0,
            first_byte_timeout: http.first_byte_timeout.0,
            builder,
        })
    }

    /// Whether a request may be sent twice without harm (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self, request: usize) -> bool {
        self.requests[request].method.is_idempotent()
    }

    /// Bytes of a request's body.
    pub fn body_bytes(&self, request: usize) -> u64 {
        self.requests[request].body.len() as u64
    }
}

impl Prepared {
    fn new(request: &Request, url: &HttpUrl) -> Result<Self, ScriptError> {
        let name = request.name.clone();
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| {
            ScriptError::Method { request: name.clone(), method: request.method.clone() }
        })?;
        let path = request.path.as_ref().unwrap_or(&url.path);
        let uri = path
            .parse()
            .map_err(|_| ScriptError::Path { request: name.clone(), path: path.clone() })?;
        let body = Bytes::from(request.body.clone());
        Ok(Self {
            headers: headers(request, url, &method)?,
            name,
            method,
            uri,
            body,
            status: request.expect.status,
            expected: request.expect.body.clone().map(Bytes::from),
        })
    }

    /// One to send.
    pub(super) fn message(&self) -> http::Request<Full<Bytes>> {
        let mut message = http::Request::new(Full::new(self.body.clone()));
        *message.method_mut() = self.method.clone();
        *message.uri_mut() = self.uri.clone();
        *message.headers_mut() = self.headers.clone();
        message
    }

    /// Whether an answer's status is a success.
    pub(super) fn takes(&self, status: u16) -> bool {
        match self.status {
            Some(expected) => status == expected,
            None => (200..400).contains(&status),
        }
    }

    /// `home: GET /` for samples; one without a name of its own is `GET /`.
    pub(super) fn words(&self) -> String {
        let line = format!("{} {}", self.method, self.uri);
        if self.name == line { line } else { format!("{}: {line}", self.name) }
    }
}

fn headers(request: &Request, url: &HttpUrl, method: &Method) -> Result<HeaderMap, ScriptError> {
    let wrong =
        |header: &str| ScriptError::Header { request: request.name.clone(), header: header.into() };
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 3);
    let host = HeaderValue::from_str(&url.host_header).map_err(|_| wrong("host"))?;
    headers.insert(HOST, host);
    let agent = concat!("planrun/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    let mut own = HeaderMap::new();
    for (name, value) in &request.headers {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(name))?;
        own.append(key, HeaderValue::from_str(value).map_err(|_| wrong(name))?);
    }
    // What the plan says replaces what would be said without it.
    for name in own.keys() {
        headers.remove(name);
    }
    headers.extend(own);
    // A method that usually has a body says when there is none (RFC 9110, 8.6).
    let usual = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    let framed = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if usual && request.body.is_empty() && !framed {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(headers)
}
