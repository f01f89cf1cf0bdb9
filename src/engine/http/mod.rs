//! Turns what falls due for one worker into HTTP requests, and these into facts.
//!
//! ```text
//!  Driver ── the schedule's hand: starts users, releases arrivals, dismisses, hands over every second
//!    ├ users stage:  a task a user: request, think, request …      (due when it is started)
//!    └ rate stage:   a task a connection; an arrival takes the one that was idle last, or a new one (due by the schedule)
//!         └ carry_out ── one request: connection, sending, answer ─▶ Book ─▶ Snapshot, once a second
//! ```
//!
//! **Invariant:** an attempt is booked when it falls due and ends in exactly one outcome: one that is let go of ends as unfinished.
//! **Invariant:** all of a request belongs to the part of the stage in which it was due.

mod book;
mod carry;
mod choice;
mod driver;
mod leave;
mod pool;
mod user;

use super::clock::Clock;
use super::facts::Own;
use super::load::Load;
use super::wire::{Notice, Order};
use crate::plan::{Endpoint, HostPort, Http, HttpUrl, Protocol};
use crate::protocol::http::{Answer, Ends, Fault, Lane, Script, ScriptError};
use book::Book;
use driver::Driver;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// One user's way to its target: what the loop asks of a protocol.
trait Exchange {
    /// Whether a request can be sent at once.
    async fn is_open(&mut self) -> bool;
    /// Opens a connection, by `deadline` at the latest.
    async fn open(&mut self, deadline: Instant) -> Result<(), Fault>;
    /// Sends a request and reads its answer, by `deadline` at the latest.
    async fn send(&mut self, request: usize, deadline: Instant) -> Answer;
    /// Ready when the server has closed the connection; never while there is none.
    async fn closed(&mut self);
    /// Whether a request may be sent twice.
    fn is_idempotent(&self, request: usize) -> bool;
    /// Bytes of a request's body.
    fn body_bytes(&self, request: usize) -> u64;
}

impl Exchange for Lane {
    async fn is_open(&mut self) -> bool {
        Self::is_open(self).await
    }

    async fn open(&mut self, deadline: Instant) -> Result<(), Fault> {
        Self::open(self, deadline).await
    }

    async fn send(&mut self, request: usize, deadline: Instant) -> Answer {
        Self::send(self, request, deadline).await
    }

    async fn closed(&mut self) {
        Self::closed(self).await;
    }

    fn is_idempotent(&self, request: usize) -> bool {
        self.script().is_idempotent(request)
    }

    fn body_bytes(&self, request: usize) -> u64 {
        self.script().body_bytes(request)
    }
}

/// Why a worker's load cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A request cannot be built.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The scenario is not one of HTTP requests.
    #[error("cannot send requests: scenario `{0}` is not one of HTTP requests")]
    NotHttp(String),
}

/// Carries out one worker's part of a scenario of HTTP requests, on a current-thread runtime with I/O and time. Ends after `Done`, or
/// when `orders` is closed: the coordinator is gone.
pub async fn run(
    load: Load,
    clock: Clock,
    orders: mpsc::UnboundedReceiver<Order>,
    notices: mpsc::UnboundedSender<Notice>,
) -> Result<(), HttpError> {
    let start = Instant::now();
    let t0 = match u64::try_from(clock.until_start().as_nanos()) {
        Ok(0) | Err(_) => start - std::time::Duration::from_nanos(clock.now_ns()),
        Ok(ns) => start + std::time::Duration::from_nanos(ns),
    };
    let scenario = load.scenario();
    let Protocol::Http(http) = scenario.protocol.clone() else {
        return Err(HttpError::NotHttp(scenario.name.clone()));
    };
    let scripts = scripts(&load, &http)?;
    let book = Rc::new(Book::new(t0, &http, &load.timeline, Own::open()));
    let open = Rc::clone(&book.levels.open);
    let routes = load.clone();
    let make = move |number| {
        let (route, url) = (routes.route(number), turn(&routes, number, scripts.len()));
        let ends = Ends { to: route.to, from: route.from, port: route.port };
        Lane::new(Rc::clone(&scripts[url]), ends, Rc::clone(&open))
    };
    let driver = Driver::new(load, &http, book, make, notices);
    LocalSet::new().run_until(Box::pin(driver.run(orders))).await;
    Ok(())
}

/// The URL that goes with the address of user number `i`.
fn turn(load: &Load, i: u64, urls: usize) -> usize {
    let addresses = load.addresses.len().max(1) as u64;
    let address = usize::try_from(i / load.schedule.block % addresses).unwrap_or(0);
    address % urls
}

/// The URL of a server that listens at this address.
fn own_url(address: &SocketAddr) -> HttpUrl {
    HttpUrl {
        authority: HostPort { host: address.ip().to_string(), port: address.port() },
        host_header: address.to_string(),
        path: "/".into(),
    }
}

/// One script for each URL; a server that planrun started itself is known by its address.
fn scripts(load: &Load, http: &Http) -> Result<Vec<Rc<Script>>, ScriptError> {
    let own: Vec<HttpUrl>;
    let urls = match &load.plan.target(load.scenario()).endpoint {
        Endpoint::Urls(urls) => urls,
        Endpoint::Hosts(_) | Endpoint::Builtin(_) => {
            own = load.addresses.iter().map(own_url).collect();
            &own
        }
    };
    urls.iter().map(|url| Script::new(http, url).map(Rc::new)).collect()
}

#[cfg(test)]
mod tests;
