//! Turns the requests of a plan into bytes that are built once and sent as they are.

use crate::plan::{Http, HttpUrl, Request};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::fmt::Write as _;

/// What the lanes to one URL send. One for all lanes.
#[derive(Debug)]
pub struct Script {
    /// In the plan's order.
    pub(super) requests: Vec<Prepared>,
}

/// One request, ready to be sent.
#[derive(Debug)]
pub(super) struct Prepared {
    name: String,
    method: Method,
    uri: Uri,
    /// Head and body, as they are sent.
    pub(super) bytes: Box<[u8]>,
    body_bytes: u64,
    pub(super) is_head: bool,
    /// Whether it asks the server to close the connection.
    pub(super) closes: bool,
    /// `None` takes 200 to 399.
    status: Option<u16>,
    /// `None` takes any.
    pub(super) expected: Option<Box<[u8]>>,
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
        let once = http.connection.max_requests == Some(1);
        let requests = http.requests.iter().map(|request| Prepared::new(request, url, once));
        Ok(Self { requests: requests.collect::<Result<_, _>>()? })
    }

    /// Whether a request may be sent twice without harm (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self, request: usize) -> bool {
        self.requests[request].method.is_idempotent()
    }

    /// Bytes of a request's body.
    pub fn body_bytes(&self, request: usize) -> u64 {
        self.requests[request].body_bytes
    }
}

impl Prepared {
    fn new(request: &Request, url: &HttpUrl, once: bool) -> Result<Self, ScriptError> {
        let name = request.name.clone();
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| {
            ScriptError::Method { request: name.clone(), method: request.method.clone() }
        })?;
        let path = request.path.as_ref().unwrap_or(&url.path);
        let uri: Uri = path
            .parse()
            .map_err(|_| ScriptError::Path { request: name.clone(), path: path.clone() })?;
        let mut headers = headers(request, url, &method)?;
        if once && !headers.contains_key(CONNECTION) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let said = headers
            .get_all(CONNECTION)
            .into_iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
        let closes = said.into_iter().any(|token| token.eq_ignore_ascii_case(b"close"));
        Ok(Self {
            bytes: bytes(&method, &uri, &headers, request.body.as_bytes()),
            body_bytes: request.body.len() as u64,
            is_head: method == Method::HEAD,
            closes,
            name,
            method,
            uri,
            status: request.expect.status,
            expected: request.expect.body.clone().map(|body| body.into_bytes().into()),
        })
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
    if usual || !request.body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    Ok(headers)
}

fn bytes(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Box<[u8]> {
    let mut head = String::new();
    // A String takes all that is written to it.
    let _ = write!(head, "{method} {uri} HTTP/1.1\r\n");
    let mut bytes = head.into_bytes();
    for (name, value) in headers {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        bytes.extend(line.concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes.into()
}
