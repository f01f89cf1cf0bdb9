//! The writing end of a log.
//!
//! Batches are numbered, sent one at a time and sent again until the broker has stored them. They
//! are kept until the reader has taken them: a broker that has lost its data gets them again.

use super::super::wire::{self, WireError};
use super::log::{Head, LogAck};
use super::spool::Spool;
use super::{BATCH_MAX, Broker, BrokerError, MessageStream, Room};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long to wait before a batch is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Bytes that may wait for the reader: hours of reports of a host.
const WAITING_MAX: usize = 64 << 20;

/// The writing end. Sending never waits.
#[derive(Debug, Clone)]
pub(in crate::engine) struct LogWriter {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    /// Messages that were queued, and those of them that the broker has.
    queued: watch::Sender<u64>,
    stored: watch::Receiver<u64>,
    /// Bytes that no reader has taken yet.
    waiting: Arc<AtomicUsize>,
}

impl LogWriter {
    /// A log on this subject of the run.
    pub(in crate::engine) async fn new(
        room: &Room,
        rest: &str,
        incarnation: u64,
    ) -> Result<Self, BrokerError> {
        let (queue, frames) = mpsc::unbounded_channel();
        let (stored_by, stored) = watch::channel(0);
        let waiting = Arc::new(AtomicUsize::new(0));
        let storage = Storage {
            subject: room.broker.subject(rest),
            taken: room.broker.hear(&format!("taken.{rest}")).await?,
            broker: room.broker.clone(),
            incarnation,
            spool: Spool::default(),
            stored: stored_by,
            waiting: Arc::clone(&waiting),
        };
        tokio::spawn(storage.run(frames));
        Ok(Self { queue, queued: watch::channel(0).0, stored, waiting })
    }

    /// Queues a message.
    ///
    /// # Errors
    /// Where it is too large for any message, or too much waits for the reader.
    pub(in crate::engine) fn send(&self, message: &impl Serialize) -> Result<(), WireError> {
        let frame = wire::encode(message)?;
        if frame.len() > BATCH_MAX {
            return Err(WireError::Length(frame.len()));
        }
        let waiting = self.waiting.fetch_add(frame.len(), Ordering::Relaxed) + frame.len();
        if waiting > WAITING_MAX {
            // It is not queued, so that a smaller one may be.
            self.waiting.fetch_sub(frame.len(), Ordering::Relaxed);
            return Err(WireError::Waiting(waiting));
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

/// What sends the batches.
struct Storage {
    broker: Broker,
    subject: String,
    incarnation: u64,
    /// How far the reader has taken them.
    taken: MessageStream,
    spool: Spool,
    stored: watch::Sender<u64>,
    waiting: Arc<AtomicUsize>,
}

impl Storage {
    async fn run(mut self, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
        let mut seq = 0;
        let mut next: Option<Vec<u8>> = None;
        loop {
            let first = match next.take() {
                Some(frame) => frame,
                None => match self.next_frame(&mut frames).await {
                    Some(frame) => frame,
                    None => return,
                },
            };
            seq += 1;
            let head = Head { incarnation: self.incarnation, seq };
            let Ok(mut batch) = wire::encode(&head) else { return };
            let (mut count, mut bytes) = (1, first.len());
            batch.extend_from_slice(&first);
            while let Ok(frame) = frames.try_recv() {
                if batch.len() + frame.len() > BATCH_MAX {
                    next = Some(frame);
                    break;
                }
                count += 1;
                bytes += frame.len();
                batch.extend_from_slice(&frame);
            }
            let payload = Bytes::from(batch);
            self.spool.push(payload.clone(), bytes);
            self.store(seq, payload).await;
            self.stored.send_modify(|all| *all += count);
        }
    }

    /// The next message; sends again what a reader misses meanwhile.
    async fn next_frame(
        &mut self,
        frames: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        loop {
            tokio::select! {
                frame = frames.recv() => return frame,
                Some(taken) = self.taken.next() => self.hear(&taken).await,
            }
        }
    }

    /// Sends a batch until the broker has it.
    async fn store(&mut self, seq: u64, payload: Bytes) {
        loop {
            let headers = self.headers(seq);
            let sent = self.broker.jetstream.publish_with_headers(
                self.subject.clone(),
                headers,
                payload.clone(),
            );
            // Whatever went wrong, the broker knows a batch that it has already by its name.
            if let Ok(acknowledged) = sent.await
                && acknowledged.await.is_ok()
            {
                return;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Forgets what the reader has taken; sends again what it still misses after it said so twice.
    async fn hear(&mut self, taken: &[u8]) {
        let Ok(taken) = postcard::from_bytes::<LogAck>(taken) else { return };
        if taken.incarnation != self.incarnation {
            return;
        }
        let freed = self.spool.forget(taken.next);
        self.waiting.fetch_sub(freed, Ordering::Relaxed);
        for (seq, payload) in self.spool.missed(taken.next) {
            let headers = self.headers(seq);
            let _ = self
                .broker
                .client
                .publish_with_headers(self.subject.clone(), headers, payload)
                .await;
        }
    }

    fn headers(&self, seq: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let name = format!("{}-{}-{seq}", self.subject, self.incarnation);
        headers.insert(NATS_MESSAGE_ID, name.as_str());
        headers
    }
}
