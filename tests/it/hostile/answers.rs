//! Turns the ways in which an answer can be odd or wrong into a table: what is said, what comes of
//! it.

use super::acts;
use crate::outcome::Facts;
use std::net::{SocketAddr, TcpStream};

/// What a run must make of a behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// A success with this status.
    Good(u16),
    /// A failure for its status alone.
    Status(u16),
    /// A failure: its name, its origin, its phase.
    Bad(&'static str, &'static str, &'static str),
}

impl Expected {
    /// The requests `bad` of a scenario came out as this, and those that are `good` well, where
    /// they are `apart` from the others.
    pub(super) fn assert_kept_apart(self, name: &str, facts: Facts<'_>, apart: bool) {
        let ((bad_ok, bad_failed), (good_ok, good_failed)) =
            (facts.ended("bad"), facts.ended("good"));
        let is_good = matches!(self, Self::Good(_));
        assert!(
            if is_good { bad_ok > 0 && bad_failed == 0 } else { bad_ok == 0 && bad_failed > 0 },
            "{name}: {bad_ok} {bad_failed}"
        );
        if apart || is_good {
            assert!(good_ok > 0 && good_failed == 0, "{name}: {good_ok} {good_failed}");
        }
        assert_eq!(facts.counter("unfinished"), 0, "{name}");
    }
}

pub(super) const BAD_HTTP: Expected = Expected::Bad("bad_http", "protocol", "request");
pub(super) const CLOSED: Expected = Expected::Bad("closed_by_server", "protocol", "request");
pub(super) const RESET: Expected = Expected::Bad("reset", "network", "request");
pub(super) const SLOW: Expected = Expected::Bad("request_timeout", "network", "request");
pub(super) const SILENT: Expected = Expected::Bad("first_byte_timeout", "network", "request");
pub(super) const REFUSED: Expected = Expected::Bad("refused", "network", "connect");
pub(super) const UNOPENED: Expected = Expected::Bad("connect_timeout", "network", "connect");
const GOOD: Expected = Expected::Good(200);

/// What happens to the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Stays,
    Fin,
    Rst,
}

/// What a server does when it is asked.
pub(super) enum Play {
    /// It says so, and ends the connection or does not.
    Says(Vec<u8>, After),
    /// It acts; true when the connection goes on.
    Acts(fn(&TcpStream) -> bool),
    /// It does so to each connection, without waiting for a request.
    Greets(fn(&TcpStream) -> bool),
    /// It is somebody else at this address.
    At(SocketAddr),
}

/// One behaviour: its name, what the server does, what a run must make of it.
pub(super) struct Behaviour {
    pub(super) name: &'static str,
    pub(super) play: Play,
    pub(super) expected: Expected,
    /// Of the request that meets it.
    pub(super) method: &'static str,
}

impl Behaviour {
    /// Whether the server knows a request from another, and answers the good ones well.
    pub(super) fn tells_requests_apart(&self) -> bool {
        matches!(self.play, Play::Says(..) | Play::Acts(_))
    }
}

fn says(name: &'static str, text: &str, after: After, expected: Expected) -> Behaviour {
    let play = Play::Says(text.as_bytes().to_vec(), after);
    Behaviour { name, play, expected, method: "GET" }
}

fn acts(name: &'static str, act: fn(&TcpStream) -> bool, expected: Expected) -> Behaviour {
    Behaviour { name, play: Play::Acts(act), expected, method: "GET" }
}

fn greets(name: &'static str, act: fn(&TcpStream) -> bool, expected: Expected) -> Behaviour {
    Behaviour { name, play: Play::Greets(act), expected, method: "GET" }
}

pub(super) fn at(name: &'static str, address: SocketAddr, expected: Expected) -> Behaviour {
    Behaviour { name, play: Play::At(address), expected, method: "GET" }
}

/// A head of status 200 with these headers, and what follows it.
fn head(headers: &str, rest: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n{rest}")
}

fn chunked(rest: &str) -> String {
    head("transfer-encoding: chunked\r\n", rest)
}

/// Odd answers that are answers.
pub(super) fn odd() -> Vec<Behaviour> {
    use After::{Fin, Rst, Stays};
    let ok = head("content-length: 2\r\n", "ok");
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    vec![
        says("hints", &format!("{hints}{ok}"), Stays, GOOD),
        says("continues_500", &(go_on.repeat(500) + &ok), Stays, GOOD),
        says("blank_lines", &format!("\r\n\r\n{ok}"), Stays, GOOD),
        says("folded", &head("x: a\r\n b\r\ncontent-length:\r\n\t2\r\n", "ok"), Stays, GOOD),
        says("bare_lf", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok", Stays, GOOD),
        says("upper_case", &head("CONTENT-LENGTH: 2\r\n", "ok"), Stays, GOOD),
        says("no_reason", "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", Stays, GOOD),
        says(
            "length_twice",
            &head("content-length: 2\r\ncontent-length: 2\r\n", "ok"),
            Stays,
            GOOD,
        ),
        says("no_length", &head("", "ok"), Fin, GOOD),
        says("http_10", "HTTP/1.0 200 OK\r\n\r\nok", Fin, GOOD),
        says("chunked", &chunked("2\r\nok\r\n0\r\n\r\n"), Stays, GOOD),
        says("tiny_chunks", &chunked(&("1;x=y\r\no\r\n".repeat(3_000) + "0\r\n\r\n")), Stays, GOOD),
        says("trailers", &chunked("2\r\nok\r\n0\r\nt: u\r\nv: w\r\n\r\n"), Stays, GOOD),
        // Nobody asked for it, and it is no gzip: whoever decodes it fails.
        says("gzip", &head("content-encoding: gzip\r\ncontent-length: 2\r\n", "ok"), Stays, GOOD),
        says(
            "many_headers",
            &head(&("x: y\r\n".repeat(3_000) + "content-length: 2\r\n"), "ok"),
            Stays,
            GOOD,
        ),
        says("two_answers", &ok.repeat(2), Stays, GOOD),
        says("rest_behind", &(ok.clone() + "and more"), Stays, GOOD),
        says("204_body", "HTTP/1.1 204 None\r\n\r\nbody", Stays, Expected::Good(204)),
        says(
            "304_body",
            "HTTP/1.1 304 Same\r\ncontent-length: 4\r\n\r\nbody",
            Stays,
            Expected::Good(304),
        ),
        Behaviour { method: "HEAD", ..says("head_body", &ok, Stays, GOOD) },
        says(
            "lying_keep_alive",
            &head("connection: keep-alive\r\nkeep-alive: timeout=9\r\ncontent-length: 2\r\n", "ok"),
            Fin,
            GOOD,
        ),
        says("lying_close", &head("connection: close\r\ncontent-length: 2\r\n", "ok"), Stays, GOOD),
        says("answer_and_fin", &ok, Fin, GOOD),
        says("answer_and_rst", &ok, Rst, GOOD),
        acts("late_fin", acts::late_fin, GOOD),
        acts("late_rst", acts::late_rst, GOOD),
        acts("late_bytes", acts::late_bytes, GOOD),
        acts("late_answer", acts::late_answer, GOOD),
        acts("deaf_half", acts::deaf_half, GOOD),
        acts("good_drip", acts::good_drip, GOOD),
        greets("answers_unasked", acts::answers_unasked, GOOD),
        says(
            "redirect_to_itself",
            "HTTP/1.1 302 Found\r\nlocation: /bad\r\ncontent-length: 0\r\n\r\n",
            Stays,
            Expected::Good(302),
        ),
    ]
}

/// Answers that are none.
pub(super) fn wrong() -> Vec<Behaviour> {
    let length = |value: &str| head(&format!("content-length: {value}\r\n"), "ok");
    let line = |line: &str| format!("{line}\r\ncontent-length: 2\r\n\r\nok");
    let bad = |name, text: &str| says(name, text, After::Stays, BAD_HTTP);
    vec![
        bad("ssh", "SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        bad("http_09", "<html>hello</html>"),
        bad("http_30", &line("HTTP/3.0 200 OK")),
        bad("lower_version", &line("http/1.1 200 OK")),
        bad("status_word", &line("HTTP/1.1 OK 200")),
        bad("status_20", &line("HTTP/1.1 20 OK")),
        bad("status_099", &line("HTTP/1.1 099 Low")),
        bad("status_1000", &line("HTTP/1.1 1000 High")),
        bad("nul_in_reason", &line("HTTP/1.1 200 O\0K")),
        bad("escape_in_reason", &line("HTTP/1.1 200 \u{1b}[2JOK")),
        bad("nul_in_header", &head("x: a\0b\r\ncontent-length: 2\r\n", "ok")),
        bad("no_colon", &head("content-length 2\r\n", "ok")),
        bad("space_before_colon", &head("content-length : 2\r\n", "ok")),
        bad("bare_cr", &head("x: a\rb\r\ncontent-length: 2\r\n", "ok")),
        bad("length_negative", &length("-1")),
        bad("length_word", &length("two")),
        bad("length_huge", &length("99999999999999999999")),
        bad("length_list", &length("2, 3")),
        bad("length_conflict", &head("content-length: 2\r\ncontent-length: 3\r\n", "ok")),
        bad(
            "length_and_chunks",
            &head("content-length: 2\r\ntransfer-encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
        ),
        bad(
            "chunks_in_10",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        bad("chunk_word", &chunked("zz\r\n")),
        bad("chunk_overflow", &chunked("fffffffffffffffff\r\n")),
        bad("chunk_too_long", &chunked("2\r\nokay\r\n0\r\n\r\n")),
        bad("chunk_bare_lf", &chunked("2\nok\n0\n\n")),
    ]
}

/// Answers that end too early, too late or never, and statuses that are failures.
pub(super) fn broken() -> Vec<Behaviour> {
    use After::{Fin, Rst, Stays};
    vec![
        says("fin", "", Fin, CLOSED),
        says("fin_in_line", "HTTP/1.1 2", Fin, CLOSED),
        says("fin_in_head", "HTTP/1.1 200 OK\r\nconte", Fin, CLOSED),
        says("fin_behind_head", &head("content-length: 2\r\n", ""), Fin, CLOSED),
        says("fin_in_body", &head("content-length: 100\r\n", "some"), Fin, CLOSED),
        says("fin_in_size", &chunked("1"), Fin, CLOSED),
        says("fin_in_chunk", &chunked("10\r\nsome"), Fin, CLOSED),
        says("fin_in_trailers", &chunked("2\r\nok\r\n0\r\nt: "), Fin, CLOSED),
        says("fin_behind_hints", "HTTP/1.1 103 Hints\r\n\r\n", Fin, CLOSED),
        says("rst", "", Rst, RESET),
        says("rst_in_head", "HTTP/1.1 200 OK\r\nconte", Rst, RESET),
        says("rst_in_body", &head("content-length: 100\r\n", "some"), Rst, RESET),
        says("rst_in_chunk", &chunked("10\r\nsome"), Rst, RESET),
        says("rst_without_length", &head("", "some"), Rst, RESET),
        greets("rst_unasked", acts::resets_unasked, RESET),
        says("stall_in_head", "HTTP/1.1 200 OK\r\nconte", Stays, SLOW),
        says("stall_in_body", &head("content-length: 10000000000\r\n", "some"), Stays, SLOW),
        says("stall_in_chunk", &chunked("ffffffffffffffff\r\nsome"), Stays, SLOW),
        says("stall_behind_hints", "HTTP/1.1 100 Continue\r\n\r\n", Stays, SLOW),
        acts("mute", acts::mute, SILENT),
        acts("drip_head", acts::drip_head, SLOW),
        acts("drip_body", acts::drip_body, SLOW),
        acts("endless_body", acts::endless_body, SLOW),
        acts("endless_length", acts::endless_length, SLOW),
        acts("endless_chunks", acts::endless_chunks, SLOW),
        acts("endless_continues", acts::endless_continues, SLOW),
        acts("endless_line", acts::endless_line, SLOW),
        acts("endless_reason", acts::endless_reason, SLOW),
        acts("endless_blank_lines", acts::endless_blank_lines, SLOW),
        acts("endless_extension", acts::endless_extension, SLOW),
        acts("endless_trailers", acts::endless_trailers, SLOW),
        says(
            "status_101",
            "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\nbytes",
            Stays,
            Expected::Status(101),
        ),
        says(
            "status_500",
            "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
            Stays,
            Expected::Status(500),
        ),
        says(
            "status_999",
            "HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
            Stays,
            Expected::Status(999),
        ),
        Behaviour {
            method: "POST",
            ..acts("answer_before_body", acts::answer_before_body, Expected::Status(413))
        },
        Behaviour { method: "POST", ..acts("body_unread", acts::deaf, SILENT) },
    ]
}
