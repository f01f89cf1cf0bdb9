//! Listens for the signals that end a run, from before its first process starts until the run has
//! ended.

use crate::serve::ignores_hangup;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::LocalSet;

/// A runtime, and its signal listener. A signal between two runs of a search ends the next one as
/// it begins.
pub(super) struct Signals {
    runtime: Runtime,
    heard: Vec<(i32, Signal)>,
}

impl Signals {
    /// From now on SIGHUP, SIGINT and SIGTERM end no process by themselves. SIGHUP that is ignored
    /// (`nohup`) stays so.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if !ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        let heard: io::Result<Vec<(i32, Signal)>> =
            kinds.into_iter().map(|kind| Ok((kind.as_raw_value(), signal(kind)?))).collect();
        drop(inside);
        Ok(Self { runtime, heard: heard? })
    }

    /// Runs `work` to its end; it gets the numbers of the signals received.
    pub(super) fn during<T>(&mut self, work: impl AsyncFnOnce(Receiver<i32>) -> T) -> T {
        let (ask, asked) = mpsc::channel(4);
        let Self { runtime, heard } = self;
        LocalSet::new().block_on(runtime, async {
            let hear = poll_fn(|context| {
                for (number, incoming) in heard.iter_mut() {
                    while let Poll::Ready(Some(())) = incoming.poll_recv(context) {
                        // A third signal has nothing left to ask for.
                        let _ = ask.try_send(*number);
                    }
                }
                Poll::<T>::Pending
            });
            tokio::select! {
                done = work(asked) => done,
                never = hear => never,
            }
        })
    }
}
