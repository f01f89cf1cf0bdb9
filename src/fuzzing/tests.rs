//! Every seed, whole, cut and changed, through its target; and what the seeds of frames are made
//! of.

use super::*;
use crate::engine::ClockReading;
use crate::engine::wire::{FromWorker, Inbox, ToWorker, WorkerCommand, WorkerReport, encode};
use crate::plan::{Phase, TimeMetric};
use crate::record::{
    AttemptOutcome, Cause, Cell, CellKey, Counter, Failure, FailureStage, Snapshot, Transition,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the seeds of a target are.
fn folders(target: &str) -> Vec<PathBuf> {
    let own = format!("fuzz/seeds/{target}");
    let folders: &[&str] = match target {
        "import" => &["tests/imports", "tests/imports/bad"],
        "plan" => &["tests/plans/ok", "tests/plans/bad", "plans"],
        "rows" => &[&own, "tests/plans/bad/rows"],
        _ => &[&own],
    };
    folders.iter().map(|folder| root().join(folder)).collect()
}

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for folder in folders(target) {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}")) {
            let path = entry.unwrap().path();
            let is_plan = path.extension().is_some_and(|end| end == "toml");
            if path.is_file() && (target != "plan" || is_plan) {
                seeds.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    seeds.sort();
    seeds
}

/// A seed that was cut and in which a few bytes are others.
fn changed(seed: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seed[..rng.usize(..=seed.len())].to_vec();
    if rng.bool() {
        bytes.extend_from_slice(&seed[rng.usize(..=seed.len())..]);
    }
    for _ in 0..rng.usize(..4) {
        if !bytes.is_empty() {
            let at = rng.usize(..bytes.len());
            bytes[at] = if rng.bool() { rng.u8(..) } else { bytes[at] ^ (1 << rng.u8(..8)) };
        }
    }
    bytes
}

/// Runs every seed, and several that are like it.
fn replay(name: &str, least: usize, changes: usize) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).unwrap().1;
    let (seeds, mut rng) = (seeds(name), Rng::with_seed(7));
    assert!(seeds.len() >= least, "{} seeds of {name}", seeds.len());
    for (seed, bytes) in &seeds {
        let run = |bytes: &[u8]| {
            let ran = std::panic::catch_unwind(|| target(bytes));
            assert!(ran.is_ok(), "{seed}: {}", bytes.escape_ascii());
        };
        run(bytes);
        for _ in 0..changes {
            run(&changed(bytes, &mut rng));
        }
    }
}

#[test]
fn seeds_of_http1_hold() {
    replay("http1", 15, 60);
}

#[test]
fn seeds_of_http2_hold() {
    replay("http2", 12, 60);
}

#[test]
fn seeds_of_the_journal_hold() {
    replay("journal", 2, 20);
}

#[test]
fn seeds_of_imports_hold() {
    replay("import", 8, 60);
}

#[test]
fn seeds_of_plans_hold() {
    replay("plan", 350, 3);
}

#[test]
fn seeds_of_rows_hold() {
    replay("rows", 10, 100);
}

#[test]
fn seeds_of_websockets_hold() {
    replay("websocket", 20, 200);
}

#[test]
fn seeds_of_frames_hold() {
    replay("wire", 2, 200);
}

/// A target that is not built, or has no seeds, is none.
#[test]
fn every_target_is_built_and_has_seeds() {
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let mut built = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("planrun::fuzzing::{name}(bytes)")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(!seeds(&name).is_empty(), "{name}");
        built.insert(name);
    }
    assert_eq!(built, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// The targets reach what they are for: good seeds are taken, not refused at the door.
#[test]
fn good_seeds_are_understood() {
    for (name, bytes) in seeds("journal") {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let whole =
            (0..).zip(lines).filter(|(number, line)| crate::store::decode(*number, line).is_some());
        assert!(whole.count() >= 10, "{name}");
    }
    for (name, frames) in frames() {
        let mut inbox = Inbox::default();
        inbox.feed(&frames);
        let taken = match name {
            "to-worker" => std::iter::from_fn(|| inbox.take::<ToWorker>().unwrap()).count(),
            _ => std::iter::from_fn(|| inbox.take::<FromWorker>().unwrap()).count(),
        };
        assert!(taken >= 4, "{name}: {taken}");
    }
}

/// One of each message that is made without a plan.
fn frames() -> [(&'static str, Vec<u8>); 2] {
    let key = CellKey { stage: 0, phase: Phase::Hold };
    let mut cell = Cell::default();
    cell.count(Counter::Due);
    cell.time(TimeMetric::ConnectTime, 1_234_567);
    let cause = Cause::new(Failure::Refused, FailureStage::Connect);
    cell.end(AttemptOutcome::Failed(cause), 5, || "refused".to_owned());
    cell.check(1, true);
    let snapshot = Snapshot { second: 3, cells: vec![(key, cell)], ..Snapshot::default() };
    let orders = [
        WorkerCommand::Transition { mark: Transition::Hold(1), at_ns: 7_000_000_000 },
        WorkerCommand::StartRamp { stage: 1 },
        WorkerCommand::StartClosing,
        WorkerCommand::Halt,
    ];
    let to = std::iter::once(ToWorker::Start { t0: ClockReading::now() });
    let to = to.chain(orders.map(ToWorker::Command)).map(|message| encode(&message).unwrap());
    let from = [
        FromWorker::Ready { clock: ClockReading::now(), facts: snapshot.worker },
        FromWorker::Failed { why: "no".to_owned() },
        FromWorker::Report(WorkerReport::Snapshot(Box::new(snapshot))),
        FromWorker::Report(WorkerReport::RampReached { stage: 2 }),
        FromWorker::Report(WorkerReport::Done),
    ];
    let from = from.iter().map(|message| encode(message).unwrap());
    [
        ("to-worker", to.collect::<Vec<_>>().concat()),
        ("from-worker", from.collect::<Vec<_>>().concat()),
    ]
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0, length[0], length[1], kind, flags, 0, 0, 0, stream], payload].concat()
}

fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// Frames of HTTP/2 servers, valid and invalid, after the settings.
fn conversations() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let (data, headers, rst, settings, push, ping, goaway, window, more) =
        (0, 1, 3, 4, 5, 6, 7, 8, 9);
    let ok = |stream| frame(headers, 4, stream, &[0x88]);
    let answer = |stream| [ok(stream), frame(data, 1, stream, b"ok")].concat();
    let with = |pairs: &[(&str, &str)]| -> Vec<u8> {
        std::iter::once(0x88)
            .chain(pairs.iter().flat_map(|(name, value)| header(name, value)))
            .collect()
    };
    vec![
        ("answers", [1, 3, 5, 7].map(answer).to_vec()),
        (
            "headers",
            vec![
                frame(headers, 4, 1, &with(&[("x-id", "7"), ("content-type", "text/plain")])),
                frame(data, 1, 1, b"ok"),
            ],
        ),
        (
            "gzip",
            vec![
                frame(headers, 4, 1, &with(&[("content-encoding", "gzip")])),
                frame(data, 1, 1, b"\x1f\x8b\x08\0"),
            ],
        ),
        (
            "continuation",
            vec![
                frame(headers, 0, 1, &with(&[])),
                frame(more, 4, 1, &header("x-more", "of it")),
                frame(data, 1, 1, b"ok"),
            ],
        ),
        (
            "padded",
            vec![frame(headers, 12, 1, &[3, 0x88, 0, 0, 0]), frame(data, 9, 1, b"\x02ok\0\0")],
        ),
        (
            "trailers",
            vec![ok(1), frame(data, 0, 1, b"ok"), frame(headers, 5, 1, &header("x-end", "of it"))],
        ),
        ("hints", vec![frame(headers, 4, 1, &header(":status", "103")), answer(1)]),
        (
            "reset",
            vec![frame(rst, 0, 1, &[0, 0, 0, 7]), answer(3), frame(rst, 0, 5, &[0, 0, 0, 2])],
        ),
        ("goaway", vec![answer(1), frame(goaway, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])]),
        ("goaway-error", vec![frame(goaway, 0, 0, b"\0\0\0\0\0\0\0\x0bslow down")]),
        (
            "ping",
            vec![frame(ping, 0, 0, b"12345678"), frame(window, 0, 0, &[0, 0, 1, 0]), answer(1)],
        ),
        ("fewer-streams", vec![frame(settings, 0, 0, &[0, 3, 0, 0, 0, 1]), answer(1)]),
        (
            "small-frames",
            vec![
                frame(settings, 0, 0, &[0, 4, 0, 0, 0, 1]),
                ok(1),
                frame(data, 0, 1, b"o"),
                frame(data, 1, 1, b"k"),
            ],
        ),
        ("push", vec![frame(push, 4, 1, &[0, 0, 0, 2, 0x82]), answer(1)]),
        ("unknown", vec![frame(0xbe, 0xff, 1, b"?"), answer(1)]),
        ("not-http2", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]),
    ]
}

/// The seeds that are no text are these. `UPDATE=1` writes them anew.
#[test]
fn seeds_that_are_made_are_as_they_are_made() {
    let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let made = conversations().into_iter().map(|(name, frames)| {
        (format!("http2/{name}"), [settings.clone(), frame(4, 1, 0, &[]), frames.concat()].concat())
    });
    let frames = frames().map(|(name, bytes)| (format!("wire/{name}"), bytes));
    for (name, bytes) in made.chain(frames) {
        let path = root().join("fuzz/seeds").join(&name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        } else if name.starts_with("http2/") {
            assert_eq!(std::fs::read(&path).ok(), Some(bytes), "{name}: UPDATE=1 writes it anew");
        } else {
            // Frames of an earlier version are seeds as well.
            assert!(path.is_file(), "{name}: UPDATE=1 writes it");
        }
    }
}
