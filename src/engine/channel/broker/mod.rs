//! The broker between the coordinator and the agents of a run: a NATS server with `JetStream`.
//!
//! The data of a run there, by its name `R`:
//!
//! ```text
//!  KV_planrun_R    run: what the run is; slot.N: who has claimed slot N; refused: who may not join
//!  OBJ_planrun_R   manifest: what every agent makes its load from
//!  planrun_R       planrun.R.to.N and planrun.R.from.N: ordered logs, one each way for each slot
//!  planrun.R.taken.to.N, planrun.R.taken.from.N: how far a log was read (no history)
//!  planrun.R.beat  the coordinator lives (no history)
//!  planrun.R.clock.N  asks an agent for its clock (request and reply)
//! ```
//!
//! **Invariant:** nothing outside this module knows the client library.

mod log;
mod spool;
mod writer;

pub(in crate::engine) use log::LogReader;
pub(in crate::engine) use writer::LogWriter;

use super::wire::{self, WireError};
use async_nats::connection::State;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{self, Context, kv, object_store, stream};
use async_nats::{Client, ConnectOptions, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// How long one answer of the broker may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How often a client asks whether the broker lives; the client's own 60 s would hide a partition.
const PING_EVERY: Duration = Duration::from_secs(2);

/// How long the broker keeps what a coordinator that was killed left behind.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// The largest batch of a log, in bytes: below the smallest default of a broker, 1 MiB.
pub(super) const BATCH_MAX: usize = 512 << 10;

/// Why something could not be had of the broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// There is no connection.
    #[error("cannot connect to the broker at {url}: {why}")]
    Connect {
        /// As it was given, without a password.
        url: String,
        /// Why.
        why: String,
    },
    /// It refused, or did not answer.
    #[error("the broker cannot {what}: {why}")]
    Refused {
        /// The request.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A run of this name is there already.
    #[error("the broker has a run `{0}` already")]
    Taken(String),
    /// Its data is of another version.
    #[error(transparent)]
    Wire(#[from] WireError),
}

fn refused<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> BrokerError {
    move |error| BrokerError::Refused { what, why: error.to_string() }
}

/// A connection to the broker, for one run.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Broker {
    run: String,
    client: Client,
    jetstream: Context,
}

/// The run's place at the broker.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Room {
    broker: Broker,
    keys: kv::Store,
    logs: stream::Stream,
}

impl Broker {
    /// Connects. `ca`: the certificates that it trusts besides those of the machine.
    pub(in crate::engine) async fn connect(
        url: &str,
        ca: Option<&Path>,
        run: &str,
    ) -> Result<Self, BrokerError> {
        let failed = |why: String| BrokerError::Connect { url: without_password(url), why };
        let mut options = ConnectOptions::new()
            .name(format!("planrun {run}"))
            .ping_interval(PING_EVERY)
            .connection_timeout(ANSWER_WITHIN)
            .request_timeout(Some(ANSWER_WITHIN))
            .max_reconnects(None)
            .reconnect_delay_callback(|tries| {
                Duration::from_millis(fastrand::u64(100..=300 * tries.clamp(1, 5) as u64))
            });
        if let Some(ca) = ca {
            options = options.add_root_certificates(ca.to_owned());
        }
        let (bare, user) = without_user(url);
        options = match user {
            Some((user, Some(password))) => options.user_and_password(user, password),
            Some((token, None)) => options.token(token),
            None => options,
        };
        let client = options.connect(bare).await.map_err(|error| failed(error.to_string()))?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(ANSWER_WITHIN);
        Ok(Self { run: run.to_owned(), client, jetstream })
    }

    /// Whether a broker that others can reach asks nobody who they are.
    pub(in crate::engine) async fn lets_anybody_in(url: &str, ca: Option<&Path>) -> bool {
        let Ok(parsed) = url::Url::parse(url) else { return false };
        let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address = host.parse::<std::net::IpAddr>();
        let local = address.map_or(host == "localhost", |address| address.is_loopback());
        let mut connection = ConnectOptions::new().connection_timeout(ANSWER_WITHIN);
        if let Some(ca) = ca {
            connection = connection.add_root_certificates(ca.to_owned());
        }
        !local && connection.connect(without_user(url).0).await.is_ok()
    }

    fn bucket(&self) -> String {
        format!("planrun_{}", self.run)
    }

    /// A subject of this run.
    pub(in crate::engine) fn subject(&self, rest: &str) -> String {
        format!("planrun.{}.{rest}", self.run)
    }

    /// Makes the run's place.
    ///
    /// # Errors
    /// Where there is one already, or the broker keeps nothing.
    pub(in crate::engine) async fn open(&self) -> Result<Room, BrokerError> {
        let bucket = self.bucket();
        // What `create_key_value` does, without asking for the account first: its answer cannot be
        // read from servers before 2.10.
        let keys = stream::Config {
            name: format!("KV_{bucket}"),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: 1,
            max_age: KEPT_FOR,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: 1,
            discard: stream::DiscardPolicy::New,
            ..stream::Config::default()
        };
        self.make(keys).await?;
        self.make_logs().await?;
        let objects = object_store::Config { bucket, max_age: KEPT_FOR, ..Default::default() };
        self.jetstream
            .create_object_store(objects)
            .await
            .map_err(refused("keep the run's manifest"))?;
        self.room().await
    }

    /// Makes the logs again where a broker has lost them with its data.
    pub(in crate::engine) async fn restore(&self) {
        let found = self.jetstream.get_stream(self.bucket()).await;
        let Err(error) = found else { return };
        if let GetStreamErrorKind::JetStream(why) = error.kind()
            && why.error_code() == ErrorCode::STREAM_NOT_FOUND
        {
            // It is tried again.
            let _ = self.make_logs().await;
        }
    }

    async fn make_logs(&self) -> Result<(), BrokerError> {
        let bucket = self.bucket();
        let logs = stream::Config {
            name: bucket,
            subjects: vec![self.subject("to.*"), self.subject("from.*")],
            max_age: KEPT_FOR,
            duplicate_window: Duration::from_mins(2),
            allow_direct: true,
            num_replicas: 1,
            ..stream::Config::default()
        };
        self.make(logs).await
    }

    /// Whether there is a connection.
    pub(in crate::engine) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    async fn make(&self, config: stream::Config) -> Result<(), BrokerError> {
        self.jetstream
            .create_stream(config)
            .await
            .map(drop)
            .map_err(refused("keep the run's messages (is JetStream on: `nats-server -js`?)"))
    }

    /// The run's place, which its coordinator has made.
    pub(in crate::engine) async fn room(&self) -> Result<Room, BrokerError> {
        let keys = self.jetstream.get_key_value(self.bucket()).await;
        let keys = keys.map_err(refused("find the run"))?;
        let logs = self.jetstream.get_stream(self.bucket()).await;
        Ok(Room { broker: self.clone(), keys, logs: logs.map_err(refused("find the run"))? })
    }

    /// Hears what is sent on a subject of this run, from now on.
    pub(in crate::engine) async fn hear(&self, rest: &str) -> Result<MessageStream, BrokerError> {
        let heard = self.client.subscribe(self.subject(rest)).await;
        heard.map(MessageStream).map_err(refused("pass messages on"))
    }

    /// Sends a message without history; one that is lost is not missed.
    pub(in crate::engine) async fn tell(&self, rest: &str, payload: Bytes) {
        let _ = self.client.publish(self.subject(rest), payload).await;
    }

    /// Asks whoever hears a subject of this run.
    pub(in crate::engine) async fn ask(&self, rest: &str) -> Result<Bytes, BrokerError> {
        let answer = self.client.request(self.subject(rest), Bytes::new()).await;
        answer.map(|message| message.payload).map_err(refused("pass a question on"))
    }
}

/// Messages of a subject.
#[derive(Debug)]
pub(in crate::engine) struct MessageStream(Subscriber);

impl MessageStream {
    /// The next one; `None`: the connection was given up.
    pub(in crate::engine) async fn next(&mut self) -> Option<Bytes> {
        self.0.next().await.map(|message| message.payload)
    }

    /// Answers each question with what `answer` says at its moment.
    pub(in crate::engine) async fn answer_all(mut self, broker: Broker, answer: fn() -> Bytes) {
        while let Some(message) = self.0.next().await {
            let Some(reply) = message.reply else { continue };
            let _ = broker.client.publish(reply, answer()).await;
        }
    }
}

impl Room {
    /// Says what the run is; the first to do so owns it.
    pub(in crate::engine) async fn found(&self, run: &impl Serialize) -> Result<(), BrokerError> {
        let text = serde_json::to_vec(run).map_err(refused("be told what the run is"))?;
        match self.keys.create("run", text.into()).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {
                Err(BrokerError::Taken(self.broker.run.clone()))
            }
            Err(error) => Err(refused("be told what the run is")(error)),
        }
    }

    /// Claims a key; `false`: somebody has it.
    pub(in crate::engine) async fn claim(
        &self,
        key: &str,
        by: &impl Serialize,
    ) -> Result<bool, BrokerError> {
        let text = serde_json::to_vec(by).map_err(refused("take a claim"))?;
        match self.keys.create(key, text.into()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(refused("take a claim")(error)),
        }
    }

    /// Writes a key, whatever it was.
    pub(in crate::engine) async fn write(
        &self,
        key: &str,
        what: &impl Serialize,
    ) -> Result<(), BrokerError> {
        let text = serde_json::to_vec(what).map_err(refused("keep a key"))?;
        self.keys.put(key, text.into()).await.map(drop).map_err(refused("keep a key"))
    }

    /// The value of a key.
    pub(in crate::engine) async fn read<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, BrokerError> {
        let found = self.keys.get(key).await.map_err(refused("show a key"))?;
        found
            .map(|text| serde_json::from_slice(&text))
            .transpose()
            .map_err(refused("show a key that this version understands"))
    }

    /// Keeps the manifest for the agents: a hello, and a frame.
    pub(in crate::engine) async fn put_manifest(
        &self,
        manifest: &impl Serialize,
    ) -> Result<(), BrokerError> {
        let mut bytes = wire::hello().to_vec();
        bytes.extend(wire::encode(manifest)?);
        let objects = self.objects().await?;
        let put = objects.put("manifest", &mut bytes.as_slice()).await;
        put.map(drop).map_err(refused("keep the run's manifest"))
    }

    /// The manifest, whose checksum was compared.
    pub(in crate::engine) async fn manifest<T: DeserializeOwned>(&self) -> Result<T, BrokerError> {
        let failed = "hand out the run's manifest";
        let mut object = self.objects().await?.get("manifest").await.map_err(refused(failed))?;
        let mut bytes = Vec::new();
        object.read_to_end(&mut bytes).await.map_err(refused(failed))?;
        let mut inbox = wire::Inbox::default();
        inbox.feed(&bytes);
        let whole = inbox.take_hello()?;
        let manifest = inbox.take()?.filter(|_| whole);
        manifest.ok_or_else(|| refused(failed)("it is cut off"))
    }

    async fn objects(&self) -> Result<object_store::ObjectStore, BrokerError> {
        let objects = self.broker.jetstream.get_object_store(self.broker.bucket()).await;
        objects.map_err(refused("find the run's manifest"))
    }

    /// Removes the run from the broker; what cannot be removed goes after a day.
    pub(in crate::engine) async fn close(&self) {
        let Broker { jetstream, .. } = &self.broker;
        let bucket = self.broker.bucket();
        for name in [format!("OBJ_{bucket}"), bucket.clone(), format!("KV_{bucket}")] {
            let _ = jetstream.delete_stream(name).await;
        }
    }

    /// The connection.
    pub(in crate::engine) fn broker(&self) -> &Broker {
        &self.broker
    }
}

/// A URL without who asks, and who: a name and a password, or a token.
fn without_user(url: &str) -> (String, Option<(String, Option<String>)>) {
    let Ok(mut parsed) = url::Url::parse(url) else { return (url.to_owned(), None) };
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = plain(parsed.username());
    let password = parsed.password().map(plain);
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    (parsed.to_string(), (!user.is_empty()).then_some((user, password)))
}

/// A URL as it may be shown.
pub(in crate::engine) fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        Ok(mut parsed) if !parsed.username().is_empty() => {
            let _ = parsed.set_username("***");
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_taken_from_the_url_and_not_shown() {
        let (url, user) = without_user("nats://pl%40n:s3cr3t@10.0.0.1:4222");
        assert_eq!(user, Some(("pl@n".to_owned(), Some("s3cr3t".to_owned()))));
        assert_eq!(url, "nats://10.0.0.1:4222");
        assert_eq!(without_user("tls://t0ken@ctl:4222").1, Some(("t0ken".to_owned(), None)));
        assert_eq!(without_user("nats://ctl:4222"), ("nats://ctl:4222".to_owned(), None));
        assert_eq!(without_password("nats://me:s3cr3t@ctl:4222"), "nats://me:***@ctl:4222");
        assert_eq!(without_password("nats://t0ken@ctl:4222"), "nats://***@ctl:4222");
    }
}
