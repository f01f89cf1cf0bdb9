//! A server that does exactly what a test says, and a connection to it.

use super::super::http1::ExchangeStep as Came;
use super::super::*;
use crate::plan::{Assertion, Check, HostPort, Http, HttpUrl, Request, Site};
use crate::units::{Address, Time};
use crate::workload::Route;
use std::cell::Cell;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

/// One thing that the server does on a connection.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Reads to the end of a request's head.
    Read,
    /// Writes these bytes at once.
    Write(Vec<u8>),
    /// Writes them one by one.
    Drip(Vec<u8>),
    /// Writes them again and again, until the other side is gone.
    Endless(Vec<u8>),
    /// Closes by FIN.
    Fin,
    /// Closes by RST.
    Rst,
    /// Does nothing more, and keeps the connection open until the other side is gone.
    Stall,
}

pub(super) fn write(text: impl AsRef<[u8]>) -> Step {
    Step::Write(text.as_ref().to_vec())
}

/// The requests of each connection, one after the other: each does its steps.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Server {
    pub(super) async fn start(connections: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut read = Vec::new();
            for steps in connections {
                let (stream, _) = listener.accept().await.unwrap();
                read.push(follow(stream, steps).await);
            }
            read
        });
        Self { address, task }
    }

    /// The received requests, after all connections have been served.
    pub(super) async fn read(self) -> Vec<String> {
        tokio::time::timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap()
    }
}

async fn follow(mut stream: TcpStream, steps: Vec<Step>) -> String {
    stream.set_nodelay(true).unwrap();
    let mut read = Vec::new();
    for step in steps {
        match step {
            Step::Read => {
                let from = read.len();
                while !read[from..].windows(4).any(|four| four == b"\r\n\r\n") {
                    if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
            }
            // Whoever has heard enough may hang up.
            Step::Write(bytes) => drop(stream.write_all(&bytes).await),
            Step::Drip(bytes) => {
                for byte in bytes {
                    let _ = stream.write_all(&[byte]).await;
                    tokio::task::yield_now().await;
                }
            }
            Step::Endless(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Step::Fin => {
                let _ = stream.shutdown().await;
                while stream.read(&mut [0; 64]).await.is_ok_and(|length| length > 0) {}
            }
            Step::Rst => {
                crate::workload::socket::reset(stream.into_std().unwrap());
                break;
            }
            Step::Stall => while stream.read_buf(&mut read).await.is_ok_and(|length| length > 0) {},
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

pub(super) fn get() -> Request {
    Request { name: "home".into(), method: ::http::Method::GET, weight: 1, ..Request::default() }
}

pub(super) fn expecting(status: Option<u16>, body: Option<&str>) -> Request {
    let status = status.map(|status| Assertion::Status(vec![status..=status]));
    let whats = status.into_iter().chain(body.map(|body| Assertion::Body(body.into())));
    let checks =
        whats.map(|what| Check { name: 0, is_named: false, count_only: false, what }).collect();
    Request { checks, ..get() }
}

fn time(ms: u64) -> Time {
    Time(Duration::from_millis(ms))
}

/// The bytes sent, and how long its connections wait.
pub(super) struct Settings {
    pub(super) request_set: RequestSet,
    connect: Duration,
    first_byte: Duration,
}

/// Time-outs in milliseconds: to connect, to the first byte; the whole is given with each request.
pub(super) fn request_set(requests: Vec<Request>, connect: u64, first_byte: u64) -> Settings {
    let http = Http {
        requests,
        timeout: time(10_000),
        connect_timeout: time(connect),
        first_byte_timeout: time(first_byte),
        max_in_flight: 1,
        ..Http::default()
    };
    let url = HttpUrl {
        is_secure: false,
        site: Site::Host(HostPort { host: "shop.test".into(), port: 80 }),
        host_header: "shop.test".parse().unwrap(),
        path: "/a?b=c".parse().unwrap(),
    };
    let request_set = RequestSet::new(&http, &url, &[], &Arc::default()).unwrap();
    Settings { request_set, connect: http.connect_timeout.0, first_byte: http.first_byte_timeout.0 }
}

/// An answer, and how long it took.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) answer: RequestOutcome,
    pub(super) took: Duration,
}

impl Deref for Sent {
    type Target = RequestOutcome;

    fn deref(&self) -> &RequestOutcome {
        &self.answer
    }
}

/// Lets the runtime wait for the next event: what there was is read by somebody else.
fn forget(stream: &TcpStream) {
    let nothing = || Err::<(), _>(std::io::ErrorKind::WouldBlock.into());
    let _ = stream.try_io(Interest::READABLE, nothing);
}

/// A connection whose socket a runtime polls.
pub(super) struct Line {
    settings: Rc<Settings>,
    to: Address,
    from: Option<IpAddr>,
    open: Rc<Cell<u64>>,
    connection: Option<(TcpStream, Http1Connection)>,
    t0: Instant,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl Line {
    pub(super) fn new(settings: Rc<Settings>, route: Route<'_>, open: Rc<Cell<u64>>) -> Self {
        let (to, from) = (route.to.clone(), route.from);
        Self { settings, to, from, open, connection: None, t0: Instant::now() }
    }

    fn route(&self) -> Route<'_> {
        Route { to: &self.to, from: self.from, port: 0, proxy_protocol: None }
    }

    fn hang_up(&mut self) {
        if self.connection.take().is_some() {
            self.open.set(self.open.get() - 1);
        }
    }

    fn ns(&self, moment: Instant) -> u64 {
        u64::try_from((moment - self.t0).as_nanos()).unwrap()
    }

    pub(super) async fn open(&mut self, deadline: Instant) -> Result<(), RequestError> {
        self.hang_up();
        let deadline = deadline.min(Instant::now() + self.settings.connect);
        let mut connection = Http1Connection::begin(self.route())?;
        let stream =
            TcpStream::from_std(connection.socket().try_clone_to_owned().unwrap().into()).unwrap();
        tokio::select! {
            _ = stream.writable() => {}
            () = sleep_until(deadline) => return Err(RequestError::connect_timeout(self.route())),
        }
        connection.open(self.route())?;
        self.connection = Some((stream, connection));
        self.open.set(self.open.get() + 1);
        Ok(())
    }

    pub(super) async fn send(&mut self, request: usize, deadline: Instant) -> Sent {
        let (settings, sent) = (Rc::clone(&self.settings), Instant::now());
        let first_byte_ns = self.ns(sent + settings.first_byte);
        let limits = Deadlines { first_byte_ns, whole_ns: self.ns(deadline) };
        let t0 = self.t0;
        let ns = || u64::try_from((Instant::now() - t0).as_nanos()).unwrap();
        let (stream, connection) = self.connection.as_mut().unwrap();
        let mut buffers = Buffers::new(1024, false);
        connection.send(&settings.request_set, request);
        let answer = loop {
            match connection.advance(&settings.request_set, false, &mut buffers, ns()) {
                Came::Ended(answer) => break answer,
                Came::Again => tokio::task::yield_now().await,
                Came::Wait => {
                    let limit = connection.deadline(limits);
                    tokio::select! {
                        _ = stream.readable() => forget(stream),
                        () = sleep_until(t0 + Duration::from_nanos(limit)) => {}
                    }
                }
            }
            if ns() >= connection.deadline(limits) {
                break connection.give_up(&settings.request_set, limits, ns());
            }
        };
        let over = !connection.takes_a_request();
        if over {
            self.hang_up();
        }
        let sent_ns = self.ns(sent);
        let first = answer.first_byte_ns;
        assert!(first.is_none_or(|at| (sent_ns..=answer.ended_ns).contains(&at)));
        let took = Duration::from_nanos(answer.ended_ns - sent_ns);
        Sent { answer, took }
    }

    /// Whether a request can be sent now.
    pub(super) fn is_open(&mut self) -> bool {
        let Some((_, connection)) = &mut self.connection else { return false };
        connection.disturb(&mut Buffers::new(1024, false));
        if !connection.takes_a_request() {
            self.hang_up();
        }
        self.connection.is_some()
    }

    /// Ready when the server has closed the connection between two requests.
    pub(super) async fn closed(&mut self) {
        while let Some((stream, connection)) = &mut self.connection {
            stream.readable().await.unwrap();
            forget(stream);
            connection.disturb(&mut Buffers::new(1024, false));
            if !connection.takes_a_request() {
                self.hang_up();
                return;
            }
        }
        pending::<()>().await;
    }
}

/// A client, and how many of its connections are open.
pub(super) fn connection(settings: Settings, to: SocketAddr) -> (Line, Rc<Cell<u64>>) {
    let open = Rc::new(Cell::new(0));
    let route = Route { to: &to.into(), from: None, port: 0, proxy_protocol: None };
    (Line::new(Rc::new(settings), route, Rc::clone(&open)), open)
}

/// One request on a new connection to a server that does these steps; at most two seconds.
pub(super) async fn answer(request: Request, steps: Vec<Step>) -> Sent {
    answer_within(request, steps, 2_000, 2_000).await
}

pub(super) async fn answer_within(
    request: Request,
    steps: Vec<Step>,
    first_byte: u64,
    whole: u64,
) -> Sent {
    let server = Server::start(vec![steps]).await;
    let (mut connection, open) =
        connection(request_set(vec![request], 2_000, first_byte), server.address);
    connection.open(soon(2_000)).await.unwrap();
    assert_eq!(open.get(), 1);
    let answer = connection.send(0, soon(whole)).await;
    let kept = connection.is_open();
    assert_eq!(open.get(), u64::from(kept));
    drop(connection);
    assert_eq!(open.get(), 0);
    server.read().await;
    answer
}

pub(super) fn soon(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}
