//! One pass of a scenario of requests, as an arrival of a run makes it.

use super::super::clock::{Clock, monotonic_ns};
use super::super::load::Load;
use super::super::trial::{HttpExchange, TrialError, idle_link};
use super::super::worker::{Host, Worker};
use super::observed::ObservedSockets;
use super::{HttpWorker, request_sets};
use crate::plan::Http;
use crate::workload::http::variables;

/// Sends the requests of one pass, that of arrival `number`, and hands over each exchange once it
/// has ended.
///
/// # Errors
/// Where the requests cannot be built, or the kernel gives no descriptors.
pub(in crate::engine) fn one_pass(
    load: Load,
    http: &Http,
    number: u64,
    show: &mut dyn FnMut(HttpExchange),
) -> Result<(), TrialError> {
    let sets = request_sets(&load, http)?;
    let (link, _other_ends) = idle_link()?;
    let clock = Clock::starting_at(monotonic_ns());
    let names = variables(http);
    let host = ObservedSockets::new((clock, link), (load.clone(), http), sets, names)?;
    let mut worker = HttpWorker::new(host, load, http);
    worker.arrive(number, 0, clock.now_ns());
    let mut ready = Vec::new();
    while worker.in_flight > 0 {
        let until_ns = [worker.timeouts.next_ns(), worker.wake_ups.next_ns()];
        ready.clear();
        worker.take_pending(&mut ready);
        worker.host.wait(until_ns.into_iter().flatten().min().unwrap_or(u64::MAX), &mut ready)?;
        worker.react(&ready);
        let now = worker.host.now_ns();
        worker.expire_timers(now);
        worker.wake_thinkers(now);
        worker.host.take_ended().into_iter().for_each(&mut *show);
    }
    worker.host.take_ended().into_iter().for_each(show);
    worker.end_all(clock.now_ns());
    Ok(())
}
