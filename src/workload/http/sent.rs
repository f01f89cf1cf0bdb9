//! Turns the bytes of a request into what can be shown of it: as HTTP/1.1 sends it, or as a stream
//! of HTTP/2.

use super::http2::Http2Request;
use http::HeaderMap;

/// Headers of a request that are shown.
const MOST_HEADERS: usize = 256;

/// A request that was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentRequest {
    /// Its first line; with HTTP/2 what would stand there.
    pub line: String,
    /// Names and values of its headers; with HTTP/2 its pseudo-headers, too.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its whole body.
    pub body: Vec<u8>,
}

impl SentRequest {
    /// The request of these bytes, as it goes over HTTP/1.1.
    pub(crate) fn http1(bytes: &[u8]) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut read = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(end)) = read.parse(bytes) else {
            return Self { body: bytes.to_vec(), ..Self::default() };
        };
        let (method, path) = (read.method.unwrap_or_default(), read.path.unwrap_or_default());
        let owned = |one: &httparse::Header<'_>| (one.name.to_owned(), one.value.to_vec());
        Self {
            line: format!("{method} {path} HTTP/1.1"),
            headers: read.headers.iter().map(owned).collect(),
            body: bytes[end..].to_vec(),
        }
    }

    /// The request of these bytes, as it goes over HTTP/2.
    pub(crate) fn http2(bytes: &[u8], is_secure: bool) -> Self {
        let Some(Http2Request { head, body }) = Http2Request::new(bytes, is_secure) else {
            return Self::http1(bytes);
        };
        let uri = head.uri();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let pseudo = [(":scheme", uri.scheme_str().unwrap_or_default()), (":authority", authority)];
        let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let fields = fields(head.headers());
        Self {
            line: format!("{} {path} HTTP/2", head.method()),
            headers: pseudo.into_iter().chain(fields).collect(),
            body: body.to_vec(),
        }
    }
}

fn fields(map: &HeaderMap) -> impl Iterator<Item = (String, Vec<u8>)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_as_its_version_sends_it() {
        let bytes =
            b"POST /a HTTP/1.1\r\nhost: h:1\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
        let one = SentRequest::http1(bytes);
        assert_eq!((one.line.as_str(), one.body.as_slice()), ("POST /a HTTP/1.1", &b"hi"[..]));
        let names = |one: &SentRequest| -> Vec<String> {
            one.headers.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&one), ["host", "connection", "content-length"]);
        let two = SentRequest::http2(bytes, true);
        assert_eq!((two.line.as_str(), two.body.as_slice()), ("POST /a HTTP/2", &b"hi"[..]));
        assert_eq!(names(&two), [":scheme", ":authority", "content-length"]);
        assert_eq!(two.headers[0].1, b"https");
        assert_eq!(SentRequest::http1(b"no request").body, b"no request");
    }
}
