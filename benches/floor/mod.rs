//! The floor: the least that a program can do to hold connections, straight on epoll. Accept, send,
//! forget on one side; connect, read two bytes, forget on the other. As many processes as planrun
//! uses, two clients at a time.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

/// Connections of one process: below the usual hard limit of 20,000 open files.
const EACH: u64 = 18_880;

/// Connections of one source address to one server: above, the search for free ports gets slow.
const PER_SOURCE: u64 = 9_500;

/// Plays one process of the floor if the arguments ask for it.
pub(crate) fn take_part(args: &[String]) -> bool {
    match args.first().map(String::as_str) {
        Some("floor-serve") => serve(),
        Some("floor-hold") => hold(args[1].parse().unwrap(), args[2].parse().unwrap()),
        _ => return false,
    }
    true
}

fn edges() -> EpollFlags {
    EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET
}

fn serve() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(65_535).unwrap();
    let listener: std::net::TcpListener = socket.into();
    println!("{}", listener.local_addr().unwrap().port());
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    let mut held: Vec<TcpStream> = Vec::with_capacity(EACH as usize);
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"ok").unwrap();
        stream.set_nonblocking(true).unwrap();
        epoll.add(&stream, EpollEvent::new(edges(), held.len() as u64)).unwrap();
        held.push(stream);
    }
}

fn hold(port: u16, count: u64) {
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    let mut held: Vec<TcpStream> = Vec::with_capacity(count as usize);
    let mut events = vec![EpollEvent::empty(); 1024];
    let mut answered = 0;
    let mut buffer = [0; 64];
    while answered < count {
        for _ in 0..64.min(count - held.len() as u64) {
            let i = held.len() as u64;
            let source = Ipv4Addr::new(127, 2, 0, 1 + (i / PER_SOURCE) as u8);
            let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
            setsockopt(&socket, sockopt::IpBindAddressNoPort, &true).unwrap();
            socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
            let _ = socket.connect(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
            epoll.add(&socket, EpollEvent::new(edges(), i)).unwrap();
            held.push(socket.into());
        }
        let timeout = if (held.len() as u64) < count {
            EpollTimeout::ZERO
        } else {
            EpollTimeout::from(1_000_u16)
        };
        let ready = epoll.wait(&mut events, timeout).unwrap();
        for event in &events[..ready] {
            assert_eq!(held[event.data() as usize].read(&mut buffer).unwrap(), 2);
            answered += 1;
        }
    }
    println!("{answered}");
    // Holds until it is killed.
    let _ = std::io::stdin().read(&mut buffer);
}

struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(args: &[String]) -> Self {
        let exe = std::env::current_exe().unwrap();
        let mut child = Command::new(exe)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// Seconds until this many connections are open and answered.
pub(crate) fn open(connections: u64) -> f64 {
    let shares: Vec<u64> =
        (0..connections.div_ceil(EACH)).map(|i| EACH.min(connections - i * EACH)).collect();
    let mut servers: Vec<Process> =
        shares.iter().map(|_| Process::start(&["floor-serve".to_owned()])).collect();
    let ports: Vec<String> = servers.iter_mut().map(Process::line).collect();
    let begin = Instant::now();
    let mut clients: Vec<Process> = Vec::new();
    let mut running = VecDeque::new();
    for (port, share) in ports.iter().zip(&shares) {
        if running.len() == 2 {
            let first: usize = running.pop_front().unwrap();
            clients[first].line();
        }
        running.push_back(clients.len());
        clients.push(Process::start(&["floor-hold".to_owned(), port.clone(), share.to_string()]));
    }
    for client in running {
        clients[client].line();
    }
    let took = begin.elapsed().as_secs_f64();
    for process in clients.iter_mut().chain(&mut servers) {
        process.child.kill().unwrap();
        process.child.wait().unwrap();
    }
    took
}
