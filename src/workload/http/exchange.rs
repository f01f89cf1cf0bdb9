//! Turns what comes of one request into an answer, whatever carries it.

use super::body::Check;
use super::fault::Fault;
use super::judge::{Judged, Taker, judge};
use super::look::{Gains, Looking};
use super::script::Prepared;
use crate::record::{Failure, FailureStage};

/// What came of one request that was sent. Moments are the caller's, in nanoseconds.
#[derive(Debug)]
pub struct Answer {
    /// What is wrong with it; `None` is a success.
    pub fault: Option<Fault>,
    /// The status, once a head has come.
    pub status: Option<u16>,
    /// Bytes of the body that came, without their framing.
    pub body_bytes: u64,
    /// Bytes of the request's body that went, as [`Moved::sent`] has them.
    pub sent_bytes: u64,
    /// When the first byte of the answer came.
    pub first_byte_ns: Option<u64>,
    /// When the last byte came, or the fault.
    pub ended_ns: u64,
    /// Whether the request may be sent again.
    pub unseen: Unseen,
    /// The checks that do not hold, as bits by their place in the request; `None` without a whole
    /// answer to judge.
    pub broken: Option<u64>,
    /// Whether a value that later steps need was not found in it.
    pub lacks: bool,
    /// What it gives to the session.
    pub gains: Option<Box<Gains>>,
}

/// Whether a request that was not answered may be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unseen {
    /// It may not: the server has seen it, as far as one can tell, or the plan does not let it.
    #[default]
    No,
    /// The connection had served before, and was closed or reset without one byte more: the server
    /// may have closed it for idleness while the request was on its way. The plan lets such a
    /// request be sent again.
    Perhaps,
    /// The server says that it has not processed it (RFC 9113, 8.7).
    Surely,
}

/// Bytes of bodies, without their framing, that one sending of a request has moved so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Of the request: what the kernel took; with TLS what its session took, which holds back at
    /// most one record; with HTTP/2 what the flow control of the connection let out.
    pub sent: u64,
    /// Of the answer.
    pub received: u64,
}

/// When a request is out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
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
    first_byte_ns: Option<u64>,
    check: Check,
    looking: Option<Box<Looking>>,
}

impl Exchange {
    /// Of a request that is sent now.
    pub(super) fn new(request: usize, prepared: &Prepared) -> Self {
        Self {
            looking: prepared.looks.as_ref().map(|looks| Box::new(Looking::new(looks))),
            ..Self::none(u32::try_from(request).unwrap_or(u32::MAX))
        }
    }

    /// Of nothing yet.
    pub(super) fn none(request: u32) -> Self {
        Self { request, bytes: 0, first_byte_ns: None, check: Check::default(), looking: None }
    }

    /// So much more of the answer has come.
    pub(super) fn came(&mut self, bytes: usize, now_ns: u64) {
        self.first_byte_ns.get_or_insert(now_ns);
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

    /// Who takes what has come.
    pub(super) fn taker<'a>(&'a mut self, prepared: &'a Prepared) -> Taker<'a> {
        Taker { prepared, check: &mut self.check, looking: self.looking.as_deref_mut() }
    }

    /// Whether somebody looks at the headers.
    pub(super) fn looks(&self) -> bool {
        self.looking.is_some()
    }

    /// When it is out of time.
    pub(super) fn deadline(&self, limits: Limits) -> u64 {
        if self.bytes == 0 { limits.first_byte_ns.min(limits.whole_ns) } else { limits.whole_ns }
    }

    /// It is out of time.
    pub(super) fn late(&self, limits: Limits) -> Fault {
        let waits = self.bytes == 0 && limits.first_byte_ns < limits.whole_ns;
        let failure = if waits { Failure::FirstByteTimeout } else { Failure::RequestTimeout };
        self.fault(failure, "out of time")
    }

    /// What the end of an idle connection comes to that a request met: it may be sent again, or
    /// this is its failure.
    pub(super) fn idle_close(prepared: &Prepared, fault: Fault) -> (Fault, Unseen) {
        if prepared.is_repeatable() {
            return (fault, Unseen::Perhaps);
        }
        let words = format!(
            "the server closed the idle connection before it answered; {}",
            prepared.words_on_retry()
        );
        (Fault::new(Failure::ClosedIdle, FailureStage::Request, words), Unseen::No)
    }

    pub(super) fn fault(&self, failure: Failure, what: &str) -> Fault {
        Fault::new(failure, FailureStage::Request, format!("{what} after {} bytes", self.bytes))
    }

    /// An answer that is whole, be it the right one or not.
    pub(super) fn whole(
        &mut self,
        prepared: &Prepared,
        status: Option<u16>,
        now_ns: u64,
    ) -> Answer {
        let looked = self.looking.take().zip(prepared.looks.as_deref());
        let looked = match looked {
            Some((looking, looks)) if looks.redirects && looking.redirects() => {
                let gains = Some(Box::new(looking.into_gains()));
                return Answer { gains, ..self.answer(None, status, now_ns) };
            }
            Some((looking, looks)) => Some(looking.finish(looks, self.check.received())),
            None => None,
        };
        let wrong_body = self.check.finish(prepared.expected.as_ref().map(|(_, body)| &**body));
        let Judged { mut fault, broken, lacks, gains } =
            judge(prepared, status.unwrap_or(0), wrong_body.err(), looked);
        if let Some(fault) = &mut fault {
            self.show_answer(prepared, fault, status);
        }
        Answer { broken, lacks, gains, ..self.answer(fault, status, now_ns) }
    }

    /// One that did not end in order.
    pub(super) fn broken(
        &mut self,
        prepared: &Prepared,
        mut fault: Fault,
        status: Option<u16>,
        now_ns: u64,
    ) -> Answer {
        self.looking = None;
        self.show_answer(prepared, &mut fault, status);
        self.answer(Some(fault), status, now_ns)
    }

    /// Adds to the words of a fault what came: the status, and how the body begins.
    fn show_answer(&self, prepared: &Prepared, fault: &mut Fault, status: Option<u16>) {
        let Some(status) = status else { return };
        if fault.cause.failure != Failure::Status {
            fault.sample = format!("{}; status {status}", fault.sample);
        }
        let expected = prepared.expected.as_ref().map(|(_, body)| &**body);
        fault.sample.push_str(&self.check.beginning(expected, &prepared.secrets));
    }

    fn answer(&self, fault: Option<Fault>, status: Option<u16>, ended_ns: u64) -> Answer {
        Answer {
            fault,
            status,
            body_bytes: self.received(),
            sent_bytes: 0,
            first_byte_ns: self.first_byte_ns,
            ended_ns,
            unseen: Unseen::No,
            broken: None,
            lacks: false,
            gains: None,
        }
    }
}
