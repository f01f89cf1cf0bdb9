//! Turns a request into what takes time: floods, drips, silence, and what comes when nobody asks.

use super::{keep, pause, reset, say};
use std::net::{Shutdown, TcpStream};

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Says something, then the same again and again, 200 KB a second: more would only keep this
/// machine busy.
fn flood(stream: &TcpStream, first: &str, more: &str) -> bool {
    let more = more.repeat(4_096 / more.len());
    say(stream, first.as_bytes());
    while say(stream, more.as_bytes()) {
        pause(20);
    }
    false
}

pub(super) fn endless_body(stream: &TcpStream) -> bool {
    flood(stream, "HTTP/1.1 200 OK\r\n\r\n", "x")
}

pub(super) fn endless_length(stream: &TcpStream) -> bool {
    flood(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n", "x")
}

pub(super) fn endless_chunks(stream: &TcpStream) -> bool {
    flood(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1;x\r\ny\r\n")
}

pub(super) fn endless_continues(stream: &TcpStream) -> bool {
    flood(stream, "", "HTTP/1.1 100 Continue\r\n\r\n")
}

pub(super) fn endless_line(stream: &TcpStream) -> bool {
    flood(stream, "HTTP/1.1 200 OK\r\nx: ", "y")
}

pub(super) fn endless_reason(stream: &TcpStream) -> bool {
    flood(stream, "HTTP/1.1 200 ", "because ")
}

pub(super) fn endless_blank_lines(stream: &TcpStream) -> bool {
    flood(stream, "", "\r\n")
}

pub(super) fn endless_extension(stream: &TcpStream) -> bool {
    flood(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=", "y")
}

pub(super) fn endless_trailers(stream: &TcpStream) -> bool {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
    flood(stream, head, "t: u\r\n")
}

pub(super) fn drip_body(stream: &TcpStream) -> bool {
    say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    while say(stream, b"x") {
        pause(40);
    }
    false
}

pub(super) fn drip_head(stream: &TcpStream) -> bool {
    for byte in b"HTTP/1.1 200 OK\r\nx: ".iter().chain(std::iter::repeat(&b'y')) {
        if !say(stream, &[*byte]) {
            break;
        }
        pause(40);
    }
    false
}

pub(super) fn good_drip(stream: &TcpStream) -> bool {
    OK.iter().all(|byte| {
        pause(2);
        say(stream, &[*byte])
    })
}

pub(super) fn mute(stream: &TcpStream) -> bool {
    keep(stream.try_clone().unwrap());
    false
}

/// Reads nothing of a request but its head.
pub(super) fn deaf(_: &TcpStream) -> bool {
    pause(5_000);
    false
}

/// Answers, and ends the connection while the user thinks.
pub(super) fn late_fin(stream: &TcpStream) -> bool {
    say(stream, OK);
    pause(3);
    false
}

pub(super) fn late_rst(stream: &TcpStream) -> bool {
    say(stream, OK);
    pause(3);
    reset_at_once(stream)
}

/// Answers, and says more while the user thinks.
pub(super) fn late_bytes(stream: &TcpStream) -> bool {
    say(stream, OK);
    pause(3);
    say(stream, b"something else")
}

/// Answers, and once more while the user thinks.
pub(super) fn late_answer(stream: &TcpStream) -> bool {
    say(stream, OK);
    pause(3);
    say(stream, b"HTTP/1.1 500 Nobody asked\r\ncontent-length: 0\r\n\r\n")
}

/// Reads no more, and answers.
pub(super) fn deaf_half(stream: &TcpStream) -> bool {
    stream.shutdown(Shutdown::Read).unwrap();
    say(stream, OK)
}

/// Resets each connection, but lets the look before the run see it open.
pub(super) fn resets_unasked(stream: &TcpStream) -> bool {
    pause(20);
    reset_at_once(stream)
}

fn reset_at_once(stream: &TcpStream) -> bool {
    reset(stream.try_clone().unwrap());
    false
}

/// Answers each connection at once and once, whatever it is about to be asked.
pub(super) fn answers_unasked(stream: &TcpStream) -> bool {
    say(stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
    keep(stream.try_clone().unwrap());
    false
}

/// Answers a request of which it has read only the head.
pub(super) fn answer_before_body(stream: &TcpStream) -> bool {
    say(stream, b"HTTP/1.1 413 Too much\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    // Whoever ends a connection with unread bytes in it resets it.
    keep(stream.try_clone().unwrap());
    false
}
