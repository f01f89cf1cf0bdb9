//! Turns a port into a server of HTTP/1.1 and HTTP/2 that answers every request with the same body,
//! a few paths as they say, or with the faults it was asked for.
//!
//! One thread serves; another only waits for the end.
//!
//! **Invariant:** `reset_after`, `reset_after_bytes`, `close_after` and `silence` hit connections,
//! by their number; `status`, `wrong_data`, `delay`, `slow_body` and `truncate_body` hit requests,
//! by theirs, in the order in which their heads were read.

mod answer;
mod routes;
mod tally;
mod wire;

use super::fault::{any, hits, spoil};
use super::identity::identity;
use super::listen::{self, BoundListener, Listen};
use super::{Counts, ServeError, Stop};
use crate::plan::{Faults, HttpServer};
use crate::workload::tls::Identity;
use answer::FaultyBody;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::HandshakeKind;
use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tally::HttpTally;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use wire::{FlushSignal, ServedStream, SpokenVersion};

/// Requests that are answered at once on a connection of HTTP/2.
const MOST_STREAMS: u32 = 250;

/// How long accepting rests when the process or the machine is out of something.
const REST: Duration = Duration::from_millis(100);

/// An HTTP server that has its port.
#[derive(Debug)]
pub struct BoundHttpServer {
    bound: BoundListener,
    options: HttpServer,
    identity: Option<Identity>,
}

/// The state that all connections share.
struct SharedState {
    faults: Faults,
    any_fault: bool,
    right: Bytes,
    wrong: Bytes,
    tally: Arc<HttpTally>,
    /// The TLS configuration; `None`: connections are plain.
    secures: Option<TlsAcceptor>,
}

impl BoundHttpServer {
    pub(super) fn bind(options: HttpServer, listen: Listen) -> Result<Self, ServeError> {
        let bound = listen::bind(listen, &options.faults)?;
        let identity = identity(options.tls.as_ref(), bound.address)?;
        let identity = identity.map(Identity::of_http).transpose()?;
        Ok(Self { bound, options, identity })
    }

    pub(super) fn certificate(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.certificate.as_str())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.bound.address
    }

    pub(super) fn run(self, stop: Stop) -> Result<Counts, ServeError> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime =
            runtime.enable_all().build().map_err(ServeError::system("start a runtime"))?;
        runtime.block_on(self.serve(stop))
    }

    async fn serve(self, mut stop: Stop) -> Result<Counts, ServeError> {
        let (stopping, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let result = loop {
                match stop.wait(&[]) {
                    Ok(false) => {}
                    Ok(true) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            // The receiver is gone when the server failed before.
            let _ = stopping.send(result);
        });
        let body = Bytes::from(self.options.body);
        let tally = Arc::new(HttpTally::default());
        let state = Arc::new(SharedState {
            any_fault: any(&self.options.faults),
            faults: self.options.faults,
            wrong: spoil(&body).into(),
            right: body,
            tally: Arc::clone(&tally),
            secures: self.identity.map(|identity| TlsAcceptor::from(identity.config)),
        });
        let is_secured = state.secures.is_some();
        // Without an accepting loop the socket must still live: a closed port is another fault.
        let mut socket = Some(self.bound.socket);
        let accepting = if self.bound.accepts
            && let Some(socket) = socket.take()
        {
            let listener = TcpListener::from_std(socket.into())
                .map_err(ServeError::system("watch the listening socket"))?;
            Some(tokio::spawn(accept(listener, state)))
        } else {
            None
        };
        stopped.await.unwrap_or(Ok(()))?;
        settle(&tally).await;
        let counts = tally.counts(is_secured);
        if let Some(accepting) = accepting {
            accepting.abort();
        }
        Ok(counts)
    }
}

/// Clients have closed their connections by now; waits a moment until this is counted.
async fn settle(tally: &HttpTally) {
    let seen = || [&tally.accepted, &tally.open, &tally.bytes_received].map(|n| n.load(Relaxed));
    let mut last = seen();
    let mut quiet = 0;
    for _ in 0..50 {
        sleep(Duration::from_millis(5)).await;
        let now = seen();
        quiet = if now == last { quiet + 1 } else { 0 };
        if quiet == 4 {
            return;
        }
        last = now;
    }
}

async fn accept(listener: TcpListener, state: Arc<SharedState>) {
    let mut number = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                state.tally.accepted();
                tokio::spawn(Arc::clone(&state).converse(stream, number));
                number += 1;
            }
            Err(error) => {
                state.tally.accept_failed.fetch_add(1, Relaxed);
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    sleep(REST).await;
                }
            }
        }
    }
}

impl SharedState {
    /// Whether faults hit a connection or a request.
    fn hits(&self, number: u64) -> bool {
        self.any_fault && hits(self.faults.seed, number, self.faults.share)
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, number: u64) {
        let faults = &self.faults;
        let of_connections = faults.silence
            || faults.reset_after.is_some()
            || faults.close_after.is_some()
            || faults.reset_after_bytes.is_some();
        let hit = of_connections && self.hits(number);
        self.tally.affected.fetch_add(u64::from(hit), Relaxed);
        let line = Arc::new(FlushSignal::default());
        let left = faults.reset_after_bytes.filter(|_| hit);
        let mut wire = ServedStream::new(stream, Arc::clone(&line), Arc::clone(&self.tally), left);
        let silent = hit && faults.silence;
        let service = service_fn(|request| {
            let (state, line) = (Arc::clone(&self), Arc::clone(&line));
            // Here, not in the future: that is not polled when the client's end follows its
            // request.
            let number = state.tally.requests.fetch_add(1, Relaxed);
            async move {
                if silent {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(state.answer(request, number, line).await)
            }
        });
        let talk = async {
            match &self.secures {
                None => {
                    let version = wire.version().await;
                    if silent && version == SpokenVersion::Http2 {
                        // Settings are a word, too.
                        let _ = tokio::io::copy(&mut wire, &mut tokio::io::sink()).await;
                        return Ok(());
                    }
                    talk(wire, service, version).await
                }
                // One that is silent never answers a handshake.
                Some(_) if silent => std::future::pending().await,
                Some(secures) => {
                    let Ok(secured) = secures.accept(wire).await else {
                        self.tally.tls_failed.fetch_add(1, Relaxed);
                        return Ok(());
                    };
                    self.tally.secured.fetch_add(1, Relaxed);
                    if secured.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                        self.tally.resumed.fetch_add(1, Relaxed);
                    }
                    let agreed = secured.get_ref().1.alpn_protocol();
                    let version = SpokenVersion::agreed(agreed);
                    talk(secured, service, version).await
                }
            }
        };
        // Must outlive the choice below: it is dropped once the line knows how it is to end.
        tokio::pin!(talk);
        let reset = faults.reset_after.map(|time| (time.0, true));
        let close = faults.close_after.map(|time| (time.0, false));
        let end = reset.into_iter().chain(close).min_by_key(|(after, _)| *after);
        let result = match end.filter(|_| hit) {
            None => talk.await,
            Some((after, by_reset)) => tokio::select! {
                result = &mut talk => result,
                () = sleep(after) => {
                    if by_reset {
                        line.reset();
                    }
                    return;
                }
            },
        };
        if result.is_err_and(|error| is_bad(&error)) {
            self.tally.bad_requests.fetch_add(1, Relaxed);
        }
    }

    async fn answer(
        &self,
        request: http::Request<Incoming>,
        number: u64,
        line: Arc<FlushSignal>,
    ) -> Response<FaultyBody> {
        let faults = &self.faults;
        let of_requests = faults.status.is_some()
            || faults.wrong_data
            || faults.delay.is_some()
            || faults.slow_body.is_some()
            || faults.truncate_body;
        let hit = of_requests && self.hits(number);
        let (head, asked) = request.into_parts();
        let path = head.uri.path();
        let (mut answer, mut status, mut headers) = if routes::is_route(path) {
            // A body that is too large to echo counts as empty.
            let asked = Limited::new(asked, routes::MOST).collect().await;
            let asked = asked.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
            let routed = routes::route(path, &head.headers, asked);
            (FaultyBody::whole(routed.body), routed.status, routed.headers)
        } else {
            drain(asked).await;
            (FaultyBody::whole(self.right.clone()), StatusCode::OK, Vec::new())
        };
        if hit {
            self.tally.affected.fetch_add(1, Relaxed);
            if let Some(delay) = faults.delay {
                sleep(delay.0).await;
            }
            if let Some(code) = faults.status {
                status = StatusCode::from_u16(code).unwrap_or(status);
            }
            if faults.wrong_data {
                answer = FaultyBody::whole(self.wrong.clone());
                headers.clear();
            }
            if faults.truncate_body {
                answer = answer.truncated(line);
            }
            if let Some(time) = faults.slow_body {
                answer = answer.slow(time.0);
            }
        }
        self.tally.answered(status.as_u16());
        let mut response = Response::new(answer);
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        response
    }
}

/// Answers the requests of one connection.
async fn talk<I, S>(io: I, service: S, version: SpokenVersion) -> Result<(), hyper::Error>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, ResBody = FaultyBody, Error = Infallible>,
    S::Future: Send + 'static,
{
    let io = TokioIo::new(io);
    match version {
        SpokenVersion::Http1 => http1::Builder::new().serve_connection(io, service).await,
        SpokenVersion::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(MOST_STREAMS).serve_connection(io, service).await
        }
    }
}

/// Whether the client did not keep to its protocol.
fn is_bad(error: &hyper::Error) -> bool {
    let of_http2 = error.source().and_then(|inner| inner.downcast_ref::<h2::Error>());
    error.is_parse() || of_http2.is_some_and(h2::Error::is_library)
}

/// Reads a request's body to its end: an unread one would turn the close into a reset.
async fn drain(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    while let Some(Ok(_)) = body.frame().await {}
}
