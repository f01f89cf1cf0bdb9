//! One direction between the coordinator and one agent: an ordered log of batches, each delivered
//! exactly once.
//!
//! The writer numbers its batches, sends one at a time and sends it again until the broker has
//! stored it. The reader takes batches as they are passed on, and asks the broker every two seconds
//! for what it has missed: what the broker has stored reaches the reader whatever was lost on the
//! way. It tells the writer how far it has come, which sends again what the broker has lost. A
//! batch that comes twice is taken once.

use super::super::wire::{Inbox, WireError};
use super::{Broker, BrokerError, Room, refused};
use async_nats::Subscriber;
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// How often the broker is asked for what may have been missed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The header of a batch of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Of the writer: another one that has the same slot is not taken for it.
    pub(super) incarnation: u64,
    /// From 1, without a gap.
    pub(super) seq: u64,
}

/// How far a reader has come: what it says every two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogAck {
    /// Of the writer.
    pub(super) incarnation: u64,
    /// The next batch that it waits for.
    pub(super) next: u64,
}

/// The reading end.
#[derive(Debug)]
pub(in crate::engine) struct LogReader<T> {
    heard: Subscriber,
    broker: Broker,
    /// Where it tells how far it has come.
    taken: String,
    logs: Stream,
    subject: String,
    incarnation: u64,
    /// The next batch that is to be taken.
    next: u64,
    /// Everything of this log before it, on the broker's count, has been taken.
    known: u64,
    messages: VecDeque<T>,
    look: tokio::time::Interval,
}

impl<T: DeserializeOwned> LogReader<T> {
    /// Reads the log that the writer of this incarnation writes on a subject of the run.
    pub(in crate::engine) async fn new(
        room: &Room,
        rest: &str,
        incarnation: u64,
    ) -> Result<Self, BrokerError> {
        let subject = room.broker.subject(rest);
        let heard = room.broker.client.subscribe(subject.clone()).await;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Ok(Self {
            heard: heard.map_err(refused("pass messages on"))?,
            broker: room.broker.clone(),
            taken: format!("taken.{rest}"),
            logs: room.logs.clone(),
            subject,
            incarnation,
            next: 1,
            known: 0,
            messages: VecDeque::new(),
            look,
        })
    }

    /// The next message; can be cancelled without losing one.
    ///
    /// # Errors
    /// Where bytes are not messages of this version.
    pub(in crate::engine) async fn next(&mut self) -> Result<T, WireError> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            tokio::select! {
                message = self.heard.next() => match message {
                    Some(message) if self.take(&message.payload)? => {}
                    // A gap, or the end of the connection: the broker has what is missing.
                    Some(_) => self.catch_up().await?,
                    None => { self.look.tick().await; self.catch_up().await?; }
                },
                _ = self.look.tick() => {
                    self.catch_up().await?;
                    self.tell().await;
                }
            }
        }
    }

    /// Tells the writer how far it has come.
    async fn tell(&self) {
        let taken = LogAck { incarnation: self.incarnation, next: self.next };
        // It is told again.
        if let Ok(payload) = postcard::to_allocvec(&taken) {
            self.broker.tell(&self.taken, payload.into()).await;
        }
    }

    /// Takes a batch; `false`: others come before it.
    fn take(&mut self, payload: &[u8]) -> Result<bool, WireError> {
        let mut inbox = Inbox::default();
        inbox.feed(payload);
        let Some(head) = inbox.take::<Head>()? else { return Ok(true) };
        // Another writer's, or one that was taken already.
        if head.incarnation != self.incarnation || head.seq < self.next {
            return Ok(true);
        }
        if head.seq > self.next {
            return Ok(false);
        }
        self.next += 1;
        while let Some(message) = inbox.take()? {
            self.messages.push_back(message);
        }
        Ok(true)
    }

    /// Takes what the broker has of this log beyond what is known. A broker that does not answer is
    /// asked again later.
    async fn catch_up(&mut self) -> Result<(), WireError> {
        let Ok(last) = self.logs.direct_get_last_for_subject(self.subject.as_str()).await else {
            return Ok(());
        };
        if last.sequence < self.known {
            // A broker that has lost its data counts anew.
            self.known = 0;
        }
        // Mostly it is one that has been taken, or the next.
        if self.take(&last.payload)? {
            self.known = last.sequence;
            return Ok(());
        }
        while self.known < last.sequence {
            let from = Some(self.known + 1);
            let found = self.logs.direct_get_next_for_subject(self.subject.as_str(), from).await;
            let Ok(found) = found else { return Ok(()) };
            // Batches are stored one by one: none is missing before one that is stored.
            if !self.take(&found.payload)? {
                return Ok(());
            }
            self.known = found.sequence;
        }
        Ok(())
    }
}
