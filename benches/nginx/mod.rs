//! Turns a folder into nginx with one worker on the second core, which can be made to stand still.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// nginx, until it is dropped.
pub(crate) struct Server {
    child: Child,
    pub address: String,
    /// Where it speaks HTTP/2.
    pub shared: String,
    /// Where it speaks TLS, with the certificate `tls.pem` in its folder.
    pub secured: String,
}

fn free() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        let (address, shared, secured) = (free(), free(), free());
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.join("tls.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        let text = format!(
            "daemon off; worker_processes 1; worker_cpu_affinity 10; pid nginx.pid; error_log stderr crit;\n\
             worker_rlimit_nofile 19000; events {{ worker_connections 15000; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;\n\
             server {{ listen {address} backlog=16384; location / {{ return 200 \"ok\"; }} }}\n\
             server {{ listen {shared} http2 backlog=16384; location / {{ return 200 \"ok\"; }} }}\n\
             server {{ listen {secured} ssl backlog=16384; ssl_certificate tls.pem; ssl_certificate_key tls.key;\n\
             location / {{ return 200 \"ok\"; }} }} }}\n"
        );
        std::fs::write(folder.join("nginx.conf"), text).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).args(["-c", "nginx.conf"]).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        while TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address, shared, secured }
    }

    /// The process that answers.
    pub(crate) fn worker(&self) -> Pid {
        let id = self.child.id();
        let path = format!("/proc/{id}/task/{id}/children");
        let children = std::fs::read_to_string(path).unwrap();
        Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap())
    }
}

/// Lets a process stand still for `pause`, `after` this time.
pub(crate) fn freeze(pid: Pid, after: Duration, pause: Duration) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(after);
        kill(pid, Signal::SIGSTOP).unwrap();
        std::thread::sleep(pause);
        kill(pid, Signal::SIGCONT).unwrap();
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        // Told so, the master takes its worker with it.
        kill(pid, Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}
