//! The floor of requests: the least that a program can do in a closed loop on kept connections,
//! straight on epoll. Write, read, parse the head, compare nothing, record nothing.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Plays the floor if the arguments ask for it: `floor-http ADDRESS CONNECTIONS SECONDS` prints
/// requests a second.
pub(crate) fn take_part(args: &[String]) -> bool {
    if args.first().map(String::as_str) != Some("floor-http") {
        return false;
    }
    ask(&args[1], args[2].parse().unwrap(), args[3].parse().unwrap());
    true
}

fn ask(address: &str, connections: u64, seconds: u64) {
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    let mut streams = Vec::new();
    for i in 0..connections {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, i)).unwrap();
        stream.write_all(&request).unwrap();
        streams.push(stream);
    }
    let (mut events, mut buffer) = (vec![EpollEvent::empty(); 512], vec![0; 16 << 10]);
    let (start, mut done) = (Instant::now(), 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let ready = epoll.wait(&mut events, EpollTimeout::from(100_u8)).unwrap();
        for event in &events[..ready] {
            let stream = &mut streams[usize::try_from(event.data()).unwrap()];
            let length = stream.read(&mut buffer).unwrap();
            if is_whole(&buffer[..length]) {
                done += 1;
                stream.write_all(&request).unwrap();
            }
        }
    }
    println!("{}", done as f64 / start.elapsed().as_secs_f64());
}

/// Answers of this size come in one piece.
fn is_whole(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else { return false };
    let mut headers = response.headers.iter();
    let length = headers.find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or("0", |header| std::str::from_utf8(header.value).unwrap());
    bytes.len() == head + length.parse::<usize>().unwrap()
}
