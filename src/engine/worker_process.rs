//! The entry point of a worker process: reads its manifest and its assignment from standard input,
//! and drives the worker of its protocol.

use super::Link;
use super::channel::wire::{FromWorker, ToWorker};
use super::clock::{Clock, ClockReading};
use super::hold::{HoldSockets, HoldWorker};
use super::http::{HttpSockets, HttpWorker, request_sets};
use super::load::Load;
use super::process_stats::ProcessStats;
use super::worker::drive;
use crate::plan::{Endpoint, Heartbeat, HoldSettings, Http, Protocol};
use crate::workload::hold::Conversation;
use crate::workload::hold::dialogue::TcpDialogue;
use crate::workload::hold::raw::RawTcp;
use crate::workload::hold::websocket::{self, WebSocketClient};
use crate::workload::hold::writer::MessageWriter;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use std::io;

/// Runs a worker to its end.
///
/// # Errors
/// Where the coordinator is gone, or is not of this version.
pub fn work() -> io::Result<()> {
    // A worker that is stopped would not see its pipe close.
    set_pdeathsig(Signal::SIGKILL)?;
    // The coordinator handles the loss of the terminal: it ends the run, and this process with it.
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
    match load.scenario().protocol.clone() {
        Protocol::Hold(settings) => {
            if let Some(websocket) = websocket(&load, &settings) {
                let client = WebSocketClient::new(websocket).of_users(writer(&load));
                return hold(load, clock, link, settings, client);
            }
            if TcpDialogue::is_needed(&settings) {
                let dialogue = TcpDialogue::new(&settings, writer(&load));
                return hold(load, clock, link, settings, dialogue);
            }
            let raw = RawTcp::new(&settings);
            hold(load, clock, link, settings, raw)
        }
        Protocol::Http(http) => requests(load, clock, link, &http),
    }
}

/// Drives a worker that holds connections.
fn hold<C: Conversation>(
    load: Load,
    clock: Clock,
    link: Link,
    settings: HoldSettings,
    conversation: C,
) -> io::Result<()> {
    let host = HoldSockets::host(clock, link, load.clone())?;
    drive(HoldWorker::new(host, load, settings, conversation))?.finish()
}

/// The writer of messages for a worker's users.
pub(super) fn writer(load: &Load) -> MessageWriter {
    let (share, block) = (load.partition, load.schedule.block);
    MessageWriter::new(Box::new(move |slot| share.nth_owned(u64::from(slot), block)))
}

/// The settings of WebSocket conversations, if the plan has any.
pub(super) fn websocket(load: &Load, settings: &HoldSettings) -> Option<websocket::Settings> {
    let websocket = settings.websocket.as_deref()?;
    let path = |own: &str| websocket.path.as_deref().unwrap_or(own).to_owned();
    let places = (0..load.addresses.len()).map(|at| {
        let origin = load.origins.get(at).copied().unwrap_or_default();
        match &load.plan.target(load.scenario()).endpoint {
            Endpoint::Urls(urls) if usize::from(origin) < urls.len() => {
                let url = &urls[usize::from(origin)];
                (url.host_header.to_string(), path(&url.path))
            }
            _ => (load.addresses[at].to_string(), path("/")),
        }
    });
    let is_binary = websocket.is_binary;
    let heartbeat = match &settings.heartbeat {
        Some(Heartbeat::Client { .. }) if websocket.beats_by_ping => {
            websocket::HeartbeatFrame::Pong
        }
        Some(Heartbeat::Client { send, .. }) => {
            websocket::HeartbeatFrame::Reply { payload: send.clone() }
        }
        Some(Heartbeat::Server { .. }) if websocket.beats_by_ping => {
            websocket::HeartbeatFrame::Pings
        }
        Some(Heartbeat::Server { .. }) | None => websocket::HeartbeatFrame::Messages,
    };
    Some(websocket::Settings {
        places: places.collect(),
        headers: websocket
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        protocols: websocket.subprotocols.clone(),
        expect: settings.expect.clone(),
        heartbeat,
        max_message: websocket.max_message,
        opening: settings.opening.iter().flat_map(|one| one.steps.clone()).collect(),
        own: settings.send_every.as_ref().map(|own| own.send.clone()),
        is_binary,
        secrets: settings.secrets.clone(),
        seed: fastrand::u64(..),
    })
}

/// Drives a worker that sends HTTP requests.
fn requests(load: Load, clock: Clock, mut link: Link, http: &Http) -> io::Result<()> {
    let request_sets = match request_sets(&load, http) {
        Ok(request_sets) => request_sets,
        Err(error) => {
            link.send(&FromWorker::Failed { why: error.to_string() })?;
            return link.flush_all();
        }
    };
    let host = HttpSockets::host(clock, link, (load.clone(), http), request_sets)?;
    drive(HttpWorker::new(host, load, http))?.finish()
}
