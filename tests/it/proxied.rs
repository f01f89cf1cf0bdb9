//! The PROXY protocol, as real proxies take it: `HAProxy` and nginx, IPv4 and IPv6, before TLS.

use crate::outcome::{await_true, run_beside, run_once};
use crate::peers::{Peer, await_port, port};
use crate::tls::certificate;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// `HAProxy` that answers with whether it got a header, and with whose address.
fn haproxy(folder: &Path, port: u16) -> Peer {
    let configuration = format!(
        "global\n  maxconn 200\ndefaults\n  mode http\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n\
         frontend front\n  bind 127.0.0.1:{port} accept-proxy\n  bind ::1:{port} accept-proxy\n\
         \x20 http-request return status 200 content-type text/plain lf-string \"%[fc_rcvd_proxy] %[src]\"\n"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let process = Peer::start(Command::new("haproxy").args(["-db", "-f"]).arg(file));
    await_port(port);
    process
}

/// nginx that answers with the address in the header, and with whether its port is that of the
/// connection; on the second port behind TLS. Its log has a line for each request.
fn nginx(folder: &Path, [port, secured]: [u16; 2]) -> Peer {
    certificate(folder, "server", false);
    let at = folder.display();
    let http = format!(
        "  map \"$proxy_protocol_port:$remote_port\" $same {{ \"~^(\\d+):\\1$\" same; default differs; }}\n\
         \x20 log_format seen '$proxy_protocol_addr $same';\n  access_log {at}/seen.log seen;\n\
         \x20 server {{\n    listen 127.0.0.1:{port} proxy_protocol; listen [::1]:{port} proxy_protocol;\n\
         \x20   listen 127.0.0.1:{secured} ssl proxy_protocol; listen [::1]:{secured} ssl proxy_protocol;\n\
         \x20   ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;\n\
         \x20   location / {{ return 200 \"$proxy_protocol_addr $same\"; }}\n  }}"
    );
    let process = Peer::nginx(folder, &http);
    await_port(port);
    process
}

/// A scenario of http and one of tcp-hold whose responses have this text.
fn scenarios(
    name: &str,
    version: &str,
    (host, port): (&str, u16),
    tls: bool,
    text: &str,
) -> String {
    let (scheme, tls) = if tls { ("https", "tls = { insecure = true }\n") } else { ("http", "") };
    format!(
        "[targets.{name}-web]\naddress = \"{scheme}://{host}:{port}/\"\n{tls}proxy_protocol = \"{version}\"\n\
         [scenarios.{name}-web]\nprotocol = \"http\"\ntarget = \"{name}-web\"\nthink_time = \"20ms\"\n\
         requests = [{{ path = \"/\", expect = {{ status = 200, body = \"{text}\" }} }}]\n\
         stages = [{{ users = 5, hold = \"600ms\" }}]\nthresholds = [\"failure_ratio <= 0%\"]\n\
         [targets.{name}-held]\naddress = \"{host}:{port}\"\n{tls}proxy_protocol = \"{version}\"\n\
         [scenarios.{name}-held]\nprotocol = \"tcp-hold\"\ntarget = \"{name}-held\"\n\
         opening = [{{ send = \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\", expect = {{ pattern = '\\r\\n\\r\\n{text}$' }} }}]\n\
         stages = [{{ users = 5, hold = \"600ms\" }}]\nthresholds = [\"success_ratio >= 100%\"]\n"
    )
}

#[test]
fn haproxy_and_nginx_take_the_headers() {
    let (outcome, seen) = run_beside(0, || {
        let folder = tempfile::tempdir().unwrap();
        let [first, plain, secured] = [port(), port(), port()];
        let _haproxy = haproxy(folder.path(), first);
        let _nginx = nginx(folder.path(), [plain, secured]);
        let mut plan = "name = \"proxied\"\n".to_owned();
        for version in ["v1", "v2"] {
            for (family, host, ip) in [("4", "127.0.0.1", "127.0.0.1"), ("6", "[::1]", "::1")] {
                let name = |kind: &str| format!("{kind}-{version}-{family}");
                plan += &scenarios(&name("ha"), version, (host, first), false, &format!("1 {ip}"));
                let text = format!("{ip} same");
                plan += &scenarios(&name("plain"), version, (host, plain), false, &text);
                plan += &scenarios(&name("secured"), version, (host, secured), true, &text);
            }
        }
        let outcome = run_once(&plan, &[]);
        let log = || fs::read_to_string(folder.path().join("seen.log")).unwrap_or_default();
        // It logs in order, and each at once.
        await_true("a log", Duration::from_secs(5), || log().ends_with('\n'));
        (outcome, log())
    });
    let all = |prefixes: [&str; 2], kind: &str, counter: &str| -> u64 {
        let scenarios = outcome.report["scenarios"].as_array().unwrap();
        let names = scenarios.iter().map(|one| one["name"].as_str().unwrap());
        let mine = names.filter(|name| {
            name.ends_with(kind) && prefixes.iter().any(|prefix| name.starts_with(prefix))
        });
        mine.map(|name| outcome.scenario(name).counter(counter)).sum()
    };
    let nginx = ["plain", "secured"];
    let requests = all(nginx, "-web", "ok");
    assert!(requests >= 400, "{requests}");
    assert_eq!(all(nginx, "-held", "ok"), 8 * 5);
    assert_eq!(all(["ha", "ha"], "-held", "ok"), 4 * 5);
    let good = seen.lines().filter(|line| ["127.0.0.1 same", "::1 same"].contains(line)).count();
    assert_eq!((good, good as u64), (seen.lines().count(), requests + 8 * 5));
}
