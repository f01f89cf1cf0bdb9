//! Names of hosts as servers that nobody here wrote read them: a port that is the scheme's own is
//! left out (RFC 9110, 4.2.3), any other is not; and the request for all of a server.

use super::Lab;
use crate::outcome::await_true;
use crate::peers::Peer;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn await_listener(address: &str) {
    await_true("a peer that listens", Duration::from_secs(20), || {
        TcpStream::connect(address).is_ok()
    });
}

/// A plan of one user who sends one kind of request for a moment.
fn plan(address: &str, keys: &str, request: &str) -> String {
    format!(
        "name = \"host\"\n[targets.web]\naddress = \"{address}\"\n[scenarios.web]\nprotocol = \"http\"\n{keys}\n\
         requests = [{request}]\nthink_time = \"20ms\"\nstages = [{{ users = 1, hold = \"200ms\" }}]\n\
         thresholds = [\"failure_ratio == 0%\"]\n"
    )
}

/// nginx on three addresses, each of which answers with the host that it was asked as.
fn nginx(folder: &Path) -> Peer {
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.3".to_owned()]).unwrap();
    std::fs::write(folder.join("own.pem"), own.cert.pem()).unwrap();
    std::fs::write(folder.join("own.key"), own.signing_key.serialize_pem()).unwrap();
    let at = folder.display();
    let http = format!(
        "access_log off;\n\
         server {{ listen 127.0.0.2:80; listen 127.0.0.2:443; location / {{ return 200 \"$http_host|\"; }} }}\n\
         server {{ listen 127.0.0.3:443 ssl; ssl_certificate {at}/own.pem; ssl_certificate_key {at}/own.key;\n\
         location / {{ return 200 \"$http_host|\"; }} }}"
    );
    Peer::nginx(folder, &http)
}

#[test]
fn a_default_port_is_left_out_of_host() {
    Lab::within(|lab| {
        let _nginx = nginx(lab.folder.path());
        await_listener("127.0.0.2:80");
        await_listener("127.0.0.3:443");
        for (address, host) in [
            ("http://127.0.0.2/", "127.0.0.2"),
            ("http://127.0.0.2:80/", "127.0.0.2"),
            ("http://127.0.0.2:443/", "127.0.0.2:443"),
            ("https://127.0.0.3/", "127.0.0.3"),
            ("https://127.0.0.3:443/", "127.0.0.3"),
        ] {
            let request = format!("{{ path = \"/\", expect = {{ body = \"{host}|\" }} }}");
            let mut text = plan(address, "", &request);
            if address.starts_with("https") {
                text.push_str("[targets.web.tls]\ninsecure = true\n");
            }
            let ran = lab.run(&[], &text, &[]);
            assert_eq!(ran.code, 0, "{address}: {}", ran.stdout);
        }
    });
}

#[test]
fn a_server_of_http2_reads_the_same_authority_and_the_asterisk() {
    Lab::within(|lab| {
        let log = lab.folder.path().join("nghttpd.log");
        let mut command = Command::new("sh");
        // Its log is what this test reads: Peer::start sends output away.
        command.args(["-c", "exec nghttpd --no-tls -v -a 127.0.0.1 80 > \"$0\" 2>&1"]).arg(&log);
        let _server = Peer::start(command.stdin(Stdio::null()));
        await_listener("127.0.0.1:80");
        let request = "{ method = \"OPTIONS\", path = \"*\", expect = { status = 404 } }";
        for address in ["http://127.0.0.1/", "http://127.0.0.1:80/"] {
            let ran = lab.run(&[], &plan(address, "version = \"2\"", request), &[]);
            assert_eq!(ran.code, 0, "{}", ran.stdout);
        }
        let log = std::fs::read_to_string(&log).unwrap();
        let values = |name: &str| -> Vec<String> {
            let received = log.lines().filter(|line| line.contains("recv (stream_id="));
            let named = received.filter_map(|line| line.split_once(&format!(") {name}: ")));
            named.map(|(_, value)| value.trim().to_owned()).collect()
        };
        for (name, value) in [(":authority", "127.0.0.1"), (":path", "*"), (":method", "OPTIONS")] {
            let seen = values(name);
            assert!(seen.len() >= 4 && seen.iter().all(|one| one == value), "{name}: {seen:?}");
        }
    });
}
