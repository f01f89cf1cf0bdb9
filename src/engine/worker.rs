//! Turns a process into one share of the load: takes its assignment from standard input and runs the loop of its protocol.

use super::clock::{Clock, monotonic_ns};
use super::facts::{BEAT_NS, Own, Pulse};
use super::hold::{Epoll, Hold};
use super::link::Link;
use super::load::Load;
use super::wire::{Assignment, FromWorker, Notice, Order, ToWorker, VERSION};
use crate::plan::{Plan, Protocol, Source};
use crate::protocol::tls;
use crate::schedule::Schedule;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use std::io;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

/// Runs a worker to its end. An error means that the coordinator is gone, or has been told why nothing can be done.
pub fn work() -> io::Result<()> {
    // A worker that stands still would not see its pipe close.
    set_pdeathsig(Signal::SIGKILL)?;
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
    link.send(&FromWorker::Ready { version: VERSION, facts: Own::open().facts() })?;
    let ToWorker::Start { t0_ns } = link.wait()? else {
        return Err(io::Error::other("the second message is no start"));
    };
    let clock = Clock::starting_at(t0_ns);
    match load.scenario().protocol {
        Protocol::TcpHold(_) => {
            std::thread::sleep(clock.until_start());
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
    let schedule = Schedule::new(&plan);
    let timeline = schedule.timelines().swap_remove(scenario);
    Ok(Load {
        scenario,
        share: assignment.share,
        schedule: schedule.scenario(scenario).clone(),
        timeline,
        addresses: assignment.addresses,
        sources: assignment.sources,
        ports: assignment.ports,
        tls,
        plan,
    })
}

/// The loop of HTTP requests, on a runtime of its own that the pipe takes part in.
fn requests(load: Load, clock: Clock, mut link: Link) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(carry(load, clock, &mut link))?;
    link.flush_all()
}

/// Carries orders in and notices out while the loop runs.
async fn carry(load: Load, clock: Clock, link: &mut Link) -> io::Result<()> {
    let input = pipe::Receiver::from_owned_fd(link.input().try_clone()?.into())?;
    let output = pipe::Sender::from_owned_fd(link.output().try_clone()?.into())?;
    let mut buffer = vec![0; 16 << 10];
    let (give, orders) = mpsc::unbounded_channel::<Order>();
    let (notices, mut told) = mpsc::unbounded_channel();
    let mut work = std::pin::pin!(super::http::run(load, clock, orders, notices));
    let mut working = true;
    let mut pulse = Pulse::default();
    let mut beat = tokio::time::interval(Duration::from_nanos(BEAT_NS));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            result = &mut work, if working => {
                working = false;
                if let Err(error) = result {
                    link.queue(&FromWorker::Failed { why: error.to_string() })?;
                }
            }
            ready = input.readable() => {
                ready?;
                match input.try_read(&mut buffer) {
                    Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                    Ok(length) => link.feed(&buffer[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                while let Some(message) = link.take().map_err(io::Error::other)? {
                    if let ToWorker::Order(order) = message {
                        // A loop that has ended needs no more orders.
                        let _ = give.send(order);
                    }
                }
            }
            ready = output.writable(), if !link.unsent().is_empty() => {
                ready?;
                match output.try_write(link.unsent()) {
                    Ok(length) => link.sent(length),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            _ = beat.tick() => {
                let now = monotonic_ns();
                pulse.look(now, now + BEAT_NS);
            }
            notice = told.recv() => match notice {
                Some(Notice::Snapshot(mut snapshot)) => {
                    pulse.fill(&mut snapshot.worker);
                    link.queue(&FromWorker::Notice(Notice::Snapshot(snapshot)))?;
                }
                Some(notice) => link.queue(&FromWorker::Notice(notice))?,
                None if !working => return Ok(()),
                None => {}
            }
        }
    }
}
