//! Turns a request as HTTP/1.1 writes it into one as HTTP/2 sends it.
//!
//! **Invariant:** connection-specific headers of HTTP/1.1 are not sent (RFC 9113, 8.2.2).

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version};

/// Headers that a request may have; a plan with more does not fit on a page.
const MOST_HEADERS: usize = 256;

/// A request, ready to be sent on a stream.
#[derive(Debug, Clone)]
pub(in super::super) struct Http2Request {
    pub(in super::super) head: Request<()>,
    pub(in super::super) body: Bytes,
}

impl Http2Request {
    /// The HTTP/2 form of `bytes`, a whole request; `None` if HTTP/2 has none.
    pub(in super::super) fn new(bytes: &[u8], is_secure: bool) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut read = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(end) = read.parse(bytes).ok()? else { return None };
        let mut map = HeaderMap::with_capacity(read.headers.len());
        let mut authority = None;
        for header in read.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            let value = HeaderValue::from_bytes(header.value).ok()?;
            if name == HOST {
                authority = Some(Authority::try_from(header.value).ok()?);
            } else if name != CONNECTION {
                map.append(name, value);
            }
        }
        let uri = Uri::builder()
            .scheme(if is_secure { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(authority?)
            .path_and_query(PathAndQuery::try_from(read.path?).ok()?);
        let mut head = Request::new(());
        *head.method_mut() = Method::from_bytes(read.method?.as_bytes()).ok()?;
        *head.uri_mut() = uri.build().ok()?;
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = map;
        Some(Self { head, body: Bytes::copy_from_slice(&bytes[end..]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_all_but_what_is_of_its_connection() {
        let text = "POST /a?b=c HTTP/1.1\r\nhost: shop.test:8080\r\nx-id: 7\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
        let http2_request = Http2Request::new(text.as_bytes(), true).unwrap();
        assert_eq!(http2_request.head.uri(), "https://shop.test:8080/a?b=c");
        assert_eq!(http2_request.head.method(), Method::POST);
        let names: Vec<&str> =
            http2_request.head.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-id", "content-length"]);
        assert_eq!(&*http2_request.body, b"hi");
        for path in ["*", "/caf%C3%A9?a={b}|[c]^\\'", "//a/../b"] {
            let text = format!("OPTIONS {path} HTTP/1.1\r\nhost: h\r\nte: trailers\r\n\r\n");
            let http2_request = Http2Request::new(text.as_bytes(), false).unwrap();
            assert_eq!(http2_request.head.uri().path_and_query().unwrap(), path);
            assert_eq!(http2_request.head.headers()["te"], "trailers");
        }
        assert_eq!(
            Http2Request::new(b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", false).map(|_| ()),
            None
        );
    }
}
