//! Turns one attempt into a connection, a request and an answer, and books what came of it.

use super::Exchange;
use super::book::{Attempt, Book, Ending};
use super::leave::Settling;
use crate::plan::TimeMetric;
use crate::protocol::http::{Fault, Level};
use crate::record::{Counter, Origin, Phase};
use std::rc::Rc;
use tokio::time::Instant;

/// What the next request of the same lane has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Go,
    /// No connection came about.
    Unconnected,
    /// The generator itself failed.
    Local,
}

/// Carries out one request. `settling` is let go of once its connection has been tried.
///
/// A request may meet the moment in which the server closes an idle connection. Where that shows (a connection that has served
/// before ends without one byte of an answer) and the request may be sent twice, it is sent once more on a new connection and
/// counted as `retried`; whatever comes of that is its outcome, and its time runs from the first sending. Nothing else is retried.
pub(super) async fn carry_out<E: Exchange>(
    lane: &mut E,
    attempt: Attempt,
    request: usize,
    settling: &mut Option<Settling>,
) -> After {
    let begun = Instant::now();
    let book = Rc::clone(&attempt.book);
    let deadline = begun + book.timeout;
    let mut ending = Ending { request, begun_ns: book.ns(begun), ..Ending::default() };
    let mut retried = false;
    loop {
        if !lane.is_open().await {
            let opened = open(lane, &attempt, &book, deadline).await;
            drop(settling.take());
            if let Err(fault) = opened {
                ending.ended_ns = book.ns(Instant::now());
                let after = after(&fault);
                ending.fault = Some(fault);
                attempt.end(ending);
                return after;
            }
        }
        let answer = lane.send(request, deadline).await;
        ending.sent_ns = ending.sent_ns.or(Some(book.ns(answer.sent)));
        book.write(attempt.key, |cell| {
            cell.counters.add(Counter::BytesSent, lane.body_bytes(request));
        });
        if answer.idle_close && !retried && lane.is_idempotent(request) {
            retried = true;
            book.write(attempt.key, |cell| cell.count(Counter::Retried));
            continue;
        }
        let after = answer.fault.as_ref().map_or(After::Go, after);
        ending.first_byte_ns = answer.first_byte.map(|first| book.ns(first));
        ending.ended_ns = book.ns(answer.ended);
        ending.status = answer.status;
        ending.body_bytes = answer.body_bytes;
        ending.fault = answer.fault;
        attempt.end(ending);
        return after;
    }
}

async fn open<E: Exchange>(
    lane: &mut E,
    attempt: &Attempt,
    book: &Book,
    deadline: Instant,
) -> Result<(), Fault> {
    book.write(attempt.key, |cell| cell.count(Counter::ConnectAttempts));
    let level = Level::up(&book.levels.connecting);
    let since = Instant::now();
    let opened = lane.open(deadline).await;
    let took = Instant::now() - since;
    drop(level);
    book.write(attempt.key, |cell| match &opened {
        Ok(()) => {
            cell.count(Counter::ConnectOk);
            cell.time(TimeMetric::ConnectTime, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
        Err(fault) if after(fault) == After::Local => cell.count(Counter::ConnectFailedLocal),
        Err(_) => cell.count(Counter::ConnectFailed),
    });
    opened
}

fn after(fault: &Fault) -> After {
    match (fault.cause.failure.origin(), fault.cause.phase) {
        (Origin::Local, _) => After::Local,
        (_, Phase::Connect) => After::Unconnected,
        _ => After::Go,
    }
}
