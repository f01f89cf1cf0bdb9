//! Turns the response to one request into its outcome, for both versions of HTTP.

use super::assertions::FilledValues;
use super::body::BodyComparison;
use super::capture::{Capture, CapturedResponse};
use super::error::RequestError;
use super::inspector::{Extracted, ResponseInspector};
use super::judge::{BodySink, ResponseJudgement, judge};
use super::request_set::PreparedRequest;
use crate::record::{Cause, Failure, FailureStage};
use crate::units::narrow32;

/// The outcome of one request that was sent. Times are nanoseconds of the caller's clock.
#[derive(Debug)]
pub(crate) struct RequestOutcome {
    /// The error; `None` is a success.
    pub error: Option<RequestError>,
    /// The status, once a head has come.
    pub status: Option<u16>,
    /// Bytes of the body that came, without their framing.
    pub body_bytes: u64,
    /// Bytes of the request's body that went, as [`Moved::sent`] has them.
    pub sent_bytes: u64,
    /// When the first byte of the answer came.
    pub first_byte_ns: Option<u64>,
    /// When the last byte arrived, or the error occurred.
    pub ended_ns: u64,
    /// Whether the request may be sent again.
    pub retry_safety: RetrySafety,
    /// The checks that do not hold, as bits by their place in the request; `None` without a whole
    /// answer to judge.
    pub failed_checks: Option<u64>,
    /// Whether a value that later steps need was not found in it.
    pub misses_value: bool,
    /// The values extracted for the session.
    pub extracted: Option<Box<Extracted>>,
    /// The response, if it is kept.
    pub captured: Option<Box<CapturedResponse>>,
}

/// Whether a request that was not answered may be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RetrySafety {
    /// It may not: the server has seen it, as far as one can tell, or the plan does not let it.
    #[default]
    Unsafe,
    /// The connection had served before, and was closed or reset without one byte more: the server
    /// may have closed the idle connection just as the request was sent. The plan lets such a
    /// request be sent again.
    Permitted,
    /// The server has reported that it did not process it (RFC 9113, 8.7).
    Safe,
}

/// Bytes of bodies, without their framing, that one sending of a request has moved so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transferred {
    /// Of the request: as far as the kernel accepted it; with TLS as far as the session did, which
    /// buffers at most one record; with HTTP/2 as far as flow control permitted.
    pub sent: u64,
    /// Of the answer.
    pub received: u64,
}

/// When a request is out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Until the first byte has come.
    pub first_byte_ns: u64,
    /// Until the last byte has come.
    pub whole_ns: u64,
}

/// One request, and what has come of its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    /// By its index in the plan.
    pub(super) request: u32,
    /// Of the answer, as far as it has come.
    bytes: u64,
    has_begun: bool,
    /// When the answer began, if it has.
    first_byte_ns: u64,
    check: BodyComparison,
    inspector: Option<Box<ResponseInspector>>,
    capture: Option<Box<Capture>>,
}

impl Exchange {
    /// Of a request that is sent now. `filled`: the values of checks that are filled in for it.
    pub(super) fn new(request: usize, prepared: &PreparedRequest, filled: FilledValues) -> Self {
        Self {
            inspector: prepared
                .assertions
                .as_ref()
                .map(|assertions| Box::new(ResponseInspector::new(assertions, filled))),
            ..Self::none(narrow32(request))
        }
    }

    /// Of nothing yet.
    pub(super) fn none(request: u32) -> Self {
        Self {
            request,
            bytes: 0,
            has_begun: false,
            first_byte_ns: 0,
            check: BodyComparison::default(),
            inspector: None,
            capture: None,
        }
    }

    /// Counts `bytes` more of the response.
    pub(super) fn came(&mut self, bytes: usize, now_ns: u64) {
        if !self.has_begun {
            (self.has_begun, self.first_byte_ns) = (true, now_ns);
        }
        self.bytes += bytes as u64;
    }

    /// Bytes of the answer so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the answer's body so far.
    pub(super) fn received(&self) -> u64 {
        self.check.received()
    }

    /// The receiver of the response.
    pub(super) fn sink<'a>(&'a mut self, prepared: &'a PreparedRequest) -> BodySink<'a> {
        BodySink {
            prepared,
            check: &mut self.check,
            inspector: self.inspector.as_deref_mut(),
            capture: &mut self.capture,
        }
    }

    /// Whether anybody looks at the head of a response with this status.
    pub(super) fn wants_head(&self, prepared: &PreparedRequest, status: u16) -> bool {
        self.inspector.is_some()
            || prepared.expected.is_some()
            || prepared.captured_body.is_some()
            || prepared.failing.hopes()
            || prepared.may_show(status)
    }

    /// When it is out of time.
    pub(super) fn deadline(&self, limits: Deadlines) -> u64 {
        if self.bytes == 0 { limits.first_byte_ns.min(limits.whole_ns) } else { limits.whole_ns }
    }

    /// It is out of time.
    pub(super) fn late(&self, limits: Deadlines) -> RequestError {
        let waits = self.bytes == 0 && limits.first_byte_ns < limits.whole_ns;
        let failure = if waits { Failure::FirstByteTimeout } else { Failure::RequestTimeout };
        self.error(failure, "out of time")
    }

    /// The reaction if a request met the end of an idle connection: it may be sent again, or this
    /// is its failure.
    pub(super) fn idle_close(
        prepared: &PreparedRequest,
        error: RequestError,
    ) -> (RequestError, RetrySafety) {
        if prepared.is_repeatable() {
            return (error, RetrySafety::Permitted);
        }
        let words = format!(
            "the server closed the idle connection before it answered; {}",
            prepared.words_on_retry()
        );
        (RequestError::new(Failure::ClosedIdle, FailureStage::Request, words), RetrySafety::Unsafe)
    }

    pub(super) fn error(&self, failure: Failure, what: &str) -> RequestError {
        RequestError::new(
            failure,
            FailureStage::Request,
            format!("{what} after {} bytes", self.bytes),
        )
    }

    /// An answer that is whole, be it the right one or not.
    pub(super) fn whole(
        &mut self,
        prepared: &PreparedRequest,
        status: Option<u16>,
        now_ns: u64,
    ) -> RequestOutcome {
        if self.inspector.is_none() && prepared.expected.is_none() {
            // Of most responses nothing but the status is judged.
            let (is_expected, failed) = prepared.statuses(status.unwrap_or(0));
            if is_expected {
                let failed_checks = Some(failed);
                return RequestOutcome { failed_checks, ..self.answer(None, status, now_ns) };
            }
        }
        let inspection = self.inspector.take().zip(prepared.assertions.as_deref());
        let inspection = match inspection {
            Some((inspector, assertions)) if assertions.redirects && inspector.redirects() => {
                let extracted = Some(Box::new(inspector.into_gains()));
                return RequestOutcome { extracted, ..self.answer(None, status, now_ns) };
            }
            Some((inspector, assertions)) => {
                Some(inspector.finish(assertions, self.check.received()))
            }
            None => None,
        };
        let wrong_body = self.check.finish(prepared.expected.as_ref().map(|(_, body)| &**body));
        let ResponseJudgement { mut error, broken, lacks, extracted } =
            judge(prepared, status.unwrap_or(0), wrong_body.err(), inspection);
        if let Some(error) = &mut error {
            if prepared.by_proxy && status == Some(407) {
                error.cause =
                    Cause { failure: Failure::ProxyRefused, at: FailureStage::Proxy, code: 407 };
            }
            self.show_answer(prepared, error, status);
            prepared.response_failed(status.unwrap_or(0), self.capture.is_some());
        }
        RequestOutcome {
            failed_checks: broken,
            misses_value: lacks,
            extracted,
            ..self.answer(error, status, now_ns)
        }
    }

    /// One that did not end in order.
    pub(super) fn broken(
        &mut self,
        prepared: &PreparedRequest,
        mut error: RequestError,
        status: Option<u16>,
        now_ns: u64,
    ) -> RequestOutcome {
        self.inspector = None;
        self.show_answer(prepared, &mut error, status);
        self.answer(Some(error), status, now_ns)
    }

    /// Adds the status and the beginning of the body to an error's sample.
    fn show_answer(
        &self,
        prepared: &PreparedRequest,
        error: &mut RequestError,
        status: Option<u16>,
    ) {
        let Some(status) = status else { return };
        if error.cause.failure != Failure::Status {
            error.sample = format!("{}; status {status}", error.sample);
        }
        let expected = prepared.expected.as_ref().map(|(_, body)| &**body);
        error.sample.push_str(&self.check.beginning(expected, &prepared.secrets));
    }

    fn answer(
        &mut self,
        error: Option<RequestError>,
        status: Option<u16>,
        ended_ns: u64,
    ) -> RequestOutcome {
        RequestOutcome {
            error,
            status,
            body_bytes: self.received(),
            sent_bytes: 0,
            first_byte_ns: self.has_begun.then_some(self.first_byte_ns),
            ended_ns,
            retry_safety: RetrySafety::Unsafe,
            failed_checks: None,
            misses_value: false,
            extracted: None,
            captured: self.capture.take().map(|capture| Box::new(capture.into_response())),
        }
    }
}
