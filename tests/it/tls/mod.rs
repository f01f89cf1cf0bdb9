//! Held connections and requests under TLS: real handshakes, with this program at both ends, and
//! with a foreign peer at either.

mod foreign;
mod handshakes;
mod http;
mod peers;

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Whom certificates of these tests are for.
pub(crate) const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Writes a certificate for [`NAMES`] and its key into a folder, as `NAME.pem` and `NAME.key`; one
/// that has expired if so.
pub(crate) fn certificate(folder: &Path, name: &str, expired: bool) {
    let mut parameters = rcgen::CertificateParams::new(NAMES.map(String::from).to_vec()).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    if expired {
        parameters.not_before = rcgen::date_time_ymd(1999, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2000, 1, 1);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// A process that ends when this does.
pub(crate) struct Peer {
    child: Child,
    pub address: String,
}

impl Peer {
    /// Starts a process that says where it listens in its first line, `listening on ADDRESS`.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut byte = [0];
        let stdout = child.stdout.as_mut().unwrap();
        while !line.ends_with('\n') {
            std::io::Read::read_exact(stdout, &mut byte).unwrap();
            line.push(char::from(byte[0]));
        }
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    /// This program as a server.
    pub(crate) fn serve(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(crate::outcome::exe());
        command.args(["serve", "tcp-hold", "--until-eof"]).args(arguments).current_dir(folder);
        Self::start(&mut command)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input asks it to end.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
