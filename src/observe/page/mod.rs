//! Serves a run in progress: the live page for browsers, and metrics for scrapers.
//!
//! A separate thread serves it. Each viewer has a slot for one view; of those that it did not take
//! in time, the latest counts.
//!
//! **Invariant:** no viewer, however slow, and no number of them makes the run wait.

mod access;
mod address;
mod document;
mod history;
mod metrics;
mod server;
mod viewers;

pub(crate) use address::PageAddress;

use super::view::View;
use access::Access;
use server::PageServer;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// How long the end waits for viewers to take the last view, with room for the thread's own end.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Why there is no live page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// Nothing can listen there.
    #[error("cannot serve the live page at {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The system gave no token.
    #[error("cannot make a token for the live page: {0}")]
    Token(getrandom::Error),
    /// No thread to serve it.
    #[error("cannot start the thread of the live page: {0}")]
    Thread(std::io::Error),
}

/// A page that is being served.
#[derive(Debug)]
pub(crate) struct LivePage {
    views: UnboundedSender<Arc<View>>,
    ended: Receiver<()>,
    url: String,
    bound: SocketAddr,
}

impl LivePage {
    /// Serves the page from now on; `stop` is what its button does.
    ///
    /// # Errors
    /// If the address is in use, or the system lacks a resource.
    pub(crate) fn serve(address: PageAddress, stop: fn()) -> Result<Self, PageError> {
        let PageAddress(wanted) = address;
        let listen = |error| PageError::Listen(wanted, error);
        let listener = TcpListener::bind(wanted).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let access = Access::random(bound).map_err(PageError::Token)?;
        let url = format!("http://{}/?token={}", PageAddress::nearest(bound), access.token());
        let (views, incoming) = unbounded_channel();
        let (done, ended) = mpsc::channel();
        let server = PageServer::new(access, stop);
        thread::Builder::new()
            .name("observe-page".into())
            .spawn(move || {
                server.run(listener, incoming);
                let _ = done.send(());
            })
            .map_err(PageError::Thread)?;
        Ok(Self { views, ended, url, bound })
    }

    /// Its URL, with the token.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The port, where it can be reached from other machines.
    pub(crate) fn beyond(&self) -> Option<u16> {
        (!self.bound.ip().is_loopback()).then(|| self.bound.port())
    }

    /// Takes views to the page; never waits.
    pub(super) fn views(&self) -> UnboundedSender<Arc<View>> {
        self.views.clone()
    }

    /// Lets viewers have the last view, and ends the page.
    pub(crate) fn finish(self) {
        let Self { views, ended, .. } = self;
        drop(views);
        let _ = ended.recv_timeout(END_WITHIN);
    }
}
