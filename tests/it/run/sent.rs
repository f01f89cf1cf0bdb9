//! What is sent, byte for byte: request targets, hosts and cookies, against servers that write down
//! what they were asked.

use super::api::{Asked, answer, cause, go, plan, serve};
use crate::outcome::{Outcome, run_as};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

const STAGE: &str = "think_time = \"20ms\"\nstages = [{ users = 1, hold = \"500ms\" }]\nthresholds = [\"success_ratio == 100%\"]\n";

/// What was asked, each once, in the order in which it came first.
fn distinct(asked: &Mutex<Vec<Asked>>, what: impl Fn(&Asked) -> String) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = asked.lock().unwrap();
    all.iter().map(what).filter(|one| seen.insert(one.clone())).collect()
}

/// Runs a plan that passes, beside some files.
fn pass(plan: &str, files: &[(&str, &[u8])]) -> Outcome {
    run_as(0, plan, |stage| {
        for (name, bytes) in files {
            std::fs::write(stage.folder.path().join(name), bytes).unwrap();
        }
        stage.command(&[])
    })
}

#[test]
fn a_value_that_is_a_path_or_begins_one_is_sent_as_it_is() {
    let (address, asked) = serve(|_| answer(200, "", ""));
    let rows = format!(
        "path\n/a?x=1&y=2\n/caf%C3%A9\n/x+y\n/p;v=1\n/a b?q=\u{fc}#top\nhttp://{address}/of/../url?z\nhttp://{address}\n"
    );
    let scenario = format!(
        "data = {{ file = \"urls.csv\" }}\nsteps = [\n  {{ path = \"${{row.path}}\" }},\n  \
         {{ name = \"q\", path = \"${{row.path}}\", query = {{ p = \"1&\", r = \"2\" }} }},\n  \
         {{ name = \"under\", path = \"/of${{row.path}}\" }},\n]\n{STAGE}"
    );
    pass(&plan(address, &scenario), &[("urls.csv", rows.as_bytes())]);
    let lines = distinct(&asked, |one| one.line.clone());
    let targets =
        ["/a?x=1&y=2", "/caf%C3%A9", "/x+y", "/p;v=1", "/a%20b?q=%C3%BC", "/of/../url?z", "/"];
    for (at, target) in targets.iter().enumerate() {
        assert_eq!(lines[at * 3], format!("GET {target}"), "{lines:?}");
        let separator = if target.contains('?') { '&' } else { '?' };
        assert_eq!(lines[at * 3 + 1], format!("GET {target}{separator}p=1%26&r=2"), "{lines:?}");
    }
    // Elsewhere in a path it is a part of it, and encoded.
    assert_eq!(lines[2], "GET /of/a%3Fx%3D1%26y%3D2");
    assert_eq!(lines[5], "GET /of/caf%25C3%25A9");
}

#[test]
fn a_link_that_an_answer_has_is_followed_by_the_next_step() {
    let (address, asked) = serve(|one| {
        let next = format!(
            "{{\"next\":\"/items?page=2\",\"whole\":\"http://{}/a?b#c\"}}",
            one.headers["host"]
        );
        answer(200, "", next)
    });
    let scenario = format!(
        "steps = [{{ path = \"/first\", extract = {{ next = {{ json = \"/next\" }}, whole = {{ json = \"/whole\" }} }} }}, \
         {{ path = \"${{var.next}}\" }}, {{ path = \"${{var.whole}}\" }}]\n{STAGE}"
    );
    pass(&plan(address, &scenario), &[]);
    let lines = distinct(&asked, |one| one.line.clone());
    assert_eq!(lines, ["GET /first", "GET /items?page=2", "GET /a?b"]);
}

#[test]
fn a_value_that_is_no_target_of_the_server_is_not_sent() {
    for (value, why) in [
        (
            "http://evil.test/a",
            "is a URL of another scheme, host or port than the target's: http://evil.test",
        ),
        ("items/1", "is no path and no URL: a path begins with `/`"),
        ("*", "`*` is a path for OPTIONS alone"),
    ] {
        let (address, asked) = serve(|_| answer(200, "", ""));
        let scenario = format!(
            "data = {{ file = \"urls.csv\" }}\nrequests = [{{ path = \"${{row.path}}\" }}]\n{STAGE}"
        );
        let outcome =
            go(&plan(address, &scenario), &[("urls.csv", format!("path\n{value}\n").as_bytes())]);
        assert_eq!(outcome.code, Some(3), "{}", outcome.stdout);
        let (failure, origin, sample) = cause(&outcome);
        assert_eq!((failure.as_str(), origin.as_str()), ("bad_value", "local"));
        assert!(sample.contains(why), "{sample}");
        assert!(asked.lock().unwrap().is_empty());
    }
}

#[test]
fn options_asks_for_all_of_the_server() {
    let (address, asked) = serve(|_| answer(200, "allow: GET\r\n", ""));
    let keys = "requests = [{ method = \"OPTIONS\", path = \"*\" }, { path = \"/login?next=https://shop.test/a\" }]\n";
    pass(&plan(address, &format!("{keys}{STAGE}")), &[]);
    let lines: BTreeSet<String> = distinct(&asked, |one| one.line.clone()).into_iter().collect();
    let both = ["GET /login?next=https://shop.test/a", "OPTIONS *"];
    assert_eq!(lines, BTreeSet::from(both.map(str::to_owned)));
}

/// Answers the first request by a redirect and a cookie of the host that it was asked as, in the
/// words of that host.
fn shop(one: &Asked) -> Vec<u8> {
    let has_cookie = one.headers.get("cookie").is_some_and(|cookie| cookie.contains("sid=abc"));
    match one.line.as_str() {
        "GET /login" => answer(
            302,
            "location: http://shop.example/caf\u{e9} au lait\r\nset-cookie: sid=abc; Domain=shop.example; Path=/\r\n",
            "",
        ),
        _ if has_cookie => answer(200, "", ""),
        _ => answer(401, "", ""),
    }
}

#[test]
fn a_server_is_who_the_plan_says_that_it_is() {
    for (key, host) in [
        ("host", "shop.example"),
        ("Host", "Shop.Example"),
        ("HOST", "shop.example:8080"),
        ("host", "${row.host}"),
    ] {
        let (address, asked) = serve(shop);
        let headers = format!("headers = {{ {key} = \"{host}\" }}");
        let scenario = format!(
            "data = {{ file = \"hosts.csv\" }}\nredirects = 3\ncookies = true\nsteps = [{{ path = \"/login\", {headers} }}, \
             {{ path = \"/me\", {headers} }}]\n{STAGE}"
        );
        pass(&plan(address, &scenario), &[("hosts.csv", b"host\nshop.example\n")]);
        let lines = distinct(&asked, |one| one.line.clone());
        assert_eq!(lines, ["GET /login", "GET /caf%C3%A9%20au%20lait", "GET /me"]);
        let hosts = distinct(&asked, |one| one.headers["host"].clone());
        assert_eq!(hosts, [host.replace("${row.host}", "shop.example")]);
    }
}

#[test]
fn cookies_go_to_the_host_that_set_them_and_what_is_not_kept_is_said() {
    let (address, asked) = serve(|one| {
        let set = "set-cookie: sid=abc; Secure\r\nset-cookie: own=1\r\n";
        if one.line == "GET /login" { answer(200, set, "") } else { answer(200, "", "") }
    });
    let step = |path: &str, host: &str| {
        format!(
            "{{ name = \"{path} {host}\", path = \"/{path}\", headers = {{ host = \"{host}\" }} }}"
        )
    };
    let steps =
        [step("login", "a.example"), step("me", "a.example"), step("me", "b.example")].join(", ");
    let outcome = pass(&plan(address, &format!("cookies = true\nsteps = [{steps}]\n{STAGE}")), &[]);
    let cookies =
        distinct(&asked, |one| format!("{} {:?}", one.headers["host"], one.headers.get("cookie")));
    let a = "a.example Some(\"own=1\")".to_owned();
    assert_eq!(cookies, ["a.example None".to_owned(), a, "b.example None".to_owned()]);
    let (logins, _) = outcome.scenario("web").ended("login a.example");
    let web = &outcome.report["scenarios"][0];
    let lost = &web["cookies_lost"][0];
    let words = "cookie sid is Secure and the connection is not: not kept";
    assert_eq!((lost["reason"].as_str(), lost["sample"].as_str()), (Some("secure"), Some(words)));
    assert_eq!(
        (lost["count"].as_u64(), web["counters"]["cookies.lost"].as_u64()),
        (Some(logins), Some(logins))
    );
    let line = format!("cookies.lost {logins} (secure): {words}");
    assert!(outcome.stdout.contains(&line), "{}", outcome.stdout);
    assert!(outcome.file("summary.csv").lines().next().unwrap().contains("cookies.lost"));
}

#[test]
fn this_machine_keeps_secure_cookies_and_the_plan_adds_its_own() {
    let (address, asked) = serve(|one| {
        let set =
            "set-cookie: sid=abc; Secure; HttpOnly; SameSite=Lax\r\nset-cookie: consent=0\r\n";
        if one.line == "GET /login" { answer(200, set, "") } else { answer(200, "", "") }
    });
    let scenario = format!(
        "cookies = true\nsteps = [{{ path = \"/login\" }}, {{ path = \"/me\", headers = {{ cookie = \"consent=1\" }} }}]\n{STAGE}"
    );
    for host in ["localhost", "127.0.0.1"] {
        let text = plan(address, &scenario).replace("127.0.0.1", host);
        let outcome = pass(&text, &[]);
        assert_eq!(outcome.report["scenarios"][0]["counters"]["cookies.lost"], 0);
    }
    let cookies = distinct(&asked, |one| format!("{} {:?}", one.line, one.headers.get("cookie")));
    assert_eq!(cookies[..2], ["GET /login None", "GET /me Some(\"consent=1; sid=abc\")"]);
}

/// A server of HTTP/2 that answers all with 200 and writes down what it was asked: method, scheme,
/// authority, path and two headers.
fn framed() -> (SocketAddr, Arc<Mutex<BTreeSet<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(exchange(stream, Arc::clone(&seen)));
            }
        });
    });
    (address, asked)
}

async fn exchange(stream: tokio::net::TcpStream, seen: Arc<Mutex<BTreeSet<String>>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let header = |name: &str| {
            let all = request.headers().get_all(name).iter();
            all.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(" | ")
        };
        let line = format!(
            "{} {} te={} cookie={}",
            request.method(),
            request.uri(),
            header("te"),
            header("cookie")
        );
        seen.lock().unwrap().insert(line);
        let answer = http::Response::builder().header("set-cookie", "sid=abc").body(()).unwrap();
        let _ = respond.send_response(answer, true);
    }
}

#[test]
fn http2_says_the_same_in_its_own_words() {
    let (address, asked) = framed();
    let scenario = format!(
        "version = \"2\"\ncookies = true\nsteps = [\n  {{ path = \"/first\", headers = {{ host = \"b\u{fc}cher.example\" }} }},\n  \
         {{ path = \"/a?b=c\", headers = {{ host = \"xn--bcher-kva.example\", te = \"trailers\", cookie = \"consent=1\" }} }},\n  \
         {{ method = \"OPTIONS\", path = \"*\" }},\n]\n{STAGE}"
    );
    pass(&plan(address, &scenario), &[]);
    let lines = asked.lock().unwrap().clone();
    for line in [
        "GET http://xn--bcher-kva.example/first te= cookie=".to_owned(),
        "GET http://xn--bcher-kva.example/first te= cookie=sid=abc".to_owned(),
        "GET http://xn--bcher-kva.example/a?b=c te=trailers cookie=consent=1; sid=abc".to_owned(),
        format!("OPTIONS http://{address}* te= cookie=sid=abc"),
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
}
