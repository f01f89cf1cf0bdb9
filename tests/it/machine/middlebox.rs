//! Something between generator and target, or in the target's place, that is not planrun's own:
//! what it does to connections is named.

use super::Lab;
use super::causes::{Served, hold};
use socket2::SockRef;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A proxy before a target, with an idle timeout, until it is dropped. It takes `haproxy`.
struct Proxy(Child);

impl Proxy {
    fn start(folder: &Path, port: u16, target: &str, idle: &str) -> Self {
        let config = folder.join("haproxy.cfg");
        let text = format!(
            "global\n  maxconn 2000\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client {idle}\n  \
             timeout server {idle}\nlisten l\n  bind 127.0.0.1:{port}\n  server s {target}\n"
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f", super::path(&config)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test takes haproxy");
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "haproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_idle_timeout_on_the_way() {
    Lab::within(|lab| {
        // Half of the connections hear their one message three seconds later, and so die older: the
        // silence is what they share.
        let server = Served::start(&[], &["--share", "50%", "--delay", "3s"]);
        // The namespace is this test's own, and so is every port.
        let proxy = Proxy::start(lab.folder.path(), 4_000, &server.address, "4s");
        let stage = "users = 240, spawn_rate = \"40/s\", hold = \"8s\"";
        let plan =
            hold("address = \"127.0.0.1:4000\"", "expect = \"ok\"\ngreeting = \"5s\"", stage);
        let ran = lab.run(&[], &plan, &[]);
        drop(proxy);
        let spike = &ran.report["scenarios"][0]["survival"]["spikes"][0];
        assert_eq!(spike["kind"], "quiet", "{:#}", ran.report["scenarios"][0]["survival"]);
        assert_eq!(spike["at_ns"], 4_000_000_000_u64, "{spike}");
        assert!(spike["count"].as_u64().unwrap() >= 230, "{spike}");
        let says = "connections died after 4 ± 1 s of silence: an idle timeout on the way?";
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
        // With both ends here the proxy is the target for all that can be seen.
        assert_eq!(ran.first_cause(), ("idle_timeout", "target"));
    });
}

#[test]
fn another_server_that_resets_what_it_accepts() {
    Lab::within(|lab| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("address = \"{}\"", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Closing with nothing to linger for is a reset.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
        });
        let keys = "expect = \"ok\"\ngreeting = \"1s\"";
        let stage = "users = 200, spawn_rate = \"1000/s\", hold = \"500ms\"";
        let ran = lab.run(&[], &hold(&target, keys, stage), &["--force"]);
        assert_eq!(ran.first_cause(), ("reset_at_accept", "target"));
        assert_eq!(ran.report["causes"][0]["count"], 200, "{:#}", ran.report["causes"]);
    });
}
