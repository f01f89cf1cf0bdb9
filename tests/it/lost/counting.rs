//! A server in a test's own process, whose counts outlive every run.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers every request with 200; counts before it answers, so that whoever has an answer is
/// counted.
pub(super) struct CountingServer {
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    answered: AtomicU64,
    stopped: AtomicBool,
}

impl CountingServer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let counting = Arc::clone(&counts);
        thread::spawn(move || {
            while !counting.stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        counting.accepted.fetch_add(1, Ordering::SeqCst);
                        let counting = Arc::clone(&counting);
                        thread::spawn(move || answer(&stream, &counting));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::sleep(Duration::from_millis(1));
                    }
                    Err(_) => {}
                }
            }
        });
        Self { address, counts }
    }

    /// Requests that were answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.counts.answered.load(Ordering::SeqCst)
    }

    /// Connections that were accepted so far.
    pub(super) fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for CountingServer {
    fn drop(&mut self) {
        self.counts.stopped.store(true, Ordering::Relaxed);
    }
}

/// Until the other side closes. Whoever is killed closes, too.
fn answer(mut stream: &TcpStream, counts: &Counts) {
    stream.set_nonblocking(false).unwrap();
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        head.extend_from_slice(&chunk[..read]);
        while let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            head.drain(..end + 4);
            counts.answered.fetch_add(1, Ordering::SeqCst);
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}
