//! One direction between the coordinator and one agent: an ordered log of batches, each delivered
//! exactly once.
//!
//! The writer numbers its batches, sends one at a time and sends it again until the broker has
//! stored it. The reader takes batches as they are passed on, and asks the broker every two seconds
//! for what it has missed: what the broker has stored reaches the reader whatever was lost on the
//! way. A batch that comes twice is taken once.

use super::super::wire::{self, Inbox, WireError};
use super::{BATCH_MAX, Broker, BrokerError, Room, refused};
use async_nats::HeaderMap;
use async_nats::jetstream::stream::Stream;
use async_nats::{Subscriber, header::NATS_MESSAGE_ID};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often the broker is asked for what may have been missed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long to wait before a batch is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The header of a batch of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Of the writer: another one that has the same slot is not taken for it.
    incarnation: u64,
    /// From 1, without a gap.
    seq: u64,
}

/// The writing end. Sending never waits.
#[derive(Debug, Clone)]
pub(in crate::engine) struct LogWriter {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    /// Messages that were queued, and those of them that the broker has.
    queued: watch::Sender<u64>,
    stored: watch::Receiver<u64>,
}

impl LogWriter {
    /// A log on this subject of the run.
    pub(in crate::engine) fn new(room: &Room, rest: &str, incarnation: u64) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let (stored_by, stored) = watch::channel(0);
        let (broker, subject) = (room.broker.clone(), room.broker.subject(rest));
        tokio::spawn(store_all(broker, subject, incarnation, waiting, stored_by));
        Self { queue, queued: watch::channel(0).0, stored }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// Where it is too large for any message.
    pub(in crate::engine) fn send(&self, message: &impl Serialize) -> Result<(), WireError> {
        let frame = wire::encode(message)?;
        if frame.len() > BATCH_MAX {
            return Err(WireError::Length(frame.len()));
        }
        self.queued.send_modify(|count| *count += 1);
        // The other end lives as long as this process does.
        let _ = self.queue.send(frame);
        Ok(())
    }

    /// Waits until the broker has all that was queued, for so long; whether it has.
    pub(in crate::engine) async fn is_stored(&mut self, within: Duration) -> bool {
        let all = *self.queued.borrow();
        let whole = self.stored.wait_for(|stored| *stored >= all);
        tokio::time::timeout(within, whole).await.is_ok_and(|found| found.is_ok())
    }
}

async fn store_all(
    broker: Broker,
    subject: String,
    incarnation: u64,
    mut waiting: mpsc::UnboundedReceiver<Vec<u8>>,
    stored: watch::Sender<u64>,
) {
    let mut seq = 0;
    let mut next: Option<Vec<u8>> = None;
    loop {
        let Some(first) = (match next.take() {
            Some(frame) => Some(frame),
            None => waiting.recv().await,
        }) else {
            return;
        };
        seq += 1;
        let Ok(mut batch) = wire::encode(&Head { incarnation, seq }) else { return };
        let mut count = 1;
        batch.extend_from_slice(&first);
        while let Ok(frame) = waiting.try_recv() {
            if batch.len() + frame.len() > BATCH_MAX {
                next = Some(frame);
                break;
            }
            count += 1;
            batch.extend_from_slice(&frame);
        }
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, format!("{subject}-{incarnation}-{seq}").as_str());
        let payload = Bytes::from(batch);
        loop {
            let sent = broker.jetstream.publish_with_headers(
                subject.clone(),
                headers.clone(),
                payload.clone(),
            );
            // Whatever went wrong, the broker knows a batch that it has already by its name.
            if let Ok(acknowledged) = sent.await
                && acknowledged.await.is_ok()
            {
                break;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        stored.send_modify(|all| *all += count);
    }
}

/// The reading end.
#[derive(Debug)]
pub(in crate::engine) struct LogReader<T> {
    heard: Subscriber,
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
                _ = self.look.tick() => self.catch_up().await?,
            }
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
