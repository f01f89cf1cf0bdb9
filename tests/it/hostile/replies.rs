//! Turns the ways in which a server of HTTP/2 can be odd or wrong into a table: what is said, what
//! comes of it.

use super::answers::Expected;
use super::frames::{
    Act, Asked, CONTINUATION, DATA, END, END_HEADERS, GOAWAY, HEADERS, NONE, OK, PADDED, PING,
    PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WHOLE, WINDOW_UPDATE, answer, converse, frame,
    header, mute,
};
use super::{keep, pause, reset, say};
use std::net::{Shutdown, TcpStream};

const GOOD: Expected = Expected::Good(200);
const BAD: Expected = Expected::Bad("bad_http", "protocol", "request");
const RESET: Expected = Expected::Bad("stream_reset", "protocol", "request");
const CLOSED: Expected = Expected::Bad("closed_by_server", "protocol", "request");
const CUT: Expected = Expected::Bad("reset", "network", "request");
const SILENT: Expected = Expected::Bad("first_byte_timeout", "network", "request");
const SLOW: Expected = Expected::Bad("request_timeout", "network", "request");

/// How a connection is treated.
#[derive(Clone, Copy)]
pub(super) enum Play {
    /// With these settings; each POST so.
    Frames(&'static [u8], Act),
    /// Otherwise from its start.
    Raw(fn(TcpStream)),
}

pub(super) struct Behaviour {
    pub(super) name: &'static str,
    pub(super) expected: Expected,
    /// What is wrong is of one stream: others on the connection do not notice.
    pub(super) apart: bool,
    pub(super) play: Play,
}

fn stream(name: &'static str, expected: Expected, act: Act) -> Behaviour {
    Behaviour { name, expected, apart: true, play: Play::Frames(&[], act) }
}

fn connection(name: &'static str, expected: Expected, act: Act) -> Behaviour {
    Behaviour { name, expected, apart: false, play: Play::Frames(&[], act) }
}

fn raw(name: &'static str, expected: Expected, act: fn(TcpStream)) -> Behaviour {
    Behaviour { name, expected, apart: false, play: Play::Raw(act) }
}

fn with(settings: &'static [u8], behaviour: Behaviour) -> Behaviour {
    match behaviour.play {
        Play::Frames(_, act) => Behaviour { play: Play::Frames(settings, act), ..behaviour },
        Play::Raw(_) => behaviour,
    }
}

fn connect(failure: &'static str, origin: &'static str) -> Expected {
    Expected::Bad(failure, origin, "connect")
}

/// A head with these headers behind its status.
fn head(asked: &Asked<'_>, flags: u8, headers: &[(&str, &str)]) -> Vec<u8> {
    let more = headers.iter().flat_map(|(name, value)| header(name, value));
    let block: Vec<u8> = OK.iter().copied().chain(more).collect();
    frame(HEADERS, flags, asked.stream, &block)
}

fn body(asked: &Asked<'_>, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, flags, asked.stream, bytes)
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, NONE, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

fn rst(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, NONE, stream, &code.to_be_bytes())
}

const REFUSED_STREAM: u32 = 7;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = Behaviour> {
    [odd(), odd_ends(), wrong_streams(), endless_streams(), wrong_connections(), wrong_starts()]
        .into_iter()
        .flatten()
}

/// What is odd, and right.
fn odd() -> Vec<Behaviour> {
    vec![
        stream("plain", GOOD, |one| one.say(&[answer(one.stream)])),
        stream("ping", GOOD, |one| {
            one.say(&[frame(PING, NONE, 0, b"12345678"), answer(one.stream)])
        }),
        stream("unknown_frame", GOOD, |one| {
            one.say(&[frame(0xbe, 0xff, one.stream, b"?"), answer(one.stream)])
        }),
        stream("needless_window", GOOD, |one| {
            one.say(&[frame(WINDOW_UPDATE, NONE, 0, &[0, 0, 1, 0]), answer(one.stream)])
        }),
        stream("padded", GOOD, |one| {
            let head = [&[3], OK, &[0; 3]].concat();
            one.say(&[
                frame(HEADERS, PADDED | END_HEADERS, one.stream, &head),
                body(one, PADDED | END, b"\x05ok\0\0\0\0\0"),
            ])
        }),
        stream("priority", GOOD, |one| {
            one.say(&[frame(PRIORITY, NONE, one.stream, &[0, 0, 0, 0, 9]), answer(one.stream)])
        }),
        stream("continuations", GOOD, |one| {
            let more = header("x-more", "of the same");
            one.say(&[
                frame(HEADERS, NONE, one.stream, OK),
                frame(CONTINUATION, NONE, one.stream, &more[..5]),
                frame(CONTINUATION, END_HEADERS, one.stream, &more[5..]),
                body(one, END, b"ok"),
            ])
        }),
        stream("byte_by_byte", GOOD, |one| {
            answer(one.stream).iter().all(|byte| {
                pause(1);
                say(one.socket, &[*byte])
            })
        }),
        stream("empty_data", GOOD, |one| {
            one.say(&[head(one, END_HEADERS, &[]), body(one, NONE, b"")])
                && one.say(&[body(one, NONE, b"ok"), body(one, END, b"")])
        }),
        stream("trailers", GOOD, |one| {
            let trailers = header("x-end", "of it");
            one.say(&[
                head(one, END_HEADERS, &[]),
                body(one, NONE, b"ok"),
                frame(HEADERS, WHOLE, one.stream, &trailers),
            ])
        }),
    ]
}

/// What is odd around an answer, and right.
fn odd_ends() -> Vec<Behaviour> {
    vec![
        stream("early_hints", GOOD, |one| {
            let hints = [&header(":status", "103")[..], &header("link", "</x>")].concat();
            one.say(&[frame(HEADERS, END_HEADERS, one.stream, &hints), answer(one.stream)])
        }),
        stream("new_settings", GOOD, |one| {
            let table = [0, 1, 0, 0, 16, 0];
            one.say(&[frame(SETTINGS, NONE, 0, &table), answer(one.stream)])
        }),
        stream("no_body", GOOD, |one| one.say(&[head(one, WHOLE, &[("x-no", "body")])])),
        stream("reset_behind", GOOD, |one| one.say(&[answer(one.stream), rst(one.stream, 0)])),
        connection("goaway_behind", GOOD, |one| {
            // What came before it reached the server is still answered.
            one.say(&[answer(one.stream), goaway(0x7fff_ffff, 0)])
        }),
        connection("goaway_ahead", GOOD, |one| {
            one.say(&[goaway(0x7fff_ffff, 0)]);
            pause(5);
            one.say(&[answer(one.stream)])
        }),
        with(
            &[0, 3, 0, 0, 0, 1],
            stream("one_at_a_time", GOOD, |one| {
                pause(20);
                one.say(&[answer(one.stream)])
            }),
        ),
        stream("refused_at_first", GOOD, |one| {
            if one.before == 0 {
                one.say(&[rst(one.stream, REFUSED_STREAM)])
            } else {
                one.say(&[answer(one.stream)])
            }
        }),
    ]
}

/// What is wrong with one stream.
fn wrong_streams() -> Vec<Behaviour> {
    vec![
        stream("status_500", Expected::Status(500), |one| {
            one.say(&[frame(HEADERS, WHOLE, one.stream, &[0x8e])])
        }),
        stream("no_status", BAD, |one| {
            one.say(&[frame(HEADERS, WHOLE, one.stream, &header("x-only", "this"))])
        }),
        connection("upper_case", BAD, |one| one.say(&[head(one, WHOLE, &[("X-Upper", "case")])])),
        stream("connection_header", BAD, |one| {
            one.say(&[head(one, WHOLE, &[("connection", "close")])])
        }),
        stream("too_short", BAD, |one| {
            one.say(&[head(one, END_HEADERS, &[("content-length", "9")]), body(one, END, b"ok")])
        }),
        stream("too_long", BAD, |one| {
            one.say(&[head(one, END_HEADERS, &[("content-length", "1")]), body(one, END, b"ok")])
        }),
        connection("window_of_none", BAD, |one| {
            one.say(&[frame(WINDOW_UPDATE, NONE, one.stream, &[0; 4])])
        }),
        connection("hints_and_end", BAD, |one| {
            one.say(&[frame(HEADERS, WHOLE, one.stream, &header(":status", "103"))])
        }),
        connection("data_behind_hints", BAD, |one| {
            let hints = frame(HEADERS, END_HEADERS, one.stream, &header(":status", "103"));
            one.say(&[hints, body(one, END, b"ok")])
        }),
        connection("two_heads", BAD, |one| {
            one.say(&[head(one, END_HEADERS, &[]), head(one, END_HEADERS, &[])])
        }),
        stream("reset", RESET, |one| one.say(&[rst(one.stream, 2)])),
        stream("reset_behind_head", RESET, |one| {
            one.say(&[head(one, END_HEADERS, &[]), rst(one.stream, 2)])
        }),
        stream("reset_in_body", RESET, |one| {
            one.say(&[head(one, END_HEADERS, &[]), body(one, NONE, b"o"), rst(one.stream, 8)])
        }),
        stream("always_refused", RESET, |one| one.say(&[rst(one.stream, REFUSED_STREAM)])),
    ]
}

/// What does not end.
fn endless_streams() -> Vec<Behaviour> {
    vec![
        stream("no_answer", SILENT, |_| true),
        stream("no_end", SLOW, |one| {
            one.say(&[head(one, END_HEADERS, &[]), body(one, NONE, b"o")])
        }),
        stream("no_data", SLOW, |one| one.say(&[head(one, END_HEADERS, &[])])),
        stream("drip", SLOW, |one| {
            one.say(&[head(one, END_HEADERS, &[])]);
            let (socket, byte) = (one.socket.try_clone().unwrap(), body(one, NONE, b"x"));
            std::thread::spawn(move || {
                while say(&socket, &byte) {
                    pause(40);
                }
            });
            true
        }),
        stream("endless", SLOW, |one| {
            one.say(&[head(one, END_HEADERS, &[])]);
            one.flood(&body(one, NONE, &[b'x'; 1_000]))
        }),
        with(&[0, 4, 0, 0, 0, 0], stream("window_0", SILENT, |_| true)),
        stream("large_head", GOOD, |one| {
            let large = "y".repeat(16_000);
            let block = [OK, &header("x-large", &large), &header("x-more", &large)].concat();
            let (first, rest) = block.split_at(16_000);
            let (second, third) = rest.split_at(16_000);
            one.say(&[
                frame(HEADERS, END, one.stream, first),
                frame(CONTINUATION, NONE, one.stream, second),
                frame(CONTINUATION, END_HEADERS, one.stream, third),
            ])
        }),
    ]
}

/// What is wrong with a whole connection.
fn wrong_connections() -> Vec<Behaviour> {
    vec![
        connection("data_first", BAD, |one| one.say(&[body(one, END, b"ok")])),
        connection("idle_stream", BAD, |one| one.say(&[frame(DATA, END, 0x7ffd, b"ok")])),
        connection("even_stream", BAD, |one| one.say(&[frame(HEADERS, WHOLE, 2, OK)])),
        connection("push", BAD, |one| {
            let promise = [&[0, 0, 0, 2][..], OK].concat();
            one.say(&[frame(PUSH_PROMISE, END_HEADERS, one.stream, &promise)])
        }),
        connection("large_frame", BAD, |one| {
            one.say(&[head(one, END_HEADERS, &[]), body(one, END, &[b'x'; 16_385])])
        }),
        connection("no_such_index", BAD, |one| {
            one.say(&[frame(HEADERS, WHOLE, one.stream, &[0x88, 0xff, 0x80, 0x7f])])
        }),
        connection("window_too_large", BAD, |one| {
            one.say(&[frame(WINDOW_UPDATE, NONE, 0, &[0x7f, 0xff, 0xff, 0xff])])
        }),
        connection("odd_settings", BAD, |one| one.say(&[frame(SETTINGS, NONE, 0, &[0; 5])])),
        connection("full_ack", BAD, |one| one.say(&[frame(SETTINGS, END, 0, &[0; 6])])),
        connection("short_ping", BAD, |one| one.say(&[frame(PING, NONE, 0, &[0; 7])])),
        connection("reset_nobody", BAD, |one| one.say(&[rst(0x7ffd, 2)])),
        connection("stray_continuation", BAD, |one| {
            one.say(&[frame(CONTINUATION, END_HEADERS, one.stream, OK)])
        }),
        connection("broken_block", BAD, |one| {
            one.say(&[frame(HEADERS, NONE, one.stream, OK), frame(PING, NONE, 0, &[0; 8])])
        }),
        connection("goaway_unseen", CLOSED, |one| one.say(&[goaway(0, 0)])),
        connection("goaway_calm", CLOSED, |one| one.say(&[goaway(0, 11)])),
        connection("fin_in_body", CLOSED, |one| {
            one.say(&[head(one, END_HEADERS, &[]), body(one, NONE, b"o")]);
            // Who closes with something unread resets.
            one.socket.shutdown(Shutdown::Write).unwrap();
            keep(one.socket.try_clone().unwrap());
            false
        }),
        connection("rst_in_body", CUT, |one| {
            one.say(&[head(one, END_HEADERS, &[]), body(one, NONE, b"o")]);
            pause(5);
            one.reset()
        }),
        connection("pings", SILENT, |one| one.flood(&frame(PING, NONE, 0, b"12345678"))),
        connection("hints", SILENT, |one| {
            let hints = [&header(":status", "103")[..], &header("link", "</x>")].concat();
            one.flood(&frame(HEADERS, END_HEADERS, one.stream, &hints))
        }),
        connection("settings", SILENT, |one| one.flood(&frame(SETTINGS, NONE, 0, &[]))),
        connection("windows", SILENT, |one| {
            one.flood(&frame(WINDOW_UPDATE, NONE, 0, &[0, 0, 0, 1]))
        }),
        connection("priorities", SILENT, |one| {
            one.flood(&frame(PRIORITY, NONE, one.stream, &[0, 0, 0, 0, 9]))
        }),
        connection("resets", RESET, |one| one.flood(&rst(one.stream, 2))),
    ]
}

/// What is no HTTP/2 from its start.
fn wrong_starts() -> Vec<Behaviour> {
    vec![
        raw("http_1", connect("bad_http", "protocol"), |socket| {
            say(&socket, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            keep(socket);
        }),
        raw("noise", connect("bad_http", "protocol"), |socket| {
            say(&socket, &[0xa5; 100]);
            keep(socket);
        }),
        raw("ping_at_first", connect("first_byte_timeout", "network"), |socket| {
            say(&socket, &frame(PING, NONE, 0, &[0; 8]));
            keep(socket);
        }),
        raw("fin_at_first", connect("closed_by_server", "protocol"), |socket| {
            pause(20);
            let _ = socket.shutdown(Shutdown::Write);
            keep(socket);
        }),
        raw("rst_at_first", connect("reset", "network"), |socket| {
            pause(20);
            reset(socket);
        }),
        raw("mute", connect("first_byte_timeout", "network"), mute),
        raw("no_streams", connect("first_byte_timeout", "network"), |socket| {
            converse(&socket, &[0, 3, 0, 0, 0, 0], |_| true);
        }),
    ]
}
