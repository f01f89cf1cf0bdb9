//! Turns one stream of a connection into an answer.

use super::super::assertions::FilledValues;
use super::super::error::RequestError;
use super::super::exchange::{Deadlines, Exchange, RequestOutcome, RetrySafety, Transferred};
use super::super::http1::ExchangeStep;
use super::super::parse::ResponseReader as _;
use super::super::request_set::{PreparedRequest, RequestSet};
use super::super::session::UserSession;
use super::counted::{CountedBody, SentBytes};
use super::request::Http2Request;
use super::{Http2Connection, Http2State, idle};
use crate::plan::AnswerLimits;
use crate::record::{Failure, FailureStage};
use h2::client::ResponseFuture;
use h2::{Error, Reason, RecvStream, SendStream};
use http::HeaderMap;
use httparse::{EMPTY_HEADER, Header};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Most answers have no more headers.
const USUAL_HEADERS: usize = 100;

/// One request and its response. The request is in flight until it was advanced to its end, given
/// up or released.
pub(crate) struct Http2Stream {
    exchange: Exchange,
    status: Option<u16>,
    /// Bytes that had come on the connection when it was asked.
    came: u64,
    /// Bytes that streams of the connection had taken then.
    taken: u64,
    /// Whether the connection had answered before.
    used: bool,
    /// Whether it was idle, but for requests that were sent at the same moment.
    idle: bool,
    takes: ResponseState,
    sends: Option<SendStream<CountedBody>>,
    /// Bytes of its body that went; `None` without one.
    sent: SentBytes,
}

/// The part of the response that is read next.
enum ResponseState {
    Head(ResponseFuture),
    Body(RecvStream),
    /// It could not be sent at all.
    Failed(RequestError, RetrySafety),
}

impl Http2Connection {
    /// Sends a request, by its index in the plan; `waker` is woken when something comes of it.
    pub(crate) fn send(
        &mut self,
        request_set: &RequestSet,
        request: usize,
        waker: &Waker,
    ) -> Http2Stream {
        let prepared = &request_set.requests[request];
        let http2_request = prepared.http2_request.as_deref().cloned();
        self.submit((prepared, request), http2_request, FilledValues::new(), waker)
    }

    /// Sends a request of a session. `room` is written over.
    pub(crate) fn ask_for(
        &mut self,
        request_set: &RequestSet,
        request: usize,
        session: &mut UserSession,
        (room, now_ns): (&mut Vec<u8>, u64),
        waker: &Waker,
    ) -> Result<Http2Stream, RequestError> {
        let prepared = &request_set.requests[request];
        let expected = request_set.expected_values(request, session)?;
        if request_set.fill(request, session, room, now_ns)?.is_none() {
            let http2_request = prepared.http2_request.as_deref().cloned();
            return Ok(self.submit((prepared, request), http2_request, expected, waker));
        }
        let http2_request = Http2Request::new(room, request_set.is_secure()).ok_or_else(|| {
            let words = "a value that HTTP/2 cannot send: it was not sent";
            let words = format!("{}: {words}", prepared.words());
            RequestError::new(Failure::BadValue, FailureStage::Request, words)
        })?;
        Ok(self.submit((prepared, request), Some(http2_request), expected, waker))
    }

    fn submit(
        &mut self,
        (prepared, request): (&PreparedRequest, usize),
        http2_request: Option<Http2Request>,
        expected: FilledValues,
        waker: &Waker,
    ) -> Http2Stream {
        if self.in_flight == 0 {
            self.received_when_idle = self.socket_status.came();
        }
        self.in_flight += 1;
        self.served += 1;
        let sent: SentBytes =
            http2_request.as_ref().filter(|one| !one.body.is_empty()).map(|_| Rc::default());
        let (takes, sends) = match self.hand_over(http2_request, &sent, waker) {
            Ok((head, sends)) => (ResponseState::Head(head), Some(sends)),
            Err(failed) => {
                waker.wake_by_ref();
                (ResponseState::Failed(failed.0, failed.1), None)
            }
        };
        Http2Stream {
            exchange: Exchange::new(request, prepared, expected),
            status: None,
            came: self.socket_status.came(),
            taken: self.consumed,
            used: self.served > 1,
            idle: self.received_when_idle == self.socket_status.came(),
            takes,
            sends,
            sent,
        }
    }

    fn hand_over(
        &mut self,
        http2_request: Option<Http2Request>,
        sent: &SentBytes,
        waker: &Waker,
    ) -> Result<(ResponseFuture, SendStream<CountedBody>), (RequestError, RetrySafety)> {
        let gone = |one: &Self| (one.ended(0), RetrySafety::Safe);
        let Http2State::Open(speech) = &mut self.state else { return Err(gone(self)) };
        // `RequestSet` refuses what HTTP/2 cannot send.
        let Some(Http2Request { head, body }) = http2_request else { return Err(gone(self)) };
        let failed = match speech.requests.poll_ready(&mut idle()) {
            Poll::Ready(Err(error)) => Some(error),
            _ => None,
        };
        let asked = match failed {
            Some(error) => Err(error),
            None => speech.requests.send_request(head, sent.is_none()),
        };
        let asked = asked.and_then(|(head, mut sends)| {
            if let Some(sent) = sent {
                sends.send_data(CountedBody::new(body, sent), true)?;
            }
            Ok((head, sends))
        });
        let (mut head, sends) = asked.map_err(|error| {
            let (error, _) = self.error_of(&error, 0);
            (error, RetrySafety::Safe)
        })?;
        // Nothing can have come; from now on it is woken.
        let _ = Pin::new(&mut head).poll(&mut Context::from_waker(waker));
        Ok((head, sends))
    }

    /// Goes on with a request in flight.
    pub(crate) fn advance(
        &mut self,
        request_set: &RequestSet,
        stream: &mut Http2Stream,
        waker: &Waker,
        now_ns: u64,
    ) -> ExchangeStep {
        let prepared = &request_set.requests[stream.exchange.request as usize];
        let before = stream.exchange.bytes();
        let took = stream.take(prepared, waker, now_ns);
        self.consumed += stream.exchange.bytes() - before;
        let failed = match took {
            Poll::Pending => return ExchangeStep::Wait,
            Poll::Ready(Ok(())) => {
                self.in_flight -= 1;
                self.answered = true;
                let whole = stream.exchange.whole(prepared, stream.status, now_ns);
                return ExchangeStep::Ended(RequestOutcome {
                    sent_bytes: stream.moved().sent,
                    ..whole
                });
            }
            Poll::Ready(Err(failed)) => failed,
        };
        let bytes = stream.exchange.bytes();
        let (mut error, mut retry_safety) = match failed {
            // A head far beyond the limit is a stream's error like any other: what came and was not
            // taken tells.
            StreamError::Stream(error) if error.is_library() && self.is_flooded(stream) => {
                (self.over_head(), RetrySafety::Unsafe)
            }
            StreamError::Stream(error) => self.error_of(&error, bytes),
            StreamError::Unsent(error, retry_safety) => (error, retry_safety),
        };
        let closed = matches!(error.cause.failure, Failure::ClosedByServer | Failure::Reset);
        let idle_close = closed && stream.used && stream.came == self.socket_status.came();
        if retry_safety == RetrySafety::Unsafe
            && idle_close
            && (stream.idle || prepared.is_repeatable())
        {
            (error, retry_safety) = Exchange::idle_close(prepared, error);
        }
        ExchangeStep::Ended(RequestOutcome {
            retry_safety,
            ..self.end(prepared, stream, error, now_ns)
        })
    }

    /// Whether more came since a request was sent than its answer's head may have, and nobody took
    /// it.
    fn is_flooded(&self, stream: &Http2Stream) -> bool {
        let came = self.socket_status.came() - stream.came;
        let taken = self.consumed - stream.taken;
        stream.status.is_none() && came.saturating_sub(taken) > u64::from(self.limits.head)
    }

    /// Gives up a request in flight: it is out of time. A connection on which nothing has come
    /// since is given up, too.
    pub(crate) fn give_up(
        &mut self,
        request_set: &RequestSet,
        stream: &mut Http2Stream,
        limits: Deadlines,
        now_ns: u64,
    ) -> RequestOutcome {
        let prepared = &request_set.requests[stream.exchange.request as usize];
        let error = stream.exchange.late(limits);
        self.over |= stream.came == self.socket_status.came();
        stream.cancel();
        self.end(prepared, stream, error, now_ns)
    }

    /// Lets go of a request in flight.
    pub(crate) fn let_go(&mut self, stream: &mut Http2Stream) {
        self.in_flight -= 1;
        stream.cancel();
    }

    fn end(
        &mut self,
        prepared: &PreparedRequest,
        stream: &mut Http2Stream,
        error: RequestError,
        now_ns: u64,
    ) -> RequestOutcome {
        self.in_flight -= 1;
        let broken = stream.exchange.broken(prepared, error, stream.status, now_ns);
        RequestOutcome { sent_bytes: stream.moved().sent, ..broken }
    }
}

/// Why there is no complete response.
enum StreamError {
    Stream(Error),
    Unsent(RequestError, RetrySafety),
}

impl From<Error> for StreamError {
    fn from(error: Error) -> Self {
        Self::Stream(error)
    }
}

impl Http2Stream {
    /// When it is out of time.
    pub(crate) fn deadline(&self, limits: Deadlines) -> u64 {
        self.exchange.deadline(limits)
    }

    /// Body bytes received and sent so far.
    pub(crate) fn moved(&self) -> Transferred {
        let sent = self.sent.as_ref().map_or(0, |sent| sent.get());
        Transferred { sent, received: self.exchange.received() }
    }

    fn cancel(&mut self) {
        if let Some(sends) = &mut self.sends {
            sends.send_reset(Reason::CANCEL);
        }
    }

    /// Takes what has come.
    fn take(
        &mut self,
        prepared: &PreparedRequest,
        waker: &Waker,
        now_ns: u64,
    ) -> Poll<Result<(), StreamError>> {
        let cx = &mut Context::from_waker(waker);
        loop {
            match &mut self.takes {
                ResponseState::Failed(error, retry_safety) => {
                    return Poll::Ready(Err(StreamError::Unsent(error.clone(), *retry_safety)));
                }
                ResponseState::Head(head) => {
                    let Poll::Ready(response) = Pin::new(head).poll(cx)? else {
                        return Poll::Pending;
                    };
                    let (head, body) = response.into_parts();
                    beyond(&head.headers, prepared.limits)?;
                    self.status = Some(head.status.as_u16());
                    self.exchange.came(size(&head.headers), now_ns);
                    let status = head.status.as_u16();
                    if self.exchange.wants_head(prepared, status) {
                        let mut usual = [EMPTY_HEADER; USUAL_HEADERS];
                        let mut sink = self.exchange.sink(prepared);
                        if head.headers.len() <= USUAL_HEADERS {
                            sink.head(status, seen(&head.headers, &mut usual));
                        } else {
                            let mut many = vec![EMPTY_HEADER; head.headers.len()];
                            sink.head(status, seen(&head.headers, &mut many));
                        }
                    }
                    self.takes = ResponseState::Body(body);
                }
                ResponseState::Body(body) => {
                    let Poll::Ready(piece) = body.poll_data(cx) else { return Poll::Pending };
                    let Some(piece) = piece.transpose()? else {
                        // Trailers are read, and mean nothing here.
                        return body.poll_trailers(cx).map_ok(|_| ()).map_err(StreamError::from);
                    };
                    // Fails only where the stream has ended already.
                    let _ = body.flow_control().release_capacity(piece.len());
                    self.exchange.came(piece.len(), now_ns);
                    self.exchange.sink(prepared).body(&piece);
                }
            }
        }
    }
}

/// The bytes of a head, as they would be written.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>().max(1)
}

/// Says which limit a head exceeds; sizes are HTTP/2's (RFC 9113, 6.5.2).
fn beyond(headers: &HeaderMap, limits: AnswerLimits) -> Result<(), StreamError> {
    let bytes = size(headers) as u64 + 28 * headers.len() as u64;
    let over = |words: &str, key, limit: u32| {
        let words = format!("more than {limit} {words}");
        Err(StreamError::Unsent(
            RequestError::over_limit(&words, key, limit.into()),
            RetrySafety::Unsafe,
        ))
    };
    if headers.len() as u64 > u64::from(limits.headers) {
        over("headers", "headers", limits.headers)
    } else if bytes > u64::from(limits.head) {
        over("bytes of head", "head", limits.head)
    } else {
        Ok(())
    }
}

/// The headers in the form for checks.
fn seen<'a, 'b>(headers: &'a HeaderMap, room: &'b mut [Header<'a>]) -> &'b [Header<'a>] {
    let mut count = 0;
    for (slot, (name, value)) in room.iter_mut().zip(headers) {
        *slot = Header { name: name.as_str(), value: value.as_bytes() };
        count += 1;
    }
    &room[..count]
}
