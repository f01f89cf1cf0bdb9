//! Turns a process into one worker: reads its manifest and its assignment from standard input, and runs the loop of its
//! protocol.

use super::Link;
use super::channel::wire::{FromWorker, ToWorker};
use super::clock::{Clock, ClockReading};
use super::hold::{Epoll, Hold};
use super::http::{self, Requests, scripts};
use super::load::Load;
use super::process_stats::ProcessStats;
use crate::plan::Protocol;
use crate::workload::hold::raw::Raw;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use std::io;

/// Runs a worker to its end.
///
/// # Errors
/// Where the coordinator is gone, or is not of this version.
pub fn work() -> io::Result<()> {
    // A worker that stands still would not see its pipe close.
    set_pdeathsig(Signal::SIGKILL)?;
    // A terminal that is gone is the coordinator's business: it ends the run, and this process with it.
    let mut hangup = SigSet::empty();
    hangup.add(Signal::SIGHUP);
    hangup.thread_block()?;
    let mut link = Link::standard()?;
    link.greet()?;
    let ToWorker::Manifest(manifest) = link.wait()? else {
        return Err(io::Error::other("the first message is not a manifest"));
    };
    let ToWorker::Assign(assignment) = link.wait()? else {
        return Err(io::Error::other("the second message is not an assignment"));
    };
    let load = match Load::of(*manifest, &assignment) {
        Ok(load) => load,
        Err(why) => {
            link.send(&FromWorker::Failed { why })?;
            return link.flush_all();
        }
    };
    let facts = ProcessStats::open().facts();
    link.send(&FromWorker::Ready { clock: ClockReading::now(), facts })?;
    let ToWorker::Start { t0 } = link.wait()? else {
        return Err(io::Error::other("the third message is not a start"));
    };
    let clock = t0.starts();
    std::thread::sleep(clock.until_start());
    match load.scenario().protocol {
        Protocol::TcpHold(ref settings) => {
            let (settings, raw) = (settings.clone(), Raw::new(settings));
            let epoll = Epoll::new(clock, link, load.clone())?;
            let mut hold = Hold::new(epoll, load, settings, raw);
            hold.run()?;
            hold.into_host().finish()
        }
        Protocol::Http(_) => requests(load, clock, link),
    }
}

/// The loop of HTTP requests.
fn requests(load: Load, clock: Clock, mut link: Link) -> io::Result<()> {
    let Protocol::Http(http) = &load.scenario().protocol else { return Ok(()) };
    let scripts = match scripts(&load, http) {
        Ok(scripts) => scripts,
        Err(error) => {
            link.send(&FromWorker::Failed { why: error.to_string() })?;
            return link.flush_all();
        }
    };
    let epoll = http::Epoll::new(clock, link, load.clone(), scripts)?;
    let Some(mut requests) = Requests::new(epoll, load) else { return Ok(()) };
    requests.run()?;
    requests.into_host().finish()
}
