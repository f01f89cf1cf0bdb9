//! What goes on beside a run on several hosts: agents hear that the coordinator lives, the broker
//! is looked after, and what hosts say is passed on.

use super::super::channel::broker::{Broker, LogReader};
use super::super::channel::host_wire::FromHost;
use super::super::channel::{Events, HostEvent, WorkerEvent};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::sleep;

/// How often agents hear that the coordinator lives.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How often to look whether the broker still has the logs.
const RESTORE_EVERY: Duration = Duration::from_secs(2);

/// Tells agents that the coordinator lives.
pub(super) async fn beat(broker: Broker) {
    loop {
        broker.tell("beat", Bytes::new()).await;
        sleep(BEAT_EVERY).await;
    }
}

/// Makes the logs anew at a broker that has lost them.
pub(super) async fn restore(broker: Broker) {
    loop {
        sleep(RESTORE_EVERY).await;
        broker.restore().await;
    }
}

/// Passes on what a host says, until it says nothing more.
pub(super) async fn pass_on(
    mut log: LogReader<FromHost>,
    first: usize,
    workers: usize,
    events: Events,
) {
    loop {
        let event = match log.next().await {
            Ok(FromHost::Worker { worker, .. }) if worker as usize >= workers => {
                (first, WorkerEvent::Host(HostEvent::Gone("it has another plan".to_owned())))
            }
            Ok(FromHost::Worker { worker, message }) => {
                (first + worker as usize, WorkerEvent::Message(message))
            }
            Ok(said) => (first, WorkerEvent::Host(event_of(said))),
            Err(error) => (first, WorkerEvent::Host(HostEvent::Gone(error.to_string()))),
        };
        let over = matches!(event.1, WorkerEvent::Host(HostEvent::Gone(_)));
        if events.send(event).await.is_err() || over {
            return;
        }
    }
}

fn event_of(said: FromHost) -> HostEvent {
    match said {
        FromHost::Prepared { warnings, requirements } => HostEvent::Passed(warnings, requirements),
        FromHost::Armed => HostEvent::Passed(Vec::new(), Vec::new()),
        FromHost::Failed { why } => HostEvent::Gone(why),
        FromHost::Second(second) => HostEvent::Second(second),
        FromHost::Sample(sample) => HostEvent::Sample(sample),
        FromHost::Ended { totals } => HostEvent::Ended(totals),
        FromHost::Worker { .. } => {
            HostEvent::Gone("it sent a worker's message as its own".to_owned())
        }
    }
}
