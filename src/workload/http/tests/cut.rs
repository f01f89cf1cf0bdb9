//! Turns an answer of 512 bytes, cut at every one of them, into the right cause, the right count,
//! and a good next connection.

use super::server::{Line, Server, Step, connection, get, request_set, soon, write};
use super::*;
use tokio::task::{JoinSet, LocalSet};

/// The length of every answer.
const WHOLE: usize = 512;

/// Cases that are played at once.
const AT_ONCE: usize = 64;

/// Time for the first byte and for all of an answer that stalls, in milliseconds.
const WITHIN: (u64, u64) = (400, 500);

/// An answer, and which of its bytes are of its body.
struct Framed {
    bytes: Vec<u8>,
    is_body: Vec<bool>,
    /// Whether nothing but the end of the connection says that it is whole.
    by_close: bool,
}

impl Framed {
    fn new(head: &str, by_close: bool) -> Self {
        let bytes = head.as_bytes().to_vec();
        let is_body = vec![false; bytes.len()];
        Self { bytes, is_body, by_close }
    }

    fn add(&mut self, bytes: &str, is_body: bool) {
        self.bytes.extend_from_slice(bytes.as_bytes());
        self.is_body.resize(self.bytes.len(), is_body);
    }

    fn by_length() -> Self {
        let head = "HTTP/1.1 200 OK\r\nserver: cut\r\ncontent-length: 459\r\n\r\n";
        let mut all = Self::new(head, false);
        all.add(&"b".repeat(WHOLE - head.len()), true);
        assert_eq!(WHOLE - head.len(), 459);
        all
    }

    fn by_chunks() -> Self {
        let mut all = Self::new("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false);
        for _ in 0..4 {
            all.add("52;part=one\r\n", false);
            all.add(&"c".repeat(0x52), true);
            all.add("\r\n", false);
        }
        let end = "0\r\ntrailer: ";
        all.add(end, false);
        all.add(&"t".repeat(WHOLE - all.bytes.len() - 4), false);
        all.add("\r\n\r\n", false);
        all
    }

    fn by_close() -> Self {
        let mut all = Self::new("HTTP/1.1 200 OK\r\nserver: cut\r\n\r\n", true);
        all.add(&"d".repeat(WHOLE - all.bytes.len()), true);
        all
    }
}

/// The behaviour of a server after the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Fin,
    Rst,
    Stall,
}

/// The expected result of a response of which `cut` bytes arrived.
fn expected(framed: &Framed, cut: usize, end: End) -> Option<Failure> {
    let has_head = framed.is_body.iter().position(|body| *body).is_some_and(|at| cut >= at);
    match end {
        _ if cut == WHOLE && !framed.by_close => None,
        End::Fin if framed.by_close && has_head => None,
        End::Fin => Some(Failure::ClosedByServer),
        End::Rst => Some(Failure::Reset),
        End::Stall if cut == 0 => Some(Failure::FirstByteTimeout),
        End::Stall => Some(Failure::RequestTimeout),
    }
}

async fn play(framed: &Framed, cut: usize, end: End) {
    let last = match end {
        End::Fin => Step::Fin,
        End::Rst => Step::Rst,
        End::Stall => Step::Stall,
    };
    let steps = vec![Step::Read, write(&framed.bytes[..cut]), last];
    let next = vec![Step::Read, write(&framed.bytes), Step::Fin];
    let server = Server::start(vec![steps, next]).await;
    let (first_byte, whole) = if end == End::Stall { WITHIN } else { (10_000, 10_000) };
    let (mut connection, open) =
        connection(request_set(vec![get()], 10_000, first_byte), server.address);
    let place = format!("{end:?} after {cut} bytes of {:?}", &framed.bytes[17..40].escape_ascii());

    connection.open(soon(10_000)).await.unwrap();
    let answer = connection.send(0, soon(whole)).await;
    assert_eq!(failure(&answer), expected(framed, cut, end), "{place}: {answer:?}");
    let body = framed.is_body[..cut].iter().filter(|body| **body).count() as u64;
    assert_eq!(answer.body_bytes, body, "{place}: {answer:?}");
    assert_eq!(answer.retry_safety, RetrySafety::Unsafe, "{place}");
    if let Some(error) = &answer.error {
        let status = answer.status.map_or(String::new(), |status| format!("; status {status}"));
        let bytes = format!("after {cut} bytes{status}");
        assert!(error.sample.ends_with(&bytes), "{place}: {}", error.sample);
        assert_eq!(error.cause.at, FailureStage::Request, "{place}");
        assert!(!connection.is_open(), "{place}");
    }
    again(&mut connection, &place).await;
    drop(connection);
    assert_eq!(open.get(), 0, "{place}");
    server.read().await;
}

/// The next connection to the same server answers well.
async fn again(connection: &mut Line, place: &str) {
    connection.open(soon(10_000)).await.unwrap();
    let answer = connection.send(0, soon(10_000)).await;
    assert_eq!((answer.error.clone(), answer.status), (None, Some(200)), "behind {place}");
}

/// 513 places to cut, three ways to end: 1,539 cases.
async fn play_all(framed: Framed) {
    assert_eq!((framed.bytes.len(), framed.is_body.len()), (WHOLE, WHOLE));
    let framed = Rc::new(framed);
    let ends = [End::Fin, End::Rst, End::Stall];
    let cases: Vec<_> = ends.iter().flat_map(|end| (0..=WHOLE).map(|cut| (cut, *end))).collect();
    assert_eq!(cases.len(), 1_539);
    for some in cases.chunks(AT_ONCE) {
        let mut set = JoinSet::new();
        for (cut, end) in some.iter().copied() {
            let framed = Rc::clone(&framed);
            set.spawn_local(async move { play(&framed, cut, end).await });
        }
        set.join_all().await;
    }
}

#[tokio::test]
async fn an_answer_with_a_length_is_cut_at_every_byte() {
    LocalSet::new().run_until(play_all(Framed::by_length())).await;
}

#[tokio::test]
async fn an_answer_in_chunks_is_cut_at_every_byte() {
    LocalSet::new().run_until(play_all(Framed::by_chunks())).await;
}

#[tokio::test]
async fn an_answer_to_the_end_is_cut_at_every_byte() {
    LocalSet::new().run_until(play_all(Framed::by_close())).await;
}

#[tokio::test]
async fn a_connection_that_is_reset_before_it_is_used_is_reset_and_not_idle() {
    for end in [Step::Rst, Step::Fin] {
        let failed =
            if matches!(end, Step::Rst) { Failure::Reset } else { Failure::ClosedByServer };
        let next = vec![Step::Read, write(Framed::by_length().bytes), Step::Fin];
        let server = Server::start(vec![vec![end], next]).await;
        let (mut connection, _) =
            connection(request_set(vec![get()], 10_000, 10_000), server.address);
        connection.open(soon(10_000)).await.unwrap();
        let answer = connection.send(0, soon(10_000)).await;
        assert_eq!(
            (failure(&answer), answer.retry_safety),
            (Some(failed), RetrySafety::Unsafe),
            "{answer:?}"
        );
        again(&mut connection, "the reset").await;
    }
}
