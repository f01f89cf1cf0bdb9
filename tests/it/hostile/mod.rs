//! Targets that do everything wrong: what a run makes of them, by cause and by count.

mod held;
mod requests;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A server that does the same to each of its connections, in a thread each. It ends with the test's process.
fn serve(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
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
fn keep(mut stream: TcpStream) {
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
