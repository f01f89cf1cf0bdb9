//! How an agent finds its run and takes a slot of it.

#![expect(clippy::disallowed_methods, reason = "a run that does not come is given up")]

use super::{AgentSpec, Joined};
use crate::engine::channel::BrokerError;
use crate::engine::channel::broker::{Broker, Room, without_password};
use crate::engine::channel::host_wire::{HostClaim, Refusal, RunNotice};
use crate::engine::channel::wire::VERSION;
use crate::machine::MachineLimits;
use std::fmt::Display;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often to look whether the run is there.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why an agent did not do its part of a run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It may not take part, or there is nothing to take part in.
    #[error("this host cannot take part: {why}")]
    NotFit {
        /// Why, in words.
        why: String,
    },
    /// It ended before the run's end.
    #[error("this host has left the run: {why}")]
    Ended {
        /// Why, in words.
        why: String,
    },
    /// The broker cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl AgentError {
    /// It ends for this reason.
    pub(super) fn ended(why: &impl Display) -> Self {
        Self::Ended { why: why.to_string() }
    }
}

/// Waits for the run and claims a slot.
pub(super) async fn join(spec: &AgentSpec) -> Result<Joined, AgentError> {
    let (broker, wait) = (without_password(&spec.broker), spec.wait.as_secs());
    (spec.say)(&format!("waiting {wait} s for run {} at {broker}", spec.run));
    let deadline = Instant::now() + spec.wait;
    let broker = connect(spec, deadline).await?;
    let (room, notice) = find(spec, &broker, deadline).await?;
    if let Some(why) = unlike(spec, &notice) {
        return Err(refused(spec, &room, why).await);
    }
    let incarnation = fastrand::u64(1..);
    let claim = HostClaim {
        version: VERSION,
        incarnation,
        name: spec.name.clone(),
        limits: MachineLimits::read(),
    };
    let slots = match spec.slot {
        Some(slot) if slot >= notice.hosts => {
            let why = format!("the run has {} hosts, so there is no slot {slot}", notice.hosts);
            return Err(refused(spec, &room, why).await);
        }
        Some(slot) => slot..slot + 1,
        None => 0..notice.hosts,
    };
    for slot in slots {
        if room.claim(&format!("slot.{slot}"), &claim).await? {
            return Ok(Joined { room, notice, slot, incarnation });
        }
    }
    let why = match spec.slot {
        None => {
            let why = format!("the run has all of its {} hosts", notice.hosts);
            return Err(AgentError::NotFit { why });
        }
        Some(slot) => {
            let holder: Option<HostClaim> = room.read(&format!("slot.{slot}")).await?;
            let holder = holder.map_or_else(String::new, |holder| format!(" by {}", holder.name));
            format!("slot {slot} is taken{holder}")
        }
    };
    Err(refused(spec, &room, why).await)
}

async fn connect(spec: &AgentSpec, deadline: Instant) -> Result<Broker, AgentError> {
    loop {
        match Broker::connect(&spec.broker, spec.broker_ca.as_deref(), &spec.run).await {
            Ok(broker) => return Ok(broker),
            Err(error) if Instant::now() >= deadline => return Err(error.into()),
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}

async fn find(
    spec: &AgentSpec,
    broker: &Broker,
    deadline: Instant,
) -> Result<(Room, RunNotice), AgentError> {
    loop {
        if let Ok(room) = broker.room().await
            && let Some(notice) = room.read::<RunNotice>("run").await?
        {
            return Ok((room, notice));
        }
        if Instant::now() >= deadline {
            let (run, wait) = (&spec.run, spec.wait.as_secs());
            let why = format!("run {run} did not begin within {wait} s");
            return Err(AgentError::NotFit { why });
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The reason for which this host cannot join the run, in words.
fn unlike(spec: &AgentSpec, notice: &RunNotice) -> Option<String> {
    if notice.version != VERSION {
        return Some(format!(
            "it speaks version {VERSION} of the messages, the run's coordinator version {}",
            notice.version
        ));
    }
    let expected = spec.plan_sha256.as_ref()?;
    (!expected.eq_ignore_ascii_case(&notice.plan_sha256)).then(|| {
        format!(
            "it expects a plan of SHA-256 {expected}, the run's plan has {}",
            notice.plan_sha256
        )
    })
}

/// Tells the coordinator why this host does not take part.
async fn refused(spec: &AgentSpec, room: &Room, why: String) -> AgentError {
    let refusal = Refusal { name: spec.name.clone(), why: why.clone() };
    match room.write("refused", &refusal).await {
        Ok(()) => AgentError::NotFit { why },
        Err(error) => error.into(),
    }
}
