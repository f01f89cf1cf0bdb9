//! A target that gives secrets away and says back all that it is told, and the plan that asks it.

use super::FROM_TARGET;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

/// A server that says back whatever it is told, with status 500, and gives tokens away.
pub(super) fn reflecting() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            match stream.read(&mut chunk) {
                Ok(read @ 1..) => buffer.extend_from_slice(&chunk[..read]),
                _ => return,
            }
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
        while buffer.len() < whole {
            match stream.read(&mut chunk) {
                Ok(read @ 1..) => buffer.extend_from_slice(&chunk[..read]),
                _ => return,
            }
        }
        let body = String::from_utf8_lossy(&buffer[end + 4..whole]).into_owned();
        buffer.drain(..whole);
        if stream.write_all(answer(&head, &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(head: &str, body: &str) -> String {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let [token, in_path, cookie, code, foreign, pass, rejected, chain] = FROM_TARGET;
    let (status, headers, text) = if target.starts_with("/login") {
        let headers = format!(
            "set-cookie: session={cookie}\r\nset-cookie: other={rejected}; domain=elsewhere.test\r\n"
        );
        ("200 OK", headers, format!("{{\"token\":\"{token}\",\"id\":\"{in_path}\"}}"))
    } else if target.starts_with("/moved") {
        ("302 Found", format!("location: /show?code={code}\r\n"), String::new())
    } else if target.starts_with("/away") {
        let to = format!("http://wilma:{pass}@elsewhere.test/cb?code={foreign}");
        ("302 Found", format!("location: {to}\r\n"), String::new())
    } else if target.starts_with("/chain") {
        ("302 Found", format!("location: /chain?code={chain}\r\n"), String::new())
    } else {
        // Only the first 200 bytes are shown: what is the same in all requests is left out.
        let own = |line: &&str| {
            let known = ["host: ", "user-agent: ", "accept-encoding: ", "content-"];
            !known.iter().any(|name| line.starts_with(name))
        };
        let lines: Vec<&str> = head.lines().skip(1).filter(own).collect();
        ("500 Oops", String::new(), format!("{target} {} {body}", lines.join(" ")))
    };
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{text}", text.len())
}

/// A scenario of HTTP: its name, its own keys, its requests.
fn scenario(name: &str, keys: &str, requests: &[&str]) -> String {
    let list = if keys.contains("steps") { "steps" } else { "requests" };
    let keys = keys.replace("steps", "");
    let requests = requests.join(" },\n  { ");
    format!(
        "[scenarios.{name}]\nprotocol = \"http\"\ntarget = \"web\"\nthink_time = \"20ms\"\n{keys}\n\
         {list} = [\n  {{ {requests} }},\n]\nstages = [{{ users = 4, hold = \"1500ms\" }}]\n\
         thresholds = [\"failure_ratio < 10%\"]\n"
    )
}

/// `inputs`: where the rows and the client's certificate are.
pub(super) fn plan(server: SocketAddr, inputs: &Path) -> String {
    let inputs = inputs.display();
    let single = [
        "name = \"header\", path = \"/show\", headers = { x-key = \"${env.S_HEADER}\" }",
        "name = \"cookie\", path = \"/show\", headers = { cookie = \"a=${env.S_COOKIE}\" }",
        "name = \"body\", method = \"POST\", path = \"/show\", body = \"${env.S_BODY}\"",
        "name = \"query\", path = \"/show\", query = { key = \"${env.S_QUERY}\" }",
        "name = \"path\", path = \"/show/${env.S_PATH}\"",
        "name = \"said\", path = \"/show\", expect = { status = 500, contains = \"${env.S_EXPECT}\" }",
        "name = \"moved\", path = \"/moved\"",
        "name = \"away\", path = \"/away\"",
        "name = \"chain\", path = \"/chain\"",
    ];
    let session = [
        "name = \"login\", path = \"/login\", extract = { token = { json = \"/token\" } }",
        "name = \"use\", path = \"/show\", headers = { x-token = \"${var.token}\" }",
    ];
    let tour = [
        "name = \"login\", path = \"/login\", extract = { id = { json = \"/id\" } }",
        "name = \"go\", path = \"/show/${var.id}\"",
    ];
    let rows = [
        "name = \"sign-in\", method = \"POST\", path = \"/show\", \
         body = '{ \"name\": \"${row.user}\", \"pass\": \"${row.password}\" }'",
        "name = \"row\", path = \"/show\", query = { t = \"${row.token}\" }",
    ];
    let data = format!("data = {{ file = \"{inputs}/users.csv\", order = \"random\" }}");
    let sealed = scenario("sealed", "", &["path = \"/show\""]);
    let scenarios = [
        scenario("rows", &data, &rows),
        sealed.replace("target = \"web\"", "target = \"sealed\""),
        scenario("single", "redirects = 3\ncookies = true", &single),
        scenario("bearer", "auth = { bearer = \"${env.S_BEARER}\" }", &["path = \"/show\""]),
        scenario("basic", "auth = { basic = \"${env.S_BASIC}\" }", &["path = \"/show\""]),
        scenario("session", "steps\ncookies = true", &session),
        scenario("tour", "steps\ncookies = true", &tour),
    ];
    format!(
        "name = \"secrets\"\n[targets.web]\naddress = \"http://{server}/\"\n\
         [targets.sealed]\naddress = \"https://{server}/\"\nprobe = false\n\
         tls = {{ cert = \"{inputs}/client.pem\", key = \"{inputs}/client.key\", insecure = true }}\n\
         [targets.held]\naddress = \"ws://{server}/held\"\n{}\
         [scenarios.held]\nprotocol = \"ws-hold\"\ntarget = \"held\"\n\
         headers = {{ x-key = \"${{env.S_WEBSOCKET}}\" }}\n\
         stages = [{{ users = 3, spawn_rate = \"10/s\", hold = \"1s\" }}]\nthresholds = []\n\
         [monitors.lb]\nurl = \"http://{server}/metrics\"\nmetrics = [\"node_load1\"]\nevery = \"1s\"\n\
         headers = {{ authorization = \"Bearer ${{env.S_MONITOR_HEADER}}\" }}\n",
        scenarios.concat()
    )
}
