//! A host that notes each exchange of the worker that it carries: what was sent, what came, how
//! long each part took.
//!
//! **Invariant:** it sends nothing of its own: every byte is what a run sends.

use super::super::clock::Clock;
use super::super::load::Load;
use super::super::trial::{HttpExchange, OpenedConnection, TrialEnd};
use super::super::wire::{WorkerCommand, WorkerReport};
use super::super::worker::{Epoll, Host, Ready, SlotId};
use super::super::{Link, trial};
use super::connection::HttpConnection;
use super::host::{Capacity, HttpHost};
use super::sockets::HttpSockets;
use crate::plan::Http;
use crate::record::{ConnectionEnd, WorkerFacts};
use crate::workload::http::{
    Deadlines, ExchangeStep, Extracted, Handshake, RequestError, RequestOutcome, RequestSet,
    SentRequest, SessionUpdate, Transferred, UserSession,
};
use std::io;

/// The sockets of requests, and what happened on them.
pub(super) struct ObservedSockets {
    host: Epoll<HttpSockets>,
    load: Load,
    /// The names of the values that steps extract.
    variables: Vec<String>,
    /// When the connection in progress began to open, and when it had opened.
    began_ns: u64,
    opened_ns: u64,
    /// When the tunnel of a forward proxy was open.
    tunnelled_ns: Option<u64>,
    /// The connection that was opened for the next exchange.
    connection: Option<OpenedConnection>,
    /// Exchanges in order; the last one may still be in progress.
    exchanges: Vec<HttpExchange>,
}

impl ObservedSockets {
    /// A host for the requests of `load`, with a request set for each of its addresses.
    pub(super) fn new(
        (clock, link): (Clock, Link),
        (load, http): (Load, &Http),
        sets: Vec<RequestSet>,
        variables: Vec<String>,
    ) -> io::Result<Self> {
        let sets = sets.into_iter().map(|set| set.capturing(trial::MOST_BODY)).collect();
        Ok(Self {
            host: HttpSockets::host(clock, link, (load.clone(), http), sets)?,
            load,
            variables,
            began_ns: 0,
            opened_ns: 0,
            tunnelled_ns: None,
            connection: None,
            exchanges: Vec::new(),
        })
    }

    /// The exchanges that have ended and were not taken before.
    pub(super) fn take_ended(&mut self) -> Vec<HttpExchange> {
        let in_progress = self.exchanges.last().is_some_and(HttpExchange::is_in_progress);
        let ended = self.exchanges.len() - usize::from(in_progress);
        self.exchanges.drain(..ended).collect()
    }

    fn begin_exchange(&mut self, request: u32, sent: SentRequest) {
        let sent_ns = self.host.now_ns();
        self.exchanges.push(HttpExchange {
            request: request as usize,
            connection: self.connection.take(),
            sent: Some(sent),
            sent_ns,
            ..HttpExchange::default()
        });
    }

    fn opened(&mut self, number: u64, tls: Option<(u64, bool)>) {
        let opened_ns = self.opened_ns;
        let tunnelled_ns = self.tunnelled_ns.take();
        self.connection = Some(OpenedConnection {
            to: self.load.route(number).to.to_string(),
            connect_ns: Some(opened_ns.saturating_sub(self.began_ns)),
            proxy_ns: tunnelled_ns.map(|at_ns| at_ns.saturating_sub(opened_ns)),
            tls_ns: tls.map(|(now, _)| now.saturating_sub(tunnelled_ns.unwrap_or(opened_ns))),
            is_resumed: tls.is_some_and(|(_, resumed)| resumed),
        });
    }

    /// Notes what came of the exchange in progress.
    fn response_ended(&mut self, outcome: &mut RequestOutcome) {
        let names = std::mem::take(&mut self.variables);
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.response = outcome.captured.take().map(|response| *response);
            exchange.first_byte_ns = outcome.first_byte_ns;
            exchange.ended_ns = Some(outcome.ended_ns);
            exchange.error = outcome.error.as_ref().map(|error| error.sample.clone());
            let values = outcome.extracted.iter().flat_map(|extracted| extracted.values());
            let named = |(at, value): &(usize, Box<str>)| {
                Some((names.get(*at)?.clone(), value.to_string()))
            };
            exchange.extracted = values.filter_map(named).collect();
        }
        self.variables = names;
    }
}

impl Host for ObservedSockets {
    fn now_ns(&self) -> u64 {
        self.host.now_ns()
    }

    fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.host.wait(until_ns, ready)
    }

    fn order(&mut self) -> Option<WorkerCommand> {
        None
    }

    fn report(&mut self, _report: WorkerReport) {}

    fn facts(&self) -> WorkerFacts {
        self.host.facts()
    }
}

impl HttpHost for ObservedSockets {
    type Connection = HttpConnection;

    fn join(&mut self, id: SlotId, number: u64, now_ns: u64) -> Option<HttpConnection> {
        self.host.join(id, number, now_ns)
    }

    fn connect(&mut self, id: SlotId, number: u64) -> Result<HttpConnection, RequestError> {
        (self.began_ns, self.opened_ns) = (self.host.now_ns(), 0);
        self.host.connect(id, number)
    }

    fn open(&mut self, connection: &mut HttpConnection, number: u64) -> Result<bool, RequestError> {
        let open = self.host.open(connection, number)?;
        if open {
            self.opened_ns = self.host.now_ns();
        }
        Ok(open)
    }

    fn secure(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
    ) -> Result<Handshake, RequestError> {
        let handshake = self.host.secure(connection, number)?;
        let now = self.host.now_ns();
        match handshake {
            Handshake::Pending => {}
            Handshake::Tunnelled => self.tunnelled_ns = Some(now),
            Handshake::NotNeeded => self.opened(number, None),
            Handshake::Full => self.opened(number, Some((now, false))),
            Handshake::Resumed => self.opened(number, Some((now, true))),
        }
        Ok(handshake)
    }

    fn connect_timed_out(
        &mut self,
        connection: &mut HttpConnection,
        number: u64,
        securing: bool,
    ) -> RequestError {
        self.host.connect_timed_out(connection, number, securing)
    }

    fn end_reason(&self, connection: &HttpConnection) -> Option<ConnectionEnd> {
        self.host.end_reason(connection)
    }

    fn leave(&mut self, connection: HttpConnection) -> bool {
        self.host.leave(connection)
    }

    fn capacity(
        &mut self,
        connection: &mut HttpConnection,
        since_ns: u64,
        now_ns: u64,
    ) -> Capacity {
        self.host.capacity(connection, since_ns, now_ns)
    }

    fn has_answered(&self, connection: &HttpConnection) -> bool {
        self.host.has_answered(connection)
    }

    fn refusal(&self, connection: &HttpConnection) -> Option<RequestError> {
        self.host.refusal(connection)
    }

    fn stream_timed_out(&mut self, connection: &mut HttpConnection, number: u64) -> RequestError {
        self.host.stream_timed_out(connection, number)
    }

    fn send(&mut self, connection: &mut HttpConnection, request: u32) -> bool {
        let sent = self.host.sockets.last_sent(connection, request);
        self.begin_exchange(request, sent);
        self.host.send(connection, request)
    }

    fn send_with_session(
        &mut self,
        connection: &mut HttpConnection,
        request: u32,
        session: &mut UserSession,
        now_ns: u64,
    ) -> Result<bool, RequestError> {
        let is_sent = self.host.send_with_session(connection, request, session, now_ns)?;
        let sent = self.host.sockets.last_sent(connection, request);
        self.begin_exchange(request, sent);
        Ok(is_sent)
    }

    fn update_session(
        &mut self,
        number: u64,
        session: &mut UserSession,
        gains: Extracted,
        now_ns: u64,
    ) -> SessionUpdate {
        let update = self.host.update_session(number, session, gains, now_ns);
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.notes.extend(update.lost.iter().map(|(_, words)| words.clone()));
            if update.follows.as_ref().is_ok_and(|follows| *follows) {
                exchange.notes.push("the redirect is followed".to_owned());
            }
        }
        update
    }

    fn describe(
        &self,
        number: u64,
        request: u32,
        session: Option<&UserSession>,
        words: String,
    ) -> String {
        self.host.describe(number, request, session, words)
    }

    fn attempt_ended(
        &mut self,
        request: u32,
        fault: Option<&RequestError>,
        failed_checks: Option<u64>,
    ) {
        let end = TrialEnd { error: fault.map(|fault| fault.sample.clone()), failed_checks };
        match self.exchanges.last_mut().filter(|last| last.end.is_none()) {
            Some(last) => last.end = Some(end),
            // Nothing was sent.
            None => self.exchanges.push(HttpExchange {
                request: request as usize,
                connection: self.connection.take(),
                end: Some(end),
                ..HttpExchange::default()
            }),
        }
    }

    fn advance(
        &mut self,
        connection: &mut HttpConnection,
        closed: bool,
        now_ns: u64,
    ) -> ExchangeStep {
        let mut step = self.host.advance(connection, closed, now_ns);
        if let ExchangeStep::Ended(outcome) = &mut step {
            self.response_ended(outcome);
        }
        step
    }

    fn deadline(&self, connection: &HttpConnection, limits: Deadlines) -> u64 {
        self.host.deadline(connection, limits)
    }

    fn time_out(
        &mut self,
        connection: &mut HttpConnection,
        limits: Deadlines,
        now_ns: u64,
    ) -> Option<RequestOutcome> {
        let mut outcome = self.host.time_out(connection, limits, now_ns)?;
        self.response_ended(&mut outcome);
        Some(outcome)
    }

    fn idle_event(&mut self, connection: &mut HttpConnection) {
        self.host.idle_event(connection);
    }

    fn takes_a_request(&self, connection: &HttpConnection) -> bool {
        self.host.takes_a_request(connection)
    }

    fn bytes_moved(&self, connection: &HttpConnection) -> Transferred {
        self.host.bytes_moved(connection)
    }
}
