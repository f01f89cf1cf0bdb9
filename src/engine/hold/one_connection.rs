//! One connection of a scenario that holds connections: its opening and its first messages, as a
//! run makes them.

use super::super::clock::{Clock, monotonic_ns};
use super::super::load::Load;
use super::super::trial::{HoldTrial, TrialError, idle_link, messages};
use super::super::wire::WorkerCommand;
use super::super::worker::{Host, LoopStep, Worker};
use super::observed::ObservedHoldSockets;
use super::slots::ConnectionState;
use super::{HoldSockets, HoldWorker};
use crate::plan::{Heartbeat, HoldSettings};
use crate::record::Transition;
use crate::workload::hold::Conversation;

/// How long the target is listened to where the plan expects nothing of it.
const QUIET_NS: u64 = 1_000_000_000;

/// How long more is listened to once all that is expected has come.
const LINGER_NS: u64 = 100_000_000;

/// How long the end of the conversation may take.
const CLOSING_NS: u64 = 1_000_000_000;

/// The slot of the only connection.
const SLOT: u32 = 0;

type Observer<C> = HoldWorker<ObservedHoldSockets, C>;

/// Opens the connection of the first user, hears what comes within `wait_ns`, and closes it.
///
/// # Errors
/// Where the kernel gives no descriptors.
pub(in crate::engine) fn one_connection<C: Conversation>(
    load: Load,
    settings: HoldSettings,
    conversation: C,
    wait_ns: u64,
) -> Result<HoldTrial, TrialError> {
    let (link, _other_ends) = idle_link()?;
    let clock = Clock::starting_at(monotonic_ns());
    let to = load.route(0).to.to_string();
    let expects =
        settings.expect.is_some() || settings.heartbeat.is_some() || settings.greeting.is_some();
    let host = ObservedHoldSockets::new(HoldSockets::host(clock, link, load.clone())?);
    let mut worker = HoldWorker::new(host, load, settings, conversation);
    worker.obey(&WorkerCommand::StartRamp { stage: 0 }, false);
    let mut trial = HoldTrial { to, expects, ..HoldTrial::default() };
    hear(&mut worker, &mut trial, wait_ns)?;
    trial.is_answered = trial.open_ns.is_some() && is_answered(&mut worker);
    end(&mut worker, clock)?;
    let now = clock.now_ns();
    let facts = worker.host.facts();
    let snapshot = worker.snapshot(0, now, facts);
    let failures = snapshot.cells.iter().flat_map(|(_, cell)| &cell.failures);
    trial.failures = failures.map(|(cause, tally)| (*cause, tally.sample.clone())).collect();
    let host = worker.into_host();
    trial.tls_ns = host.secured_ns.zip(host.securing_ns).map(|(end, begin)| end - begin);
    trial.connect_ns = host.securing_ns.or(trial.connect_ns).map(|at| at - trial.began_ns);
    trial.is_ended = host.is_ended;
    trial.messages = messages(&host.said, C::HAS_OPENING_HANDSHAKE);
    Ok(trial)
}

/// Hears what comes until all that is expected has come, the connection has failed, or it is time.
fn hear<C: Conversation>(
    worker: &mut Observer<C>,
    trial: &mut HoldTrial,
    wait_ns: u64,
) -> Result<(), TrialError> {
    let mut until_ns = wait_ns;
    let mut answered_ns = None;
    let mut began = false;
    loop {
        let now = step(worker, until_ns)?;
        let connection = worker.slots.get(SLOT);
        let (state, begun_ns) = (connection.state, connection.begun_ns);
        if state == ConnectionState::Free && began {
            return Ok(());
        }
        began |= state != ConnectionState::Free;
        if state != ConnectionState::Free {
            trial.began_ns = begun_ns;
        }
        if matches!(
            state,
            ConnectionState::Securing
                | ConnectionState::Handshaking
                | ConnectionState::Opening
                | ConnectionState::Open
        ) {
            trial.connect_ns.get_or_insert(now);
        }
        if state == ConnectionState::Open && trial.open_ns.is_none() {
            trial.open_ns = Some(now - begun_ns);
            // The first heartbeat is due a period later; nobody waits for that here.
            worker.beat(now, now);
            until_ns = now + if trial.expects { wait_ns } else { QUIET_NS.min(wait_ns) };
        }
        if trial.open_ns.is_some() && trial.expects && is_answered(worker) {
            let at = *answered_ns.get_or_insert(now);
            until_ns = until_ns.min(at + LINGER_NS);
        }
        let opening = trial.open_ns.is_none();
        // While it opens, the plan's own time-out ends it.
        if now >= until_ns && !opening {
            return Ok(());
        }
        if opening {
            until_ns = now + LINGER_NS;
        }
    }
}

/// Whether the first message has come, and the reply to the heartbeat.
fn is_answered<C: Conversation>(worker: &mut Observer<C>) -> bool {
    let beats = matches!(worker.settings.heartbeat, Some(Heartbeat::Client { .. }));
    let connection = worker.slots.get(SLOT);
    connection.verified && (!beats || connection.asked_ns == 0)
}

/// Lets the worker do what is due, and waits for events until `until_ns` at the latest.
fn step<C: Conversation>(worker: &mut Observer<C>, until_ns: u64) -> Result<u64, TrialError> {
    let now = worker.host.now_ns();
    let due_ns = match worker.do_what_is_due(now, false) {
        LoopStep::Finished | LoopStep::AtOnce => now,
        LoopStep::At(at_ns) => at_ns,
    };
    let mut ready = Vec::new();
    worker.take_pending(&mut ready);
    worker.host.wait(due_ns.min(until_ns), &mut ready)?;
    worker.react(&ready);
    Ok(worker.host.now_ns())
}

/// Ends the conversation as a run does.
fn end<C: Conversation>(worker: &mut Observer<C>, clock: Clock) -> Result<(), TrialError> {
    let now = clock.now_ns();
    worker.obey(&WorkerCommand::Transition { mark: Transition::Drain, at_ns: now }, false);
    worker.obey(&WorkerCommand::StartClosing, false);
    while !worker.stages.is_over() && clock.now_ns() < now + CLOSING_NS {
        step(worker, now + CLOSING_NS)?;
    }
    worker.end_all(clock.now_ns());
    Ok(())
}
