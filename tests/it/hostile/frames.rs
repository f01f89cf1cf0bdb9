//! Turns a connection into one side of HTTP/2, frame by frame and by hand: it says whatever it
//! likes.

use super::{keep, pause, reset, say};
use std::collections::HashMap;
use std::io::Read;
use std::net::TcpStream;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const NONE: u8 = 0;
/// `ACK` of settings and pings, `END_STREAM` of headers and data.
pub(super) const END: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;
/// All of a head, and nothing behind it.
pub(super) const WHOLE: u8 = END | END_HEADERS;

/// `:status: 200`, by its place in the table.
pub(super) const OK: &[u8] = &[0x88];

/// `:method: POST`, likewise.
const POST: u8 = 0x83;

const PREFACE: usize = 24;

/// A frame of any kind, right or wrong.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header that is in no table.
pub(super) fn header(name: &str, value: &str) -> Vec<u8> {
    let mut literal = vec![0];
    for text in [name, value] {
        let length = text.len();
        if length < 127 {
            literal.push(u8::try_from(length).unwrap());
        } else {
            // An integer that does not fit into seven bits goes on in others (RFC 7541, 5.1).
            literal.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                literal.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            literal.push(u8::try_from(rest).unwrap());
        }
        literal.extend(text.bytes());
    }
    literal
}

/// A whole answer: `ok`.
pub(super) fn answer(stream: u32) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, OK), frame(DATA, END, stream, b"ok")].concat()
}

/// What a behaviour does with a request.
pub(super) struct Asked<'a> {
    pub(super) socket: &'a TcpStream,
    pub(super) stream: u32,
    /// How many came before it that were to be treated so, on this connection.
    pub(super) before: u32,
}

impl Asked<'_> {
    /// Says these frames; whether the connection goes on.
    pub(super) fn say(&self, frames: &[Vec<u8>]) -> bool {
        say(self.socket, &frames.concat())
    }

    /// Says it again and again, 200 KB a second, in its own time: requests go on.
    pub(super) fn flood(&self, frame: &[u8]) -> bool {
        let socket = self.socket.try_clone().unwrap();
        let frames = frame.repeat((4_096 / frame.len()).max(1));
        std::thread::spawn(move || {
            while say(&socket, &frames) {
                pause(20);
            }
        });
        true
    }

    pub(super) fn reset(&self) -> bool {
        reset(self.socket.try_clone().unwrap());
        false
    }
}

/// What is done with each POST; whether the connection goes on.
pub(super) type Act = fn(&Asked<'_>) -> bool;

/// Reads frames, answers what is good, and lets `act` answer the rest.
pub(super) fn converse(socket: &TcpStream, settings: &[u8], act: Act) {
    let mut input = socket;
    if input.read_exact(&mut [0; PREFACE]).is_err() {
        return;
    }
    say(socket, &frame(SETTINGS, NONE, 0, settings));
    let mut posts = HashMap::new();
    let mut before = 0;
    let mut head = [0; 9];
    while input.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let mut payload = vec![0; length as usize];
        if input.read_exact(&mut payload).is_err() {
            return;
        }
        let (kind, flags) = (head[3], head[4]);
        match kind {
            SETTINGS if flags & END == 0 => {
                say(socket, &frame(SETTINGS, END, 0, &[]));
            }
            PING if flags & END == 0 => {
                say(socket, &frame(PING, END, 0, &payload));
            }
            HEADERS => {
                posts.insert(stream, payload[0] == POST);
            }
            _ => {}
        }
        if !matches!(kind, HEADERS | DATA) || flags & END == 0 {
            continue;
        }
        let goes_on = if posts.remove(&stream).unwrap_or(false) {
            before += 1;
            act(&Asked { socket, stream, before: before - 1 })
        } else {
            say(socket, &answer(stream))
        };
        if !goes_on {
            return;
        }
    }
}

/// Takes a connection, and never says a word.
pub(super) fn mute(socket: TcpStream) {
    keep(socket);
}
