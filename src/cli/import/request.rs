//! A request as a foreign file has it, and the server that it goes to.

use super::marks;
use crate::units::uri;
use url::{Position, Url};

/// A server: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServerOrigin {
    /// `https://shop.example:8443`, without a slash at its end.
    pub text: String,
    /// `shop.example`.
    pub host: String,
    /// `shop.example:8443`; without the port where it is the scheme's own.
    pub authority: String,
}

impl ServerOrigin {
    /// Whether it is named, with its port or without.
    pub(super) fn is_one_of(&self, hosts: &[String]) -> bool {
        let is = |host: &String| {
            host.eq_ignore_ascii_case(&self.host) || host.eq_ignore_ascii_case(&self.authority)
        };
        hosts.iter().any(is)
    }
}

/// What is sent after the head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum ImportedBody {
    /// Nothing.
    #[default]
    None,
    /// Text, in which placeholders may be marked.
    Text(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
}

impl ImportedBody {
    /// Text where it is UTF-8.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Self::None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }
}

/// Whether a plan takes this method: the usual ones in capitals, and others but CONNECT.
pub(super) fn is_method(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let usual = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    let fits = text != "CONNECT" && (!usual.contains(&upper.as_str()) || upper == text);
    fits && ::http::Method::from_bytes(text.as_bytes()).is_ok()
}

/// What a request asks of its whole scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the plan")]
pub(super) struct ConnectionWishes {
    /// How many redirects are followed.
    pub redirects: u32,
    /// Responses may be compressed.
    pub compression: bool,
    /// Cookies are kept.
    pub cookies: bool,
    /// Any certificate is accepted.
    pub insecure: bool,
    /// HTTP/2.
    pub http2: bool,
    /// How long a response may take: milliseconds.
    pub timeout_ms: Option<u64>,
}

/// A request as a foreign file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImportedRequest {
    /// Its name, where the file has one.
    pub name: Option<String>,
    /// `GET`.
    pub method: String,
    /// Where it goes.
    pub origin: ServerOrigin,
    /// Path and query, percent-encoded; placeholders may be marked.
    pub path: String,
    /// Parameters that are added to the query, not encoded.
    pub query: Vec<(String, String)>,
    /// Names as they were written, and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: ImportedBody,
    /// Name and password of basic authentication.
    pub basic: Option<String>,
    /// The status that was recorded.
    pub status: Option<u16>,
    /// The pause after it: milliseconds.
    pub pause_ms: Option<u64>,
    /// How often it stands in the file.
    pub weight: u32,
    /// What it asks of its scenario.
    pub wishes: ConnectionWishes,
}

/// A URL in its parts.
pub(super) struct ImportedUrl {
    pub origin: ServerOrigin,
    pub path: String,
    /// `name:password`.
    pub user: Option<String>,
}

impl ImportedUrl {
    /// Takes a URL of http or https apart.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let shown = || {
            let mut shown: String = marks::shown(text).chars().take(100).collect();
            // A password is no matter of an error text.
            if let Some(at) = shown.find('@') {
                shown.replace_range(..at, "…");
            }
            shown
        };
        let url = Url::parse(text).map_err(|why| {
            let scheme = if text.contains("://") { "" } else { " with its scheme" };
            format!("expected a URL{scheme}, found `{}`: {why}", shown())
        })?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(format!("expected a URL of http or https, found `{}`", shown()));
        }
        let host = url.host_str().unwrap_or_default();
        let origin = ServerOrigin {
            text: format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::AfterPort]),
            host: host.to_owned(),
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
        };
        let target: String =
            uri::sendable(&url[Position::BeforePath..Position::AfterQuery]).collect();
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let user = (!url.username().is_empty() || url.password().is_some()).then(|| {
            format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()))
        });
        Ok(Self { origin, path: marks::from_url(&target), user })
    }
}

impl ImportedRequest {
    /// A GET of a URL.
    pub(super) fn get(url: ImportedUrl) -> Self {
        Self {
            name: None,
            method: "GET".to_owned(),
            origin: url.origin,
            path: url.path,
            query: Vec::new(),
            headers: Vec::new(),
            body: ImportedBody::None,
            basic: url.user,
            status: None,
            pause_ms: None,
            weight: 1,
            wishes: ConnectionWishes::default(),
        }
    }

    /// The value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// The variables of the environment that its parts name.
    pub(super) fn variables(&self) -> Vec<String> {
        let pairs = self.headers.iter().chain(&self.query).map(|(_, value)| value.as_str());
        let body = match &self.body {
            ImportedBody::Text(text) => Some(text.as_str()),
            ImportedBody::None | ImportedBody::Bytes(_) => None,
        };
        let texts = pairs.chain(body).chain(self.basic.as_deref()).chain([self.path.as_str()]);
        texts.flat_map(marks::variables).collect()
    }

    /// What it is called in messages: its method and path, without the query.
    pub(super) fn title(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let title = format!("{} {}", self.method, marks::shown(path));
        let visible = crate::units::visible(&title).replace('`', "'");
        if visible.chars().count() <= TITLE {
            return visible.trim().to_owned();
        }
        let cut: String = visible.chars().take(TITLE - 1).collect();
        format!("{}…", cut.trim())
    }
}

/// The longest title of a request: characters.
const TITLE: usize = 60;
