//! The agent of a host: claims a slot of a run, starts the host's workers, passes on what they and
//! the coordinator say to each other, and merges what they report into one message a second.
//!
//! **Invariant:** an agent only dials out; it ends itself, and all its workers, once it has not
//! heard of its coordinator for longer than the run allows.

#![expect(clippy::disallowed_methods, reason = "a coordinator that is silent is given up")]

mod allowed;
mod claim;
mod preparation;
mod relay;

pub use allowed::AllowedTarget;
pub use claim::AgentError;

use super::channel::broker::{Broker, LogReader, LogWriter, MessageStream, Room};
use super::channel::host_wire::{FromHost, RunNotice, ToHost};
use super::clock::monotonic_ns;
use crate::record::signal_name;
use bytes::Bytes;
use preparation::Prepared;
use relay::{Next, Relay};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How often the machine is looked at and the coordinator's silence is measured.
const TICK: Duration = Duration::from_millis(100);

/// How long an agent that has claimed a slot goes on without its coordinator, before that has said.
const FIRST_GRACE: Duration = Duration::from_secs(30);

/// How long what is said last may take to reach the broker.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(2);

/// The settings of an agent.
#[derive(Debug, Clone)]
pub struct AgentSpec {
    /// The program that is started as worker: planrun itself.
    pub exe: PathBuf,
    /// The broker.
    pub broker: String,
    /// The certificates that it is trusted by, besides those of the machine.
    pub broker_ca: Option<PathBuf>,
    /// The run's name at the broker.
    pub run: String,
    /// The slot that it takes; `None`: any that is free.
    pub slot: Option<u16>,
    /// The host's name.
    pub name: String,
    /// How long to wait for the run.
    pub wait: Duration,
    /// SHA-256 of the only plan that it takes part in, in hexadecimal; `None`: any.
    pub plan_sha256: Option<String>,
    /// Where it may send load; empty: anywhere.
    pub allowed: Vec<AllowedTarget>,
    /// Values of the environment, for the plan.
    pub environment: fn(&str) -> Option<String>,
    /// Tells whoever watches how far it is.
    pub say: fn(&str),
}

/// Takes part in a run to its end. `signals` brings the numbers of signals that ask for its end.
///
/// # Errors
/// Where it cannot take part, or was told to end before the run's end.
pub async fn attend(spec: &AgentSpec, mut signals: mpsc::Receiver<i32>) -> Result<(), AgentError> {
    let joined = tokio::select! {
        joined = claim::join(spec) => joined?,
        Some(signal) = signals.recv() => {
            return Err(AgentError::Ended { why: format!("it was interrupted by {}", signal_name(signal)) });
        }
    };
    let mut agent = Agent::new(spec, joined).await?;
    let ended = agent.follow(&mut signals).await;
    if let Err(error) = &ended {
        let why = match error {
            AgentError::Ended { why } | AgentError::NotFit { why } => why.clone(),
            AgentError::Broker(error) => error.to_string(),
        };
        agent.tell(&FromHost::Failed { why });
    }
    agent.relay.end().await;
    agent.log.is_stored(LAST_WORDS_WITHIN).await;
    ended
}

/// A slot that is claimed.
struct Joined {
    room: Room,
    notice: RunNotice,
    slot: u16,
    incarnation: u64,
}

/// An agent that has a slot.
struct Agent<'a> {
    spec: &'a AgentSpec,
    room: Room,
    slot: u16,
    orders: LogReader<ToHost>,
    log: LogWriter,
    beat: MessageStream,
    relay: Relay,
    grace: Duration,
    heard: Instant,
}

impl<'a> Agent<'a> {
    async fn new(spec: &'a AgentSpec, joined: Joined) -> Result<Self, AgentError> {
        let Joined { room, slot, incarnation, notice } = joined;
        let broker: Broker = room.broker().clone();
        let clock = broker.hear(&format!("clock.{slot}")).await?;
        let reading = || Bytes::copy_from_slice(&monotonic_ns().to_le_bytes());
        tokio::spawn(clock.answer_all(broker.clone(), reading));
        (spec.say)(&format!("slot {slot} of {} of run {}", notice.hosts, spec.run));
        Ok(Self {
            spec,
            slot,
            orders: LogReader::new(&room, &format!("to.{slot}"), 0).await?,
            log: LogWriter::new(&room, &format!("from.{slot}"), incarnation).await?,
            beat: broker.hear("beat").await?,
            relay: Relay::new(),
            grace: FIRST_GRACE,
            heard: Instant::now(),
            room,
        })
    }

    fn tell(&self, message: &FromHost) {
        self.log.send(message).unwrap_or_else(|error| {
            let why = format!("cannot send what it has to say: {error}");
            let _ = self.log.send(&FromHost::Failed { why });
        });
    }

    /// Does what it is told until it is released.
    async fn follow(&mut self, signals: &mut mpsc::Receiver<i32>) -> Result<(), AgentError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let next = tokio::select! {
                order = self.orders.next() => {
                    self.heard = Instant::now();
                    self.obey(order.map_err(|error| AgentError::ended(&error))?).await?
                }
                (worker, event) = self.relay.next_event() => self.relay.pass_on(worker, event)?,
                Some(_) = self.beat.next() => {
                    self.heard = Instant::now();
                    Next::Nothing
                }
                _ = tick.tick() => {
                    if self.heard.elapsed() > self.grace {
                        let silent = self.grace.as_secs();
                        return Err(AgentError::ended(&format!(
                            "it has not heard of its coordinator for {silent} s"
                        )));
                    }
                    self.relay.tick()
                }
                Some(signal) = signals.recv() => {
                    let name = signal_name(signal);
                    return Err(AgentError::ended(&format!("it was interrupted by {name}")));
                }
            };
            match next {
                Next::Nothing => {}
                Next::Say(messages) => messages.iter().for_each(|message| self.tell(message)),
                Next::Released => {
                    (self.spec.say)("the run has ended");
                    return Ok(());
                }
            }
        }
    }

    async fn obey(&mut self, order: ToHost) -> Result<Next, AgentError> {
        match order {
            ToHost::Prepare { share, workers, examine, grace_ms } => {
                self.grace = Duration::from_millis(grace_ms);
                let manifest = self.room.manifest().await?;
                let prepared = if examine {
                    preparation::examine(self.spec, &manifest, share)?
                } else {
                    preparation::prepare(self.spec, manifest, share).await?
                };
                let Prepared { manifests, warnings, requirements } = prepared;
                self.relay.start(&self.spec.exe, &manifests, &workers)?;
                (self.spec.say)(&format!("prepared, with {} workers", workers.len()));
                // That took its time, in which nothing was heard.
                self.heard = Instant::now();
                Ok(Next::Say(vec![FromHost::Prepared { warnings, requirements }]))
            }
            ToHost::Worker { worker, frame } => self.relay.send(worker, &frame, &self.spec.allowed),
            ToHost::Arm { t0 } => {
                self.relay.arm(t0);
                (self.spec.say)("armed");
                Ok(Next::Say(vec![FromHost::Armed]))
            }
            ToHost::Kill { worker } => {
                self.relay.kill(worker);
                Ok(Next::Nothing)
            }
            ToHost::Release => Ok(Next::Released),
            ToHost::Abort => {
                let slot = self.slot;
                Err(AgentError::ended(&format!("slot {slot} was told to end at once")))
            }
        }
    }
}
