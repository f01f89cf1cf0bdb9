//! A broker that lives as long as one run.

use super::Wrong;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long it may take to begin.
const BROKER_WITHIN: Duration = Duration::from_secs(5);

/// A `nats-server` on loopback, for one run: ended and forgotten with this.
pub(super) struct OwnBroker {
    child: Child,
    folder: PathBuf,
    pub(super) url: String,
}

impl OwnBroker {
    pub(super) fn start() -> Result<Self, Wrong> {
        let failed = |error: std::io::Error| {
            let help = "install it (`apt-get install nats-server`), or give the URL of one that runs: `--nats nats://HOST:4222`".to_owned();
            (format!("cannot start `nats-server`: {error}"), help)
        };
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr());
        let port = port.map_err(failed)?.port();
        let folder = std::env::temp_dir().join(format!("planrun-nats-{:016x}", fastrand::u64(..)));
        let child = Command::new("nats-server")
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut own = Self { child, folder, url: format!("nats://127.0.0.1:{port}") };
        let tries = BROKER_WITHIN.as_millis() / 50;
        for _ in 0..tries {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(own);
            }
            if let Ok(Some(status)) = own.child.try_wait() {
                return Err(failed(std::io::Error::other(format!("it ended with {status}"))));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let within = BROKER_WITHIN.as_secs();
        Err(failed(std::io::Error::other(format!("it did not listen within {within} s"))))
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
