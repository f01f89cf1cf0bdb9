use super::identity::SelfSigned;
use super::*;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// Two ends of a connection on loopback, neither of which waits.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for socket in [&client, &server] {
        socket.set_nonblocking(true).unwrap();
        socket.set_nodelay(true).unwrap();
    }
    (client, server)
}

fn client(trust: &Trust, name: &str) -> UnbufferedClientConnection {
    let peers = Peers {
        trust: trust.clone(),
        names: vec![name.to_owned()],
        credentials: None,
        resumes: false,
        speaks: String::new(),
    };
    Client::new(&peers).unwrap().session(0).unwrap()
}

fn made() -> SelfSigned {
    self_signed("127.0.0.1", "test").unwrap()
}

fn server(made: &SelfSigned) -> UnbufferedServerConnection {
    UnbufferedServerConnection::new(Identity::of(made).unwrap().config).unwrap()
}

struct Both {
    client: Sessions<UnbufferedClientConnection>,
    server: Sessions<UnbufferedServerConnection>,
    sockets: (TcpStream, TcpStream),
}

impl Both {
    fn new(client_end: UnbufferedClientConnection, made: &SelfSigned) -> Self {
        let sockets = pair();
        let mut both = Self { client: Sessions::default(), server: Sessions::default(), sockets };
        both.client.begin(&both.sockets.0, client_end);
        both.server.begin(&both.sockets.1, server(made));
        both
    }

    /// Shakes hands; the first error of each side.
    fn shake(&mut self) -> (io::Result<bool>, io::Result<bool>) {
        let until = Instant::now() + PATIENCE;
        let (mut client, mut server) = (Ok(false), Ok(false));
        while Instant::now() < until {
            if matches!(client, Ok(false)) {
                client = self.client.secure(&self.sockets.0);
            }
            if matches!(server, Ok(false)) {
                server = self.server.secure(&self.sockets.1);
            }
            if !matches!(client, Ok(false)) && !matches!(server, Ok(false)) {
                break;
            }
        }
        (client, server)
    }

    fn shaken(made: &SelfSigned) -> Self {
        let trust = Trust::Only(made.certificate.clone());
        let mut both = Self::new(client(&trust, "localhost"), made);
        let (client, server) = both.shake();
        assert!(client.unwrap() && server.unwrap());
        both
    }

    fn client_reads(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        awaited(|| self.client.receive(&self.sockets.0, &mut buffer)).map(|length| {
            buffer.truncate(length);
            buffer
        })
    }
}

fn awaited(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    let until = Instant::now() + PATIENCE;
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                std::thread::yield_now();
            }
            result => return result,
        }
    }
}

#[test]
fn both_sides_hear_each_other_whatever_the_sizes() {
    let mut both = Both::shaken(&made());
    for length in [1, 2, 1_000, 16_384, 40_000] {
        let message: Vec<u8> = (0..=250).cycle().take(length).collect();
        let (mut sent, mut heard) = (0, Vec::new());
        while heard.len() < length {
            if sent < length {
                match both.server.send(&both.sockets.1, &message[sent..]) {
                    Ok(taken) => sent += taken,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            heard.extend(both.client_reads().unwrap());
        }
        assert!(heard == message);
    }
    both.client.send(&both.sockets.0, b"ping").unwrap();
    let mut buffer = vec![0; 32_768];
    let length = awaited(|| both.server.receive(&both.sockets.1, &mut buffer)).unwrap();
    assert_eq!(&buffer[..length], b"ping");
}

#[test]
fn a_record_that_comes_byte_by_byte_is_heard_once_it_is_whole() {
    let made = made();
    let (client_socket, relay_in) = pair();
    let (relay_out, server_socket) = pair();
    let mut clients = Sessions::default();
    let mut servers = Sessions::default();
    let trust = Trust::Only(made.certificate.clone());
    clients.begin(&client_socket, client(&trust, "127.0.0.1"));
    servers.begin(&server_socket, server(&made));
    let mut greeted = false;
    let (mut secured, mut heard) = (false, Vec::new());
    let until = Instant::now() + PATIENCE;
    let mut buffer = vec![0; 65_536];
    while heard.len() < 4 && Instant::now() < until {
        secured = secured || clients.secure(&client_socket).unwrap();
        if servers.secure(&server_socket).unwrap() && !greeted {
            greeted = servers.send(&server_socket, b"okok").unwrap() == 4;
        }
        for (mut from, mut to) in [(&relay_in, &relay_out), (&relay_out, &relay_in)] {
            let mut byte = [0];
            if from.read(&mut byte).is_ok_and(|length| length > 0) {
                to.write_all(&byte).unwrap();
            }
        }
        if secured && let Ok(length) = clients.receive(&client_socket, &mut buffer) {
            heard.extend_from_slice(&buffer[..length]);
        }
    }
    assert_eq!(heard, b"okok");
}

#[test]
fn a_goodbye_and_an_end_without_one_are_told_apart() {
    let made = made();
    let mut both = Both::shaken(&made);
    both.server.send(&both.sockets.1, b"ok").unwrap();
    both.server.close(&both.sockets.1, true);
    assert_eq!(both.client_reads().unwrap(), b"ok");
    assert_eq!(both.client_reads().unwrap(), b"");

    let mut both = Both::shaken(&made);
    both.server.send(&both.sockets.1, b"ok").unwrap();
    both.sockets.1.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(both.client_reads().unwrap(), b"ok");
    let error = both.client_reads().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(cause(&error, FailureStage::Hold).failure, Failure::ClosedByServer);
}

#[test]
fn bytes_that_are_no_tls_end_a_session() {
    let mut both = Both::shaken(&made());
    both.sockets.1.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    let error = both.client_reads().unwrap_err();
    assert_eq!(cause(&error, FailureStage::Hold), Cause::new(Failure::Tls, FailureStage::Hold));
}

#[test]
fn certificates_are_taken_from_those_who_are_trusted() {
    let made = made();
    let other = Trust::Only(self_signed("127.0.0.1", "somebody else").unwrap().certificate);
    let mut both = Both::new(client(&other, "localhost"), &made);
    let (error, told) = both.shake();
    let error = error.unwrap_err();
    assert!(is_tls(&error) && error.to_string().contains("UnknownIssuer"), "{error}");
    // The server hears why.
    assert!(told.unwrap_err().to_string().contains("alert"));

    let mine = Trust::Only(made.certificate.clone());
    let mut both = Both::new(client(&mine, "elsewhere.example"), &made);
    let error = both.shake().0.unwrap_err().to_string();
    assert!(error.contains("elsewhere.example"), "{error}");

    let mut both = Both::new(client(&Trust::Anyone, "elsewhere.example"), &made);
    assert!(both.shake().0.unwrap());

    // One of several, each with a subject of its own.
    let many: String = (0..20)
        .map(|n| self_signed("127.0.0.1", &format!("owner {n}")).unwrap().certificate)
        .chain([made.certificate.clone()])
        .collect();
    let mut both = Both::new(client(&Trust::Only(many), "127.0.0.1"), &made);
    assert!(both.shake().0.unwrap());
}

#[test]
fn a_certificate_that_is_given_may_also_sign_others() {
    // As `openssl req -x509` makes them.
    let made = |years: std::ops::Range<i32>| {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        SelfSigned { certificate, key: key.serialize_pem() }
    };
    let (one, other, old) = (made(1975..4096), made(1975..4096), made(1975..2000));
    let shake = |given: &SelfSigned, name: &str, made: &SelfSigned| {
        let trust = Trust::Only(given.certificate.clone());
        Both::new(client(&trust, name), made).shake().0.map_err(|error| error.to_string())
    };
    assert_eq!(shake(&one, "localhost", &one), Ok(true));
    for (given, name, made, words) in [
        (&one, "elsewhere.example", &one, "elsewhere.example"),
        (&other, "localhost", &one, "CaUsedAsEndEntity"),
        (&old, "localhost", &old, "expired"),
    ] {
        let error = shake(given, name, made).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_cannot_be_used_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let error = Trust::file(&file, &PemFiles::default()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read `") && error.contains("ca.pem"), "{error}");
    for text in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        std::fs::write(&file, text).unwrap();
        let error = Trust::file(&file, &PemFiles::default()).unwrap_err().to_string();
        assert!(error.starts_with("cannot find a certificate in `"), "{error}");
    }
    let made = made();
    std::fs::write(&file, &made.certificate).unwrap();
    assert_eq!(
        Trust::file(&file, &PemFiles::default()).unwrap(),
        Trust::Only(made.certificate.clone())
    );
    let error = Identity::read(&file, &file).unwrap_err().to_string();
    assert!(error.starts_with("cannot find a private key in `"), "{error}");
    let key = folder.path().join("key.pem");
    std::fs::write(&key, self::made().key).unwrap();
    let error = Identity::read(&file, &key).unwrap_err().to_string();
    assert!(error.starts_with("cannot use the certificate: "), "{error}");
    assert!(server_name("two words").is_err());
}

#[test]
fn a_pem_file_is_read_once_and_a_failure_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (files, made) = (PemFiles::default(), made());
    assert!(Trust::file(&file, &files).is_err());
    std::fs::write(&file, &made.certificate).unwrap();
    let first = Trust::file(&file, &files).unwrap();
    std::fs::write(&file, self::made().certificate).unwrap();
    assert_eq!(Trust::file(&file, &files.clone()).unwrap(), first);
    assert_ne!(Trust::file(&file, &PemFiles::default()).unwrap(), first);
    let key = folder.path().join("key.pem");
    std::fs::write(&key, &made.key).unwrap();
    assert!(Credentials::files(&file, &key, &files).is_ok());
    std::fs::remove_file(&key).unwrap();
    assert!(Credentials::files(&file, &key, &files).is_ok());
    assert_eq!(format!("{files:?}"), "PemFiles");
}

#[test]
fn a_session_that_waits_keeps_no_buffer() {
    let mut both = Both::shaken(&made());
    both.server.send(&both.sockets.1, b"ok").unwrap();
    assert_eq!(both.client_reads().unwrap(), b"ok");
    assert!(!both.client.has_unsent(&both.sockets.0));
    assert!(size_of::<TlsSession<UnbufferedClientConnection>>() <= 1_200);
    assert!(size_of::<TlsSession<UnbufferedServerConnection>>() <= 1_200);
}
