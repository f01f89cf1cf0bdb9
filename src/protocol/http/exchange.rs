//! Turns one request into one answer on an open connection, within its limits.

use super::alarm::Alarm;
use super::body::Check;
use super::fault::Fault;
use super::lane::Answer;
use super::level::Level;
use super::script::Prepared;
use super::wire::{Seen, Wire};
use crate::record::{Failure, Phase};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::Instant;

/// An open connection. It is driven by the task that uses it: a request costs no switch between tasks.
#[derive(Debug)]
pub(super) struct Conn {
    sender: SendRequest<Full<Bytes>>,
    driver: Connection<TokioIo<Wire>, Full<Bytes>>,
    pub(super) seen: Rc<Seen>,
    #[expect(dead_code, reason = "lives as long as the connection")]
    level: Level,
    /// Whether an answer has come on it.
    pub(super) used: bool,
    /// How it ended.
    over: Option<hyper::Result<()>>,
}

impl Conn {
    /// Takes over a socket. `open` counts it while it lives.
    pub(super) async fn new(
        builder: &Builder,
        stream: TcpStream,
        open: &Rc<Cell<u64>>,
    ) -> Result<Self, Fault> {
        let seen = Rc::new(Seen::default());
        let io = TokioIo::new(Wire::new(stream, Rc::clone(&seen)));
        match builder.handshake(io).await {
            Ok((sender, driver)) => {
                let level = Level::up(open);
                Ok(Self { sender, driver, seen, level, used: false, over: None })
            }
            Err(error) => Err(Fault::exchange(&seen, Some(&error))),
        }
    }

    /// Reads and writes what can be; true once the connection is over.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        if self.over.is_none()
            && let Poll::Ready(end) = Pin::new(&mut self.driver).poll(cx)
        {
            self.over = Some(end);
        }
        self.over.is_some()
    }

    /// An answer that ended before its request was wholly sent leaves a connection that takes no other.
    pub(super) fn takes_a_request(&self) -> bool {
        !self.used || self.sender.is_ready()
    }

    fn broken(&self) -> Fault {
        Fault::exchange(&self.seen, self.over.as_ref().and_then(|end| end.as_ref().err()))
    }
}

/// When an exchange ends at the latest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) first_byte: Instant,
    pub(super) whole: Instant,
}

/// One request and its answer.
pub(super) struct Exchange<'a> {
    pub(super) connection: &'a mut Conn,
    pub(super) alarm: &'a mut Alarm,
    pub(super) limits: Limits,
}

impl Exchange<'_> {
    /// An error means that the connection cannot be used again; an answer that is complete but wrong is noted as its fault.
    pub(super) async fn make(
        &mut self,
        prepared: &Prepared,
        answer: &mut Answer,
    ) -> Result<(), Fault> {
        // Unconstrained, because a turn given back here would wake nobody: see `quiet`.
        let response = self.connection.sender.send_request(prepared.message());
        let mut response = pin!(unconstrained(response));
        let response = poll_fn(|cx| {
            let over = self.connection.drive(cx);
            match response.as_mut().poll(&mut quiet()) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(error)) => {
                    Poll::Ready(Err(Fault::exchange(&self.connection.seen, Some(&error))))
                }
                Poll::Pending if over => Poll::Ready(Err(self.connection.broken())),
                Poll::Pending => self.poll_limits(cx).map(Err),
            }
        })
        .await?;
        let status = response.status().as_u16();
        answer.status = Some(status);
        let mut check = Check::new(prepared.expected.as_deref());
        let mut body = response.into_body();
        let read = poll_fn(|cx| self.poll_body(cx, &mut body, &mut check)).await;
        answer.body_bytes = check.received();
        read?;
        answer.fault = if prepared.takes(status) {
            let wrong = |what| format!("the body {what}");
            let wrong = |what| Fault::new(Failure::WrongBody, Phase::Request, wrong(what));
            check.finish().err().map(wrong)
        } else {
            let mut fault = Fault::new(Failure::Status, Phase::Request, format!("status {status}"));
            fault.cause.code = i32::from(status);
            Some(fault)
        };
        Ok(())
    }

    /// Reads to the end of the body.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
        check: &mut Check<'_>,
    ) -> Poll<Result<(), Fault>> {
        let mut over = false;
        let mut driven = false;
        loop {
            match Pin::new(&mut *body).poll_frame(&mut quiet()) {
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(piece) = frame.data_ref() {
                        check.feed(piece);
                    }
                    // There is room for the next piece.
                    driven = false;
                }
                Poll::Ready(Some(Err(error))) => {
                    let seen = &self.connection.seen;
                    return Poll::Ready(Err(Fault::exchange(seen, Some(&error))));
                }
                Poll::Pending if over => return Poll::Ready(Err(self.connection.broken())),
                Poll::Pending if driven => return self.poll_limits(cx).map(Err),
                Poll::Pending => {
                    over = self.connection.drive(cx);
                    driven = true;
                }
            }
        }
    }

    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let Limits { first_byte, whole } = self.limits;
        let bytes = self.connection.seen.bytes();
        let waits = bytes == 0 && first_byte < whole;
        let limit = if waits { first_byte } else { whole };
        self.alarm.poll_until(cx, limit).map(|()| {
            let failure = if waits { Failure::FirstByteTimeout } else { Failure::RequestTimeout };
            Fault::new(failure, Phase::Request, format!("out of time after {bytes} bytes"))
        })
    }
}

/// For futures that go on only when the connection is driven, which this task does before it looks at them: what would wake it is
/// its own doing.
fn quiet() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
