//! Waits until somebody has claimed each slot of a run on several hosts.

#![expect(clippy::disallowed_methods, reason = "hosts that do not come in time are given up")]

use super::super::channel::broker::{LogWriter, Room, without_password};
use super::super::channel::host_wire::{HostClaim, HostManifest, Refusal, ToHost};
use super::super::channel::wire::VERSION;
use super::EngineError;
use super::launched::{Launch, Launched};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the broker is asked whether somebody has come.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long the broker may take to store what ends an agent.
const DISMISSED_WITHIN: Duration = Duration::from_secs(2);

/// The hosts that are to make the load.
#[derive(Debug, Clone)]
pub struct HostsSpec {
    /// The broker: `nats://HOST:4222`.
    pub broker: String,
    /// The certificates that it is trusted by, besides those of the machine.
    pub broker_ca: Option<PathBuf>,
    /// The run's name at the broker.
    pub run: String,
    /// How much of the load each host gets, by its slot.
    pub weights: Vec<u32>,
    /// How long to wait for them.
    pub wait: Duration,
    /// How long an agent goes on without its coordinator.
    pub grace: Duration,
    /// The plan's text and what changes it, as agents get it.
    pub manifest: HostManifest,
    /// Commands that start agents on the hosts; empty where the user does.
    pub launches: Vec<Launch>,
    /// Tells whoever waits what is waited for.
    pub say: fn(&str),
}

/// Starts what starts the agents, and waits for them.
pub(super) async fn launch_and_claim(
    spec: &HostsSpec,
    room: &Room,
) -> Result<(Vec<HostClaim>, Vec<Launched>), EngineError> {
    let launched: Result<Vec<Launched>, EngineError> =
        spec.launches.iter().map(Launched::start).collect();
    let mut launched = launched?;
    let claims = claims(spec, room, &mut launched).await?;
    Ok((claims, launched))
}

/// Waits for a claim of each slot.
async fn claims(
    spec: &HostsSpec,
    room: &Room,
    launched: &mut [Launched],
) -> Result<Vec<HostClaim>, EngineError> {
    let slots = spec.weights.len();
    let (broker, run) = (without_password(&spec.broker), &spec.run);
    let wait = spec.wait.as_secs();
    (spec.say)(&format!(
        "waiting {wait} s for {slots} hosts: `planrun agent --nats {broker} --run {run}`"
    ));
    let deadline = Instant::now() + spec.wait;
    let mut claims: Vec<Option<HostClaim>> = (0..slots).map(|_| None).collect();
    loop {
        if let Some(Refusal { name, why }) = room.read("refused").await? {
            return Err(EngineError::Host { why: format!("host {name} cannot join: {why}") });
        }
        for (slot, claim) in claims.iter_mut().enumerate().filter(|(_, one)| one.is_none()) {
            let Some(found) = room.read::<HostClaim>(&format!("slot.{slot}")).await? else {
                continue;
            };
            if found.version != VERSION {
                let HostClaim { name, version, .. } = found;
                let why = format!(
                    "host {name} speaks version {version} of the messages, this process version {VERSION}"
                );
                return Err(EngineError::Host { why });
            }
            (spec.say)(&format!("host {slot} is {}", found.name));
            *claim = Some(found);
        }
        if claims.iter().all(Option::is_some) {
            return Ok(distinct(claims.into_iter().flatten().collect()));
        }
        launched.iter_mut().try_for_each(Launched::check)?;
        if Instant::now() >= deadline {
            let missing = claims.iter().enumerate().filter(|(_, one)| one.is_none());
            let missing: Vec<String> = missing.map(|(slot, _)| slot.to_string()).collect();
            let missing = missing.join(", ");
            let ended: Vec<String> = launched.iter_mut().filter_map(Launched::has_ended).collect();
            let ended =
                if ended.is_empty() { String::new() } else { format!(": {}", ended.join("; ")) };
            let why = format!(
                "{slots} hosts were to come within {wait} s; nobody claimed slot {missing}{ended}"
            );
            return Err(EngineError::Host { why });
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Tells hosts of the same name apart, by their slots.
fn distinct(mut claims: Vec<HostClaim>) -> Vec<HostClaim> {
    let names: Vec<String> = claims.iter().map(|claim| claim.name.clone()).collect();
    for (slot, claim) in claims.iter_mut().enumerate() {
        if names.iter().filter(|name| **name == claim.name).count() > 1 {
            claim.name = format!("{}/{slot}", claim.name);
        }
    }
    claims
}

/// Ends the agents that have come to a run that does not begin, and removes it from the broker.
pub(super) async fn dismiss(room: &Room, slots: u16) {
    for slot in 0..slots {
        let Ok(mut log) = LogWriter::new(room, &format!("to.{slot}"), 0).await else { continue };
        // Its size is known.
        let _ = log.send(&ToHost::Abort);
        log.is_stored(DISMISSED_WITHIN).await;
    }
    sleep(2 * LOOK_EVERY).await;
    room.close().await;
}
