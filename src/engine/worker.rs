//! Turns a process into one share of the load: takes its assignment from standard input and runs the loop of its protocol.

use super::clock::Clock;
use super::hold::{Epoll, Hold};
use super::http::{self, Requests, scripts};
use super::link::Link;
use super::load::Load;
use super::process_stats::ProcessStats;
use super::wire::{Assignment, FromWorker, ToWorker, VERSION};
use crate::plan::{Plan, Protocol, Source};
use crate::protocol::http::Stock;
use crate::protocol::tls;
use crate::schedule::Schedule;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use std::io;

/// Runs a worker to its end. An error means that the coordinator is gone, or has been told why nothing can be done.
pub fn work() -> io::Result<()> {
    // A worker that stands still would not see its pipe close.
    set_pdeathsig(Signal::SIGKILL)?;
    // A terminal that is gone is the coordinator's business: it ends the run, and this process with it.
    let mut hangup = SigSet::empty();
    hangup.add(Signal::SIGHUP);
    hangup.thread_block()?;
    let mut link = Link::standard()?;
    let ToWorker::Assign(assignment) = link.wait()? else {
        return Err(io::Error::other("the first message is no assignment"));
    };
    let load = match understand(*assignment) {
        Ok(load) => load,
        Err(why) => {
            link.send(&FromWorker::Failed { why })?;
            return link.flush_all();
        }
    };
    link.send(&FromWorker::Ready { version: VERSION, facts: ProcessStats::open().facts() })?;
    let ToWorker::Start { t0_ns } = link.wait()? else {
        return Err(io::Error::other("the second message is no start"));
    };
    let clock = Clock::starting_at(t0_ns);
    std::thread::sleep(clock.until_start());
    match load.scenario().protocol {
        Protocol::TcpHold(_) => {
            let Some(mut hold) = Hold::new(Epoll::new(clock, link, load.clone())?, load) else {
                return Ok(());
            };
            hold.run()?;
            hold.into_host().finish()
        }
        Protocol::Http(_) => requests(load, clock, link),
    }
}

/// The load behind an assignment, or why there is none.
fn understand(assignment: Assignment) -> Result<Load, String> {
    if assignment.version != VERSION {
        return Err(format!(
            "the coordinator speaks version {} of the messages, this worker {VERSION}",
            assignment.version
        ));
    }
    let source = Source { name: assignment.plan_name, text: assignment.plan_text };
    let environment = |name: &str| std::env::var(name).ok();
    let plan = Plan::parse(&source, &assignment.overrides, &environment)
        .map_err(|_| "the plan that the coordinator sent is not valid here".to_owned())?;
    let scenario = usize::from(assignment.scenario);
    if scenario >= plan.scenarios.len() || assignment.addresses.is_empty() {
        return Err("the assignment does not fit the plan".to_owned());
    }
    let tls = match &assignment.tls {
        Some(peers) => Some(tls::Client::new(peers).map_err(|error| error.to_string())?),
        None => None,
    };
    let stock = match &plan.scenarios[scenario].protocol {
        Protocol::Http(http) => {
            Stock::new(http, assignment.files).map_err(|wrong| wrong.to_string())?
        }
        Protocol::TcpHold(_) => Stock::default(),
    };
    let schedule = Schedule::new(&plan);
    let timeline = schedule.timelines().swap_remove(scenario);
    Ok(Load {
        scenario,
        partition: assignment.partition,
        schedule: schedule.scenario(scenario).clone(),
        timeline,
        addresses: assignment.addresses,
        origins: assignment.origins,
        sources: assignment.sources,
        ports: assignment.ports,
        tls,
        stock: stock.into(),
        rows: assignment.rows,
        plan,
    })
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
