//! Reads the metrics of an exporter by HTTP.

use crate::plan::{Monitor, Site};
use crate::workload::tls::{Client, Peers, Trust, server_name};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The largest response: an exporter of ten thousand series has about one.
const LARGEST: usize = 16 << 20;

/// The requested format: text, as Prometheus requests it.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// Reads a monitor, each time on a new connection.
#[derive(Clone)]
pub(super) struct Scraper {
    /// Of `https`, with the name that the certificate must be for.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Scraper {
    /// For a monitor. The error is in words.
    pub(super) fn new(monitor: &Monitor) -> Result<Self, String> {
        if !monitor.url.is_secure {
            return Ok(Self { tls: None });
        }
        let (host, _) = monitor.url.site.authority();
        let peers = Peers {
            trust: Trust::System,
            names: vec![host.to_owned()],
            credentials: None,
            resumes: true,
            speaks: String::new(),
        };
        let client = Client::new(&peers).map_err(|error| error.to_string())?;
        let name = server_name(host).map_err(|error| error.to_string())?;
        Ok(Self { tls: Some((TlsConnector::from(client.config()), name)) })
    }

    /// The text that the exporter has now. The error is in words.
    pub(super) async fn read(&self, monitor: &Monitor, within: Duration) -> Result<String, String> {
        match tokio::time::timeout(within, self.exchange(monitor)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no response within {}", crate::units::Time(within))),
        }
    }

    async fn exchange(&self, monitor: &Monitor) -> Result<String, String> {
        let Site::Host(host) = &monitor.url.site else {
            return Err("it is a Unix socket".to_owned());
        };
        let stream = TcpStream::connect((host.host.as_str(), host.port))
            .await
            .map_err(|error| format!("cannot connect: {error}"))?;
        match &self.tls {
            None => get(stream, monitor).await,
            Some((tls, name)) => {
                let secured = tls.connect(name.clone(), stream).await;
                get(secured.map_err(|error| format!("TLS failed: {error}"))?, monitor).await
            }
        }
    }
}

/// Asks for a URL on an open connection.
async fn get<S>(
    stream: S,
    Monitor { url, written, headers, .. }: &Monitor,
) -> Result<String, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let words = |error: hyper::Error| format!("the response is not HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let driver = tokio::spawn(connection);
    let mut request = Request::get(&*url.path)
        .header(header::HOST, &*url.host_header)
        .header(header::ACCEPT, ACCEPT)
        .header(header::USER_AGENT, concat!("planrun/", env!("CARGO_PKG_VERSION")));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("cannot ask for `{written}`: {error}"))?;
    let response = sender.send_request(request).await.map_err(words)?;
    if response.status() != StatusCode::OK {
        return Err(format!("the response has the status {}", response.status()));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    driver.abort();
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => format!("the response broke off: {error}"),
        Err(_) => format!("the response is larger than {} MiB", LARGEST >> 20),
    })?;
    String::from_utf8(body.to_bytes().into()).map_err(|_| "the response is not UTF-8".to_owned())
}
