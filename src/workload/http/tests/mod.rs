mod cut;
mod expectations;
mod mutate;
mod parse;
mod server;
mod unix;

use super::*;
use crate::plan::Request;
use crate::record::{Failure, FailureStage, Origin};
use crate::workload::Route;
use server::{
    Line, Server, Step, answer, answer_within, connection, expecting, get, request_set, soon, write,
};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpSocket;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n";

fn failure(answer: &RequestOutcome) -> Option<Failure> {
    answer.error.as_ref().map(|error| error.cause.failure)
}

#[tokio::test]
async fn an_answer_cut_at_any_byte_is_told_apart() {
    for whole in [OK, CHUNKED] {
        for cut in 0..whole.len() {
            let part = &whole[..cut];
            let fin = answer(get(), vec![Step::Read, write(part), Step::Fin]).await;
            assert_eq!(failure(&fin), Some(Failure::ClosedByServer), "FIN after {part:?}: {fin:?}");
            let rst = answer(get(), vec![Step::Read, write(part), Step::Rst]).await;
            assert_eq!(failure(&rst), Some(Failure::Reset), "RST after {part:?}: {rst:?}");
            // A connection that has not served before is not one that was idle.
            assert_eq!(
                (fin.retry_safety, rst.retry_safety),
                (RetrySafety::Unsafe, RetrySafety::Unsafe)
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_stalls_at_any_byte_is_timed_out() {
    for cut in 0..OK.len() {
        let steps = vec![Step::Read, write(&OK[..cut]), Step::Stall];
        let stalled = answer_within(expecting(None, Some("ok")), steps, 20, 40).await;
        let (expected, least) = match cut {
            0 => (Failure::FirstByteTimeout, 20),
            _ => (Failure::RequestTimeout, 40),
        };
        assert_eq!(failure(&stalled), Some(expected), "{:?}: {stalled:?}", &OK[..cut]);
        let took = stalled.took;
        assert!(took >= Duration::from_millis(least - 1), "{took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[tokio::test]
async fn an_answer_is_the_same_however_it_is_split() {
    for whole in [OK, CHUNKED] {
        for cut in 1..whole.len() {
            let (left, right) = whole.split_at(cut);
            let steps = vec![Step::Read, write(left), Step::Drip(right.into()), Step::Stall];
            let split = answer(expecting(Some(200), Some("ok")), steps).await;
            assert_eq!(split.error, None, "{cut}");
            assert_eq!((split.status, split.body_bytes), (Some(200), 2));
        }
    }
}

#[tokio::test]
async fn every_way_to_frame_an_answer_is_understood() {
    let head = Request { method: ::http::Method::HEAD, ..get() };
    let (not_modified, found) = (expecting(Some(304), None), expecting(Some(302), None));
    let table = [
        (get(), OK, 200, 2, true),
        (get(), CHUNKED, 200, 2, true),
        (get(), "HTTP/1.1 200 OK\r\n\r\nto the end", 200, 10, false),
        (get(), "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, 2, false),
        (
            get(),
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
            200,
            2,
            false,
        ),
        (head, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", 200, 0, true),
        (get(), "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, true),
        (not_modified, "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, 0, true),
        (found, "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n", 302, 0, true),
        (
            get(),
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            200,
            2,
            true,
        ),
    ];
    for (request, text, status, bytes, kept) in table {
        let last = if kept { Step::Stall } else { Step::Fin };
        let server = Server::start(vec![vec![Step::Read, write(text), last]]).await;
        let (mut connection, _) =
            connection(request_set(vec![request], 2_000, 2_000), server.address);
        connection.open(soon(2_000)).await.unwrap();
        let answer = connection.send(0, soon(2_000)).await;
        assert_eq!(answer.error, None, "{text}");
        assert_eq!((answer.status, answer.body_bytes), (Some(status), bytes), "{text}");
        assert_eq!(connection.is_open(), kept, "{text}");
    }
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_over_them() {
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(513 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(5_001));
    for text in [huge, many] {
        let whole = answer(get(), vec![Step::Read, write(&text), Step::Stall]).await;
        assert_eq!(failure(&whole), Some(Failure::OverLimit), "{whole:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_bad_http() {
    let bad = [
        "ok",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/3.0 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\u{0}\u{1}\u{2}\u{3}\r\n\r\n",
        "HTTP/1.1 200 O\u{0}K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokk\r\n",
    ];
    for text in bad {
        // Stalls behind it: nothing but the bytes themselves may give it away.
        let whole = answer(get(), vec![Step::Read, write(text), Step::Stall]).await;
        let short = &text[..text.len().min(60)];
        assert_eq!(failure(&whole), Some(Failure::BadHttp), "{short:?}: {whole:?}");
        let drip = answer(get(), vec![Step::Read, Step::Drip(text.into()), Step::Stall]).await;
        assert_eq!(failure(&drip), Some(Failure::BadHttp), "{short:?}, byte by byte: {drip:?}");
        assert_eq!(whole.error.clone().unwrap().cause.failure.origin(), Origin::Protocol);
    }
}

#[tokio::test]
async fn what_never_ends_is_timed_out() {
    let endless = [
        ("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(60_000)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n".repeat(1_000)),
        ("", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(1_000)),
    ];
    for (head, text) in endless {
        let steps = vec![Step::Read, write(head), Step::Endless(text.into())];
        let answer = answer_within(expecting(None, Some("x")), steps, 100, 100).await;
        assert_eq!(failure(&answer), Some(Failure::RequestTimeout), "{head}: {answer:?}");
        assert!(answer.took < Duration::from_secs(1));
        assert_eq!(answer.body_bytes > 0, !head.is_empty());
    }
}

#[tokio::test]
async fn a_wrong_answer_leaves_a_good_connection() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy";
    let steps = vec![Step::Read, write(busy), Step::Read, write(OK), Step::Read, write(OK)];
    let server = Server::start(vec![steps]).await;
    let requests = vec![get(), expecting(Some(200), Some("no")), expecting(None, Some("ok"))];
    let (mut connection, open) = connection(request_set(requests, 2_000, 2_000), server.address);
    connection.open(soon(2_000)).await.unwrap();
    let error = connection.send(0, soon(2_000)).await.error.clone().unwrap();
    assert_eq!((error.cause.failure, error.cause.code), (Failure::Status, 503));
    assert_eq!(error.sample, "status 503, body: `busy`");
    assert!(connection.is_open());
    let error = connection.send(1, soon(2_000)).await.error.clone().unwrap();
    assert_eq!(error.cause.failure, Failure::WrongBody);
    let sample = "the body differs at byte 0: `ok`; status 200, body: `ok`";
    assert_eq!(error.sample, sample);
    assert!(connection.is_open());
    assert_eq!(connection.send(2, soon(2_000)).await.error, None);
    assert_eq!(open.get(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_gone_before_the_next_request() {
    for end in [Step::Fin, Step::Rst] {
        let again = vec![Step::Read, write(OK), Step::Stall];
        let server = Server::start(vec![vec![Step::Read, write(OK), end], again]).await;
        let (mut connection, open) =
            connection(request_set(vec![get()], 2_000, 2_000), server.address);
        connection.open(soon(2_000)).await.unwrap();
        assert_eq!(connection.send(0, soon(2_000)).await.error, None);
        tokio::time::timeout(Duration::from_secs(2), connection.closed()).await.unwrap();
        assert!(!connection.is_open());
        assert_eq!(open.get(), 0);
        connection.open(soon(2_000)).await.unwrap();
        assert_eq!(connection.send(0, soon(2_000)).await.error, None);
    }
}

#[tokio::test]
async fn a_used_connection_that_ends_without_a_byte_may_have_been_idle() {
    for end in [Step::Fin, Step::Rst] {
        let steps = vec![Step::Read, write(OK), Step::Read, end];
        let server = Server::start(vec![steps]).await;
        let (mut connection, _) =
            connection(request_set(vec![get()], 2_000, 2_000), server.address);
        connection.open(soon(2_000)).await.unwrap();
        assert_eq!(connection.send(0, soon(2_000)).await.error, None);
        let answer = connection.send(0, soon(2_000)).await;
        assert_eq!(answer.retry_safety, RetrySafety::Permitted, "{answer:?}");
        assert!(!connection.is_open());
    }
}

#[tokio::test]
async fn connections_that_do_not_open_say_why() {
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let (mut connection_to_nobody, open) =
        connection(request_set(vec![get()], 2_000, 2_000), refusing.local_addr().unwrap());
    let error = connection_to_nobody.open(soon(2_000)).await.unwrap_err();
    assert_eq!((error.cause.failure, error.cause.at), (Failure::Refused, FailureStage::Connect));
    assert_eq!(open.get(), 0);

    // An address of documentation (RFC 5737) is nobody's, and so not ours.
    let elsewhere = Route {
        to: &refusing.local_addr().unwrap().into(),
        from: Some([192, 0, 2, 1].into()),
        port: 0,
        proxy_protocol: None,
    };
    let mut stranger =
        Line::new(Rc::new(request_set(vec![get()], 2_000, 2_000)), elsewhere, Rc::clone(&open));
    let error = stranger.open(soon(2_000)).await.unwrap_err();
    assert_eq!(error.cause.failure, Failure::NoSourcePort);
    assert_eq!(error.cause.failure.origin(), Origin::Local);

    // A full queue of connections that nobody accepts.
    let full = refusing.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut queued = Vec::new();
    let error = loop {
        let (mut connection, _) = connection(request_set(vec![get()], 50, 2_000), address);
        match connection.open(soon(2_000)).await {
            Ok(()) => queued.push(connection),
            Err(error) => break error,
        }
        assert!(queued.len() < 16);
    };
    assert_eq!(error.cause.failure, Failure::ConnectTimeout);
}

#[tokio::test]
async fn what_is_sent_is_what_the_plan_says() {
    let save = Request {
        method: ::http::Method::POST,
        path: Some("/save".into()),
        headers: vec![
            ("content-type".into(), "text/plain".into()),
            ("user-agent".into(), "other".into()),
        ],
        body: crate::plan::Body::Text("hello".into()),
        ..get()
    };
    let empty = Request { method: ::http::Method::PUT, ..get() };
    let steps =
        vec![Step::Read, write(OK), Step::Read, write(OK), Step::Read, write(OK), Step::Stall];
    let server = Server::start(vec![steps]).await;
    let (mut connection, _) =
        connection(request_set(vec![get(), save, empty], 2_000, 2_000), server.address);
    connection.open(soon(2_000)).await.unwrap();
    for request in 0..3 {
        assert_eq!(connection.send(request, soon(2_000)).await.error, None);
    }
    drop(connection);
    let agent = concat!("user-agent: planrun/", env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "GET /a?b=c HTTP/1.1\r\nhost: shop.test\r\n{agent}\r\n\r\n\
         POST /save HTTP/1.1\r\nhost: shop.test\r\ncontent-type: text/plain\r\nuser-agent: other\r\ncontent-length: 5\r\n\r\nhello\
         PUT /a?b=c HTTP/1.1\r\nhost: shop.test\r\n{agent}\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(server.read().await, [expected]);
}
