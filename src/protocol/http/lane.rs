//! Turns requests, one after the other, into answers over a connection of its own, opened again when it is gone.

use super::alarm::Alarm;
use super::connect::{Ends, connect};
use super::exchange::{Conn, Exchange, Limits};
use super::fault::Fault;
use super::script::Script;
use crate::record::{Failure, Phase};
use std::cell::Cell;
use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::time::Instant;

/// What came of one request that was sent.
#[derive(Debug)]
pub struct Answer {
    /// What is wrong with it; `None` is a success.
    pub fault: Option<Fault>,
    /// The status, once a head has come.
    pub status: Option<u16>,
    /// Bytes of the body that came, without their framing.
    pub body_bytes: u64,
    /// When it was handed to the open connection.
    pub sent: Instant,
    /// When the first byte of the answer came.
    pub first_byte: Option<Instant>,
    /// When the last byte came, or the fault.
    pub ended: Instant,
    /// The connection had served before, and was closed or reset without one byte of an answer: the server may have closed it for
    /// idleness while the request was on its way, and may not have seen the request.
    pub idle_close: bool,
}

/// One user's way to its target: no connection, or one.
#[derive(Debug)]
pub struct Lane {
    script: Rc<Script>,
    ends: Ends,
    open: Rc<Cell<u64>>,
    connection: Option<Box<Conn>>,
    alarm: Alarm,
}

impl Lane {
    /// A lane without a connection yet. `open` is kept at the number of open connections of all lanes that share it.
    pub fn new(script: Rc<Script>, ends: Ends, open: Rc<Cell<u64>>) -> Self {
        Self { script, ends, open, connection: None, alarm: Alarm::default() }
    }

    /// What it sends.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Whether there is a connection that a request can be sent on.
    pub async fn is_open(&mut self) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let over = poll_fn(|cx| Poll::Ready(connection.drive(cx))).await;
        if over || !connection.takes_a_request() {
            self.connection = None;
        }
        self.connection.is_some()
    }

    /// Opens a connection, in place of the one there may have been. Ends by `deadline` at the latest.
    pub async fn open(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.connection = None;
        let limit = deadline.min(Instant::now() + self.script.connect_timeout);
        let mut connecting = pin!(connect(self.ends));
        let alarm = &mut self.alarm;
        let ended = poll_fn(|cx| match connecting.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => alarm.poll_until(cx, limit).map(|()| None),
        });
        let fault = match ended.await {
            Some(Ok((stream, reset))) => {
                match Conn::new(&self.script.builder, stream, &self.open).await {
                    Ok(connection) => {
                        connection.seen.doom(reset);
                        self.connection = Some(Box::new(connection));
                        return Ok(());
                    }
                    Err(fault) => fault,
                }
            }
            Some(Err(error)) => Fault::connect(&error),
            None => Fault::new(Failure::ConnectTimeout, Phase::Connect, "not open in time"),
        };
        let from = self.ends.from.map_or_else(String::new, |from| format!(" from {from}"));
        Err(Fault {
            sample: format!("connect to {}{from}: {}", self.ends.to, fault.sample),
            ..fault
        })
    }

    /// Sends a request, by its index in the plan, and reads its answer to the end, or to a fault, or to `deadline`. Without an open
    /// connection the answer is a fault.
    pub async fn send(&mut self, request: usize, deadline: Instant) -> Answer {
        let sent = Instant::now();
        let mut answer = Answer {
            fault: None,
            status: None,
            body_bytes: 0,
            sent,
            first_byte: None,
            ended: sent,
            idle_close: false,
        };
        let script = Rc::clone(&self.script);
        let prepared = &script.requests[request];
        // Held here, so that it goes with this future when that is dropped half-way.
        let Some(mut connection) = self.connection.take() else {
            answer.fault =
                Some(Fault::new(Failure::ClosedByServer, Phase::Request, "there is no connection"));
            return answer;
        };
        connection.seen.reset();
        let limits = Limits { first_byte: sent + script.first_byte_timeout, whole: deadline };
        let mut exchange = Exchange { connection: &mut connection, alarm: &mut self.alarm, limits };
        let outcome = exchange.make(prepared, &mut answer).await;
        answer.ended = Instant::now();
        answer.first_byte = connection.seen.first();
        match outcome {
            Ok(()) => {
                connection.used = true;
                self.connection = Some(connection);
            }
            Err(fault) => {
                let closed =
                    matches!(fault.cause.failure, Failure::ClosedByServer | Failure::Reset);
                answer.idle_close = closed && connection.used && connection.seen.bytes() == 0;
                answer.fault = Some(fault);
            }
        }
        if let Some(fault) = &mut answer.fault {
            fault.sample = format!("{} at {}: {}", prepared.words(), self.ends.to, fault.sample);
        }
        answer
    }

    /// Ready when the server has closed the connection between two requests; never while there is none.
    pub async fn closed(&mut self) {
        let Some(connection) = &mut self.connection else { return pending().await };
        poll_fn(|cx| if connection.drive(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        self.connection = None;
    }
}
