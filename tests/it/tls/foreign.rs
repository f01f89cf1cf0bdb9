//! OpenSSL, by way of Python's `ssl`, at the other end.

use super::{Peer, certificate};
use crate::outcome::{exe, run};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Greets in records of one byte, answers `ping` with `ok`; every fifth connection ends after its
/// first answer: in turn with a goodbye and without one. Arguments: certificate, key, highest
/// version.
const SERVER: &str = r#"
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0), backlog=512)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()

def talk(raw, number):
    try:
        tls = context.wrap_socket(raw, server_side=True)
        tls.sendall(b"o")
        tls.sendall(b"k")
        while True:
            if tls.recv(4) != b"ping":
                break
            tls.sendall(b"ok")
            if number % 5 == 4:
                if number % 10 == 4:
                    tls.unwrap()
                else:
                    raw = tls.detach()
                    socket.socket(fileno=raw).close()
                return
    except OSError:
        pass

number = -1
while True:
    raw, _ = listener.accept()
    # The probe before a run is no connection of it.
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    number += 1
    threading.Thread(target=talk, args=(raw, number - 1), daemon=True).start()
"#;

fn server(folder: &Path, version: &str) -> Peer {
    let mut command = Command::new("python3");
    Peer::start(command.args(["-c", SERVER, "own.pem", "own.key", version]).current_dir(folder))
}

#[test]
fn openssl_as_the_server_is_held_checked_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "own", false);
    let peers = [("TLSv1_3", "new"), ("TLSv1_2", "old")]
        .map(|(version, name)| (name, server(folder.path(), version)));
    let tables: Vec<String> = peers
        .iter()
        .map(|(name, peer)| {
            format!(
                "[targets.{name}]\naddress = \"{}\"\ntls = {{ ca = \"{}\", server_name = \"localhost\" }}\n\
                 [scenarios.{name}]\nprotocol = \"tcp-hold\"\ntarget = \"{name}\"\nexpect = \"ok\"\n\
                 greeting = \"5s\"\n\
                 heartbeat = {{ from = \"client\", send = \"ping\", every = \"1s\" }}\n\
                 stages = [{{ users = 50, spawn_rate = \"50/s\", hold = \"3500ms\" }}]\nthresholds = []\n",
                peer.address,
                folder.path().join("own.pem").display()
            )
        })
        .collect();
    let outcome = run(0, &format!("name = \"foreign\"\n{}", tables.concat()), &[]);
    for name in ["new", "old"] {
        let facts = outcome.scenario(name);
        assert_eq!(facts.counters(["connect.ok", "verified", "ok"]), [50, 50, 40], "{name}");
        assert_eq!(facts.only_failure(), ("closed_by_server", "protocol", "hold", 10), "{name}");
        assert!(facts.counter("heartbeat.received") >= 40 * 3 + 10, "{name}");
        assert_eq!(facts.counter("heartbeat.missed"), 0, "{name}");
        assert_eq!(facts.samples("tls.time"), 50, "{name}");
    }
}

/// Connects, says what it hears, sends a ping, says what it hears. Arguments: port, certificates.
const CLIENT: &str = r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
with context.wrap_socket(raw, server_hostname="localhost") as tls:
    heard = tls.recv(2)
    tls.sendall(b"ping")
    print((heard + tls.recv(2)).decode())
    tls.unwrap()
"#;

#[test]
fn openssl_as_the_client_trusts_the_file_that_the_server_names() {
    let mut server = Command::new(exe())
        .args(["serve", "tcp-hold", "--tls", "--reply-to=ping", "--until-eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let port = lines.next().unwrap().rsplit(':').next().unwrap().to_owned();
    let file = lines.next().unwrap().strip_prefix("certificate in ").unwrap().to_owned();
    let client = Command::new("python3").args(["-c", CLIENT, &port, &file]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&client.stdout), "okok\n", "{client:?}");
    drop(server.stdin.take());
    let counters: Vec<String> = lines.collect();
    assert!(server.wait().unwrap().success());
    for (name, count) in [("accepted", "1"), ("secured", "1"), ("closed_by_client", "1")] {
        let line = counters.iter().find(|line| line.starts_with(name)).unwrap();
        assert!(line.ends_with(count), "{line}");
    }
    assert!(!Path::new(&file).exists(), "{file} is left over");
}
