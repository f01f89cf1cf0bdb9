//! Targets that do everything wrong: what a run makes of them, by cause and by count.

mod acts;
mod again;
mod answers;
mod encodings;
mod frames;
mod held;
mod limits;
mod memory;
mod replies;
mod requests;
mod streams;

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Held by a test that has hundreds of connections or processes: one of them at a time is enough
/// for two cores.
static CROWD: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    CROWD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that does the same to each of its connections, in a thread each. It ends with the
/// test's process.
pub(crate) fn serve(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let treat = Arc::new(treat);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, treat) = (stream.unwrap(), Arc::clone(&treat));
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || treat(stream));
        }
    });
    address
}

/// Has room for the probe and nobody else, and never accepts. The socket must live as long as the
/// run.
fn full() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Takes the probe, then is gone.
fn dies_after_the_probe() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || drop(listener.accept().unwrap()));
    address
}

/// Sends; whether the other side still takes it.
fn say(mut stream: &TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).is_ok()
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn reset(stream: TcpStream) {
    socket2::Socket::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Keeps a connection until the other side ends it.
pub(crate) fn keep(mut stream: TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// One scenario for each of these targets, with its own keys.
fn plan(protocol: &str, common: &str, targets: &[(&str, String, &str)]) -> String {
    let tables: Vec<String> = targets
        .iter()
        .map(|(name, address, keys)| {
            format!(
                "[targets.{name}]\naddress = {address}\n\
                 [scenarios.{name}]\nprotocol = \"{protocol}\"\ntarget = \"{name}\"\n{common}\n{keys}\n"
            )
        })
        .collect();
    format!("name = \"hostile\"\n{}", tables.concat())
}
