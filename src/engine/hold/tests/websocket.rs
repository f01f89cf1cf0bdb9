//! WebSockets in a world in which time passes only when nothing is left to do.

use super::simulation::*;
use super::*;
use crate::plan::{Close, Heartbeat, Stat};
use crate::record::FailureStage;
use crate::workload::hold::websocket::frame::{FrameHeader, Opcode, apply, write};
use crate::workload::hold::websocket::{
    HeartbeatFrame as Beat, Settings, WebSocketClient, accept_for,
};

const MS: u64 = 1_000_000;

fn websocket(heartbeat: Beat) -> WebSocketClient {
    WebSocketClient::new(Settings {
        places: vec![("localhost".to_owned(), "/".to_owned())],
        headers: Vec::new(),
        protocols: Vec::new(),
        opening: Vec::new(),
        own: None,
        is_binary: true,
        expect: Some("ok".into()),
        heartbeat,
        max_message: 1 << 20,
        secrets: crate::plan::Secrets::default(),
        seed: 1,
    })
}

/// Bytes that a server says.
fn act(bytes: Vec<u8>) -> Act {
    Act::Say(Vec::leak(bytes))
}

fn frame(opcode: Opcode, payload: &[u8]) -> Act {
    let mut bytes = Vec::new();
    write(&mut bytes, opcode, None, payload);
    act(bytes)
}

/// The last message of a client: the key of a handshake, or a frame.
enum Said {
    Key(String),
    Frame(Opcode, Vec<u8>),
}

fn said(bytes: &[u8]) -> Said {
    if bytes.starts_with(b"GET ") {
        let text = String::from_utf8_lossy(bytes);
        let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        return Said::Key(key.to_owned());
    }
    let header = FrameHeader::read(bytes).unwrap().unwrap();
    let mut payload = bytes[header.size..].to_vec();
    apply(header.mask.expect("a client masks"), &mut payload);
    Said::Frame(header.opcode, payload)
}

fn accepted(key: &str) -> Act {
    act(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_for(key.as_bytes())
    )
    .into_bytes())
}

/// A server that shakes hands after 30 ms, says `ok` 10 ms later, replies to pings and closes after
/// 20 ms.
fn server() -> Script {
    Box::new(|simulation, slot, _| {
        let now = simulation.now_ns;
        match said(&simulation.last.clone()) {
            Said::Key(key) => {
                simulation.plan(now + 30 * MS, slot, accepted(&key));
                simulation.plan(now + 40 * MS, slot, frame(Opcode::Text, b"ok"));
            }
            Said::Frame(Opcode::Ping, payload) => {
                simulation.plan(now + 20 * MS, slot, frame(Opcode::Pong, &payload));
            }
            Said::Frame(Opcode::Close, payload) => {
                simulation.plan(now + 20 * MS, slot, frame(Opcode::Close, &payload));
            }
            Said::Frame(..) => {}
        }
    })
}

fn open_after(ms: u64) -> Script {
    Box::new(move |simulation, slot, _| {
        simulation.plan(simulation.now_ns + ms * MS, slot, Act::Open);
    })
}

#[test]
fn a_connection_counts_once_its_handshake_is_done_and_leaves_with_a_goodbye() {
    let settings = settings(Some(Heartbeat::Client {
        send: crate::plan::Message::default(),
        every: seconds(2),
        timeout: seconds(1),
    }));
    let stages = vec![stage(40, paced(1_000), 3), stage(20, paced(1_000), 2)];
    let outcomes = run_with(
        plan(settings, stages),
        Vec::new(),
        (open_after(10), server()),
        websocket(Beat::Pong),
    );
    assert_eq!(outcomes.get(Counter::ConnectOk), 40);
    assert_eq!(outcomes.get(Counter::Ok), 40);
    assert_eq!(outcomes.get(Counter::Verified), 40);
    assert_eq!(outcomes.get(Counter::MessagesReceived), 40);
    let (sent, received) =
        (outcomes.get(Counter::HeartbeatSent), outcomes.get(Counter::HeartbeatReceived));
    assert!(sent == received && sent == 40 + 20, "{sent} {received}");
    let times = outcomes.whole().times;
    for (metric, ns) in [
        (TimeMetric::HandshakeTime, 3e7),
        (TimeMetric::ConnectTime, 4e7),
        (TimeMetric::FirstMessage, 5e7),
        (TimeMetric::HeartbeatRtt, 2e7),
    ] {
        let max = times.stat(metric, Stat::Max).unwrap();
        assert!((max / ns - 1.0).abs() < 0.002, "{metric}: {max}");
    }
    let simulation = &outcomes.simulation;
    assert_eq!(simulation.closed, vec![Close::Fin; 40]);
    let pings = simulation.heard.iter().filter(|bytes| bytes[0] == 0x89).count() as u64;
    assert_eq!(pings, sent);
    let goodbyes = simulation.heard.iter().filter(|bytes| {
        !bytes.starts_with(b"GET ")
            && matches!(said(bytes), Said::Frame(Opcode::Close, code) if code == [0x03, 0xE8])
    });
    assert_eq!(goodbyes.count(), 40);
    // The last one waits for its reply, and for no more than that.
    assert!(simulation.now_ns < 6 * SECOND_NS, "{}", simulation.now_ns);
}

#[test]
fn a_peer_that_says_no_goodbye_is_not_waited_for_in_vain() {
    let on_send: Script = Box::new(|simulation, slot, _| {
        if let Said::Key(key) = said(&simulation.last.clone()) {
            simulation.plan(simulation.now_ns, slot, accepted(&key));
        }
    });
    let stages = vec![stage(3, paced(1_000), 1)];
    let outcomes = run_with(
        plan(settings(None), stages),
        Vec::new(),
        (open_after(0), on_send),
        websocket(Beat::Messages),
    );
    assert_eq!(outcomes.get(Counter::Ok), 3);
    let seconds = outcomes.simulation.now_ns / SECOND_NS;
    assert_eq!(seconds, 6, "a second of hold, five of patience");
}

#[test]
fn every_end_of_a_handshake_and_of_a_conversation_is_told_apart() {
    let on_send: Script = Box::new(|simulation, slot, _| {
        let Said::Key(key) = said(&simulation.last.clone()) else { return };
        let now = simulation.now_ns;
        let refused = |status: &str| act(format!("HTTP/1.1 {status}\r\n\r\n").into_bytes());
        let masked = act(vec![0x81, 0x82, 0, 0, 0, 0, b'o', b'k']);
        let first = match slot {
            0 => return,
            1 => Act::Fin,
            2 => Act::Reset,
            3 => refused("401 Unauthorized"),
            4 => refused("200 OK"),
            5 => accepted("another key"),
            _ => accepted(&key),
        };
        simulation.plan(now + MS, slot, first);
        let then = match slot {
            6 => masked,
            7 => frame(Opcode::Close, b"\x03\xe9bye"),
            8 => Act::Fin,
            9 => frame(Opcode::Text, b"no"),
            10 => frame(Opcode::Text, b"ok"),
            _ => return,
        };
        simulation.plan(now + SECOND_NS, slot, then);
    });
    let stages = vec![stage(11, paced(1_000), 15)];
    let outcomes = run_with(
        plan(settings(None), stages),
        Vec::new(),
        (open_after(0), on_send),
        websocket(Beat::Messages),
    );
    let whole = outcomes.whole();
    let causes: BTreeMap<(Failure, FailureStage, i32), u64> = whole
        .failures
        .iter()
        .map(|(cause, tally)| ((cause.failure, cause.at, cause.code), tally.count))
        .collect();
    let (shaking, held) = (FailureStage::Handshake, FailureStage::Hold);
    let reset = nix::libc::ECONNRESET;
    let expected = [
        (Failure::ConnectTimeout, shaking, 0),
        (Failure::ClosedByServer, shaking, 0),
        (Failure::Reset, shaking, reset),
        (Failure::HandshakeStatus, shaking, 401),
        (Failure::HandshakeStatus, shaking, 200),
        (Failure::BadHandshake, shaking, 0),
        (Failure::MaskedFrame, held, 0),
        (Failure::CloseFrame, held, 1001),
        (Failure::ClosedByServer, held, 0),
        (Failure::WrongData, held, 0),
    ];
    assert_eq!(causes, expected.into_iter().map(|cause| (cause, 1)).collect());
    assert_eq!(outcomes.get(Counter::ConnectOk), 5);
    assert_eq!(outcomes.get(Counter::ConnectFailed), 6);
    assert_eq!(outcomes.get(Counter::Lost), 4);
    assert_eq!(outcomes.get(Counter::Ok), 1);
    assert_eq!(whole.times.count(TimeMetric::HandshakeTime), 5);
}

#[test]
fn pings_of_the_server_are_heartbeats_that_can_be_missed() {
    let on_send: Script = Box::new(|simulation, slot, _| {
        let Said::Key(key) = said(&simulation.last.clone()) else { return };
        let now = simulation.now_ns;
        simulation.plan(now, slot, accepted(&key));
        for beat in 1..=(if slot < 2 { 2 } else { 6 }) {
            simulation.plan(now + beat * 5 * SECOND_NS, slot, frame(Opcode::Ping, b"?"));
        }
    });
    let heartbeat = Heartbeat::Server { every: seconds(5), grace: seconds(1) };
    let stages = vec![stage(6, paced(1_000), 30)];
    let outcomes = run_with(
        plan(settings(Some(heartbeat)), stages),
        Vec::new(),
        (open_after(0), on_send),
        websocket(Beat::Pings),
    );
    assert_eq!(outcomes.get(Counter::HeartbeatMissed), 2);
    assert_eq!(outcomes.get(Counter::HeartbeatReceived), 2 * 2 + 4 * 6);
    let gap = outcomes.whole().times.stat(TimeMetric::HeartbeatGap, Stat::P50).unwrap();
    assert!((gap / 5e9 - 1.0).abs() < 0.002, "{gap}");
    let pongs = outcomes.simulation.heard.iter().filter(|bytes| bytes[0] == 0x8A).count();
    assert_eq!(pongs, 2 * 2 + 4 * 6);
}

#[test]
fn connections_that_are_replaced_say_goodbye_beside_their_successors() {
    let mut settings = settings(None);
    settings.churn.lifetime =
        Some(crate::plan::Lifetime::Uniform { min: seconds(2), max: seconds(2) });
    let outcomes = run_with(
        plan(settings, vec![stage(10, paced(1_000), 9)]),
        Vec::new(),
        (open_after(1), server()),
        websocket(Beat::Messages),
    );
    let opened = outcomes.get(Counter::ConnectOk);
    assert!(opened >= 40, "{opened}");
    assert_eq!(outcomes.get(Counter::Ok), opened);
    assert_eq!(outcomes.get(Counter::MessagesReceived), opened);
    assert!(outcomes.whole().failures.is_empty(), "{:?}", outcomes.whole().failures);
    assert_eq!(outcomes.simulation.closed, vec![Close::Fin; usize::try_from(opened).unwrap()]);
}

#[test]
fn a_connection_costs_at_most_8_bytes_more_than_a_raw_one() {
    use super::slots::HeldConnection;
    use crate::workload::hold::websocket::WebSocketState;
    let (raw, websocket) = (
        size_of::<HeldConnection<std::net::TcpStream, u32>>(),
        size_of::<HeldConnection<std::net::TcpStream, WebSocketState>>(),
    );
    assert!(websocket <= raw + 8 && websocket <= 72, "{websocket} and {raw} bytes");
}
