//! Turns any bytes into what a server of HTTP says: to the parser, and to a connection with its
//! requests in flight.

use super::{choices, known_plan, split};
use crate::plan::{AnswerLimits, Endpoint, Protocol};
use crate::units::Address;
use crate::workload::Route;
use crate::workload::http::{
    Buffers, ExchangeStep, Http1Connection, Http2Connection, Http2Stream, ParseError, Parser,
    PassIdentity, RequestOutcome, RequestSet, TestData, UserSession,
};
use fastrand::Rng;
use std::cell::{OnceCell, RefCell};
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;

/// Requests of one connection.
const REQUESTS: usize = 4;

/// A connection is asked so often whether there is more, before it is taken for one that never
/// ends.
const TURNS: usize = 10_000;

/// The state that all connections of a thread share.
struct Bench {
    listener: UnixListener,
    path: PathBuf,
    address: Address,
    buffers: Rc<RefCell<Buffers>>,
    /// Of the scenarios `session` and `shared`.
    request_sets: [RequestSet; 2],
}

thread_local! {
    static BENCH: OnceCell<Bench> = const { OnceCell::new() };
}

impl Bench {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("planrun-fuzzing-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener =
            UnixListener::bind(&path).expect("a socket in the folder of temporary files");
        let plan = known_plan();
        let request_set = |index: usize| {
            let scenario = &plan.scenarios[index];
            let Protocol::Http(http) = &scenario.protocol else { panic!("a scenario of http") };
            let Endpoint::Urls(urls) = &plan.target(scenario).endpoint else { panic!("URLs") };
            RequestSet::new(http, &urls[0], urls, &Arc::new(TestData::default())).expect("requests")
        };
        Self {
            listener,
            address: Address::Unix(path.as_path().into()),
            path,
            // Small, so that answers of the size that a fuzzer makes need several reads.
            buffers: Rc::new(RefCell::new(Buffers::new(512, false))),
            request_sets: [request_set(0), request_set(1)],
        }
    }

    fn route(&self) -> Route<'_> {
        Route { to: &self.address, from: None, port: 0, proxy_protocol: None }
    }

    /// The server's end of the connection that was just begun.
    fn accept(&self) -> UnixStream {
        let (server, _) = self.listener.accept().expect("a connection");
        server.set_nonblocking(true).expect("a socket");
        server
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What is known after all bytes: the status, the body, bytes taken, whether the answer is whole
/// and the connection kept.
type Told = Result<(Option<u16>, Vec<u8>, usize, bool, bool), ParseError>;

fn told(bodiless: bool, pieces: &[&[u8]]) -> Told {
    let (mut parser, mut body, mut taken) = (Parser::new(bodiless), Vec::new(), 0);
    for piece in pieces {
        taken += parser.feed(piece, |bytes: &[u8]| body.extend_from_slice(bytes))?;
        if parser.is_done() {
            break;
        }
    }
    let whole = parser.is_done();
    parser.close()?;
    Ok((parser.status(), body, taken, whole, parser.keeps()))
}

/// The responses of an HTTP/1.1 server to up to four requests of one connection.
///
/// # Panics
/// Where the split of the bytes plays a part, or an answer does not end although the connection
/// has.
pub fn http1(bytes: &[u8]) {
    let mut rng = choices(bytes);
    let pieces = split(bytes, &mut rng);
    for bodiless in [false, true] {
        match (told(bodiless, &[bytes]), told(bodiless, &pieces)) {
            // Which of several faults is named may depend on how much has come.
            (Err(_), Err(_)) => {}
            (once, again) => assert_eq!(once, again),
        }
    }
    BENCH.with(|bench| requests(bench.get_or_init(Bench::new), &pieces, &mut rng));
}

/// One connection: requests one after the other, while the server sends its pieces.
fn requests(bench: &Bench, pieces: &[&[u8]], rng: &mut Rng) {
    let request_set = &bench.request_sets[0];
    let mut connection = Http1Connection::begin(bench.route()).expect("a listener");
    let mut server = Some(bench.accept());
    assert!(connection.open(bench.route()).expect("an open connection"));
    let (mut session, mut room) = (UserSession::new(true), Vec::new());
    let (mut pieces, mut now_ns, mut request) = (pieces.iter(), 0, 0);
    while request < REQUESTS && connection.takes_a_request() {
        session.begin_pass(PassIdentity::default(), None, false);
        let step = request % 3;
        if connection.send_for(request_set, step, &mut session, &mut room, now_ns).is_err() {
            return;
        }
        let answer = 'answer: {
            for _ in 0..TURNS {
                now_ns += 1;
                let closed = server.is_none();
                match connection.advance(
                    request_set,
                    closed,
                    &mut bench.buffers.borrow_mut(),
                    now_ns,
                ) {
                    ExchangeStep::Ended(answer) => break 'answer answer,
                    ExchangeStep::Again => {}
                    ExchangeStep::Wait => match pieces.next() {
                        Some(piece) => say(server.as_mut(), piece),
                        None => hang_up(&mut server, rng),
                    },
                }
            }
            panic!("request {request} has no end");
        };
        assert_answer(&answer, now_ns);
        if let Some(extracted) = answer.extracted {
            let _ = request_set.give(&mut session, *extracted, now_ns, 1_800_000_000);
        }
        request += 1;
    }
}

fn say(server: Option<&mut UnixStream>, piece: &[u8]) {
    // Bytes for which there is no room are not sent.
    let _ = server.map(|server| server.write_all(piece));
}

/// The server ends, in order or not: with requests unread that is a reset.
fn hang_up(server: &mut Option<UnixStream>, rng: &mut Rng) {
    if let Some(server) = server.take()
        && rng.bool()
    {
        let _ = server.shutdown(Shutdown::Both);
    }
}

fn assert_answer(answer: &RequestOutcome, now_ns: u64) {
    assert!(answer.error.is_some() || answer.status.is_some(), "{answer:?}");
    assert!(answer.ended_ns <= now_ns && answer.first_byte_ns.is_none_or(|ns| ns <= now_ns));
    if let Some(error) = &answer.error {
        let harmless = |c: char| !c.is_control();
        assert!(error.sample.chars().all(harmless), "{:?}", error.sample);
    }
}

/// The frames of an HTTP/2 server. The first one precedes the requests.
///
/// # Panics
/// If a request does not end although the connection has.
pub fn http2(bytes: &[u8]) {
    let mut rng = choices(bytes);
    let first = bytes.get(..3).map_or(0, |length| {
        9 + usize::from(length[0]) * 65_536 + usize::from(length[1]) * 256 + usize::from(length[2])
    });
    let (first, rest) = bytes.split_at(first.min(bytes.len()));
    BENCH.with(|bench| {
        let bench = bench.get_or_init(Bench::new);
        let mut shared = Shared::new(bench);
        shared.say(first);
        for piece in split(rest, &mut rng) {
            shared.ask();
            shared.say(piece);
        }
        shared.end(&mut rng);
    });
}

/// A connection with several requests in flight.
struct Shared<'a> {
    request_set: &'a RequestSet,
    http2: Http2Connection,
    server: Option<UnixStream>,
    streams: Vec<Http2Stream>,
    asked: usize,
    now_ns: u64,
}

impl<'a> Shared<'a> {
    fn new(bench: &'a Bench) -> Self {
        let mut http2 =
            Http2Connection::begin(bench.route(), AnswerLimits::default()).expect("a listener");
        let server = Some(bench.accept());
        assert!(http2.open(bench.route()).expect("an open connection"));
        http2.secure(bench.route(), &bench.buffers).expect("nothing to secure");
        let request_set = &bench.request_sets[1];
        Self { request_set, http2, server, streams: Vec::new(), asked: 0, now_ns: 0 }
    }

    fn ask(&mut self) {
        while self.asked < REQUESTS && self.http2.room(REQUESTS) > 0 {
            let request = self.asked % 2;
            self.streams.push(self.http2.send(self.request_set, request, Waker::noop()));
            self.asked += 1;
        }
        self.drive(false);
    }

    fn say(&mut self, piece: &[u8]) {
        say(self.server.as_mut(), piece);
        self.drive(false);
    }

    fn drive(&mut self, closed: bool) {
        self.now_ns += 1;
        self.http2.socket_ready(closed);
        let more = (0..TURNS).take_while(|_| self.http2.drive()).count();
        assert!(more < TURNS, "the connection always has more");
        let (http2, request_set, now_ns) = (&mut self.http2, self.request_set, self.now_ns);
        self.streams.retain_mut(|stream| {
            match http2.advance(request_set, stream, Waker::noop(), now_ns) {
                ExchangeStep::Ended(answer) => {
                    assert_answer(&answer, now_ns);
                    false
                }
                ExchangeStep::Wait | ExchangeStep::Again => true,
            }
        });
    }

    /// Nobody waits for a connection that has ended.
    fn end(mut self, rng: &mut Rng) {
        hang_up(&mut self.server, rng);
        self.drive(true);
        self.drive(true);
        assert!(self.streams.is_empty(), "{} requests have no end", self.streams.len());
        assert!(self.http2.is_over());
    }
}
