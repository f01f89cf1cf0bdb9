//! Responses that exceed this side's limits: a separate failure, with the key that allows more, and
//! never the target's.

use super::frames::{
    Act, CONTINUATION, DATA, END_HEADERS, HEADERS, NONE, OK, answer, converse, frame, header,
};
use super::{say, serve};
use crate::outcome::{Outcome, run_once};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};

fn ran(address: SocketAddr, keys: &str) -> Outcome {
    run_once(
        &format!(
            "name = \"limits\"\ntargets.web.address = \"http://{address}/\"\n[scenarios.web]\nprotocol = \"http\"\n{keys}\n\
             think_time = \"50ms\"\nstages = [{{ users = 2, hold = \"400ms\" }}]\nthresholds = [\"failure_ratio == 0%\"]\n"
        ),
        &[],
    )
}

/// The run proves nothing of the target, and says which key takes more.
fn assert_ours(outcome: &Outcome, failure: &str, words: &[&str]) {
    assert_eq!(outcome.code, Some(3), "{}", outcome.stdout);
    assert!(outcome.rules().contains(&"local_failures".to_owned()), "{:?}", outcome.rules());
    let web = outcome.scenario("web");
    let found = web.only_failure();
    assert_eq!((found.0, found.1), (failure, "local"));
    let sample = web.0["failures"][0]["sample"].as_str().unwrap();
    for word in words {
        assert!(sample.contains(word), "{word}: {sample}");
    }
}

fn assert_passes(outcome: &Outcome) {
    let web = outcome.scenario("web");
    assert_eq!(web.counters(["failed", "timed_out"]), [0, 0], "{}", outcome.stdout);
    assert!(web.counter("ok") > 4, "{}", outcome.stdout);
}

/// Answers every request so.
fn says(answer: String) -> SocketAddr {
    serve(move |mut socket: TcpStream| {
        let mut room = [0; 4_096];
        while socket.read(&mut room).is_ok_and(|length| length > 0) {
            say(&socket, answer.as_bytes());
        }
    })
}

fn with_headers(headers: &str) -> SocketAddr {
    says(format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\nok"))
}

fn with_body(body: &str) -> SocketAddr {
    says(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

#[test]
fn a_head_may_be_as_large_as_curl_takes_it_and_the_plan_says() {
    let large = || with_headers(&format!("x: {}\r\n", "y".repeat(300 << 10)));
    assert_passes(&ran(large(), ""));
    assert_ours(
        &ran(large(), "limits = { head = \"100k\" }"),
        "over_limit",
        &["more than 100000 bytes of head", "`limits = { head = 200000 }` takes more"],
    );
    let many = || with_headers(&"x: y\r\n".repeat(4_900));
    assert_passes(&ran(many(), ""));
    assert_ours(
        &ran(many(), "limits = { headers = 50 }"),
        "over_limit",
        &["more than 50 headers", "`limits = { headers = 100 }` takes more"],
    );
    // What is around a body is bounded likewise.
    let extension = "x".repeat(60_000);
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;";
    assert_ours(
        &ran(says(format!("{chunks}{extension}")), "limits = { head = \"50k\" }"),
        "over_limit",
        &["head = 100000"],
    );
}

/// What HTTP/2 says to a POST.
fn speaks(act: Act) -> SocketAddr {
    serve(move |socket| converse(&socket, &[], act))
}

/// A head of this many headers of a kilobyte.
fn kilobytes(count: usize, stream: u32) -> Vec<u8> {
    let block = [OK.to_vec(), header("x-more", &"y".repeat(960)).repeat(count)].concat();
    let pieces: Vec<&[u8]> = block.chunks(16_000).collect();
    let last = pieces.len() - 1;
    let frames = pieces.iter().enumerate().map(|(at, piece)| {
        let kind = if at == 0 { HEADERS } else { CONTINUATION };
        frame(kind, if at == last { END_HEADERS } else { NONE }, stream, piece)
    });
    let body = frame(DATA, 1, stream, b"ok");
    frames.chain([body]).collect::<Vec<_>>().concat()
}

const TWO: &str =
    "version = \"2\"\nrequests = [{ method = \"POST\", path = \"/\", body = \"x\" }]\n";

#[test]
fn a_head_of_http2_has_the_same_limits() {
    assert_passes(&ran(speaks(|one| one.say(&[kilobytes(300, one.stream)])), TWO));
    // A little beyond, far beyond, and absurdly far.
    for act in [
        (|one| one.say(&[kilobytes(150, one.stream)])) as Act,
        |one| one.say(&[kilobytes(250, one.stream)]),
        |one| one.say(&[kilobytes(3_000, one.stream)]),
    ] {
        let keys = format!("{TWO}limits = {{ head = \"100k\" }}");
        let words = ["more than 100000 bytes of head", "`limits = { head = 200000 }` takes more"];
        assert_ours(&ran(speaks(act), &keys), "over_limit", &words);
    }
    let keys = format!("{TWO}limits = {{ headers = 10 }}");
    let act: Act = |one| one.say(&[kilobytes(11, one.stream)]);
    assert_ours(&ran(speaks(act), &keys), "over_limit", &["more than 10 headers"]);
    // Continuations without end are a head without end.
    let act: Act = |one| {
        one.say(&[frame(HEADERS, NONE, one.stream, OK)]);
        one.flood(&frame(CONTINUATION, NONE, one.stream, &header("x-more", "of the same")))
    };
    assert_ours(&ran(speaks(act), TWO), "over_limit", &["bytes of head"]);
}

#[test]
fn what_the_library_of_http2_gives_up_is_its_own() {
    // It accepts this many empty pieces of a body, and no more.
    let act: Act = |one| {
        one.say(&[frame(HEADERS, END_HEADERS, one.stream, OK)]);
        one.flood(&frame(DATA, NONE, one.stream, b""))
    };
    assert_ours(&ran(speaks(act), TWO), "client_error", &["too_many_data_frames"]);
    assert_passes(&ran(speaks(|one| one.say(&[answer(one.stream)])), TWO));
}

#[test]
fn bodies_and_values_have_limits_that_the_plan_raises() {
    let json = |bytes: usize| with_body(&format!("{{\"a\":\"{}\",\"b\":7}}", "y".repeat(bytes)));
    let check = "requests = [{ path = \"/\", expect = { json = { \"/b\" = 7 } } }]\n";
    assert_passes(&ran(json(2 << 20), check));
    assert_ours(
        &ran(json(2 << 20), &format!("{check}limits = {{ body = \"1M\" }}")),
        "over_limit",
        &["the body is longer than 1000000 bytes", "`limits = { body = 2000000 }` takes more"],
    );
    let extract = "steps = [{ path = \"/\", extract = { a = { json = \"/a\" } } }]\n";
    assert_passes(&ran(json(60_000), extract));
    assert_ours(
        &ran(json(70_000), extract),
        "over_limit",
        &["the value of `a` has more than 65536 bytes", "`limits = { value = 131072 }`"],
    );
    let header = "steps = [{ path = \"/\", extract = { a = { header = \"x-a\" } } }]\n";
    let large = || with_headers(&format!("x-a: {}\r\n", "y".repeat(70_000)));
    assert_ours(&ran(large(), header), "over_limit", &["the value of `a` has more than"]);
    assert_passes(&ran(large(), &format!("{header}limits = {{ value = \"100k\" }}")));
    let regex = "steps = [{ path = \"/\", extract = { b = { regex = '\"b\":(\\d)' } } }]\n";
    assert_ours(
        &ran(json(70_000), &format!("{regex}limits = {{ body = \"50k\" }}")),
        "over_limit",
        &["`b` is not in the first 50000 bytes of the body", "body = 100000"],
    );
}

#[test]
fn a_user_keeps_as_many_and_as_large_cookies_as_the_plan_says() {
    let cookies: Vec<_> = (0..12).map(|n| format!("set-cookie: c{n}=1\r\n")).collect();
    let cookies = cookies.concat();
    let large = format!("set-cookie: large={}\r\n", "x".repeat(40 << 10));
    let sets = || with_headers(&format!("{cookies}{large}"));
    let run = |limits: &str| {
        let outcome = ran(sets(), &format!("cookies = true\n{limits}"));
        assert_passes(&outcome);
        outcome
    };
    let lost = |outcome: &Outcome| -> Vec<(String, String)> {
        let web = outcome.scenario("web");
        let lost = web.0["cookies_lost"].as_array().into_iter().flatten();
        let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
        lost.map(|one| (text(one, "reason"), text(one, "sample"))).collect()
    };
    let by_default = lost(&run(""));
    assert_eq!(by_default.len(), 1, "{by_default:?}");
    assert_eq!(by_default[0].0, "too_large");
    let key = "`limits = { cookie = 65536 }` keeps more";
    assert!(by_default[0].1.contains(key), "{by_default:?}");
    let few = run("limits = { cookies = 10, cookie = \"64k\" }");
    let (reason, sample) = lost(&few).swap_remove(0);
    assert_eq!(reason, "too_many");
    assert!(sample.contains("`limits = { cookies = 20 }` keeps more"), "{sample}");
    assert!(few.stdout.contains("limits = { cookies = 20 }"), "{}", few.stdout);
    assert_eq!(lost(&run("limits = { cookie = \"64k\" }")), []);
}
