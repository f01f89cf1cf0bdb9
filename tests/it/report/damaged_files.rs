//! Every file of a small result folder, cut at some bytes and with bits flipped.

use super::{NOW, contents};
use planrun::machine::Environment;
use planrun::plan::{Overrides, Phase, Plan, Source, TimeMetric};
use planrun::record::{
    Cell, CellKey, Counter, Entry, ScenarioSecond, Second, StageTransition, StopReason, Transition,
};
use planrun::report::{self, RowSeries};
use planrun::results::index::Index;
use planrun::results::verify::verify;
use planrun::store::{Error, Finished, NewRun, SavedRun, Started, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

const TEXT: &str = "name = \"small\"\ntargets.t.address = \"http://127.0.0.1:9/\"\n\
    scenarios.s = { protocol = \"http\", stages = [{ users = 1, hold = \"2s\" }] }\n";

/// A finished run, and what its folder says as a whole.
struct Small {
    out: TempDir,
    folder: PathBuf,
    truth: SavedRun,
}

fn entries() -> Vec<Entry> {
    let transition =
        |transition, at_ns| Entry::Transition(StageTransition { scenario: 0, transition, at_ns });
    let second = |number: u32| {
        let mut cell = Cell::default();
        for (counter, count) in [(Counter::Due, 3), (Counter::Started, 3), (Counter::Ok, 2)] {
            cell.counters.add(counter, count);
        }
        let earlier = u64::from(number > 0);
        cell.counters.add(Counter::Ok, earlier);
        cell.counters.add(Counter::Unfinished, earlier);
        for ms in 1..3 {
            cell.time(TimeMetric::ServiceTime, 1_000_000 * ms * u64::from(number + 1));
        }
        let cells = vec![(CellKey { stage: 0, phase: Phase::Hold }, cell)];
        let facts = ScenarioSecond { cells, reporting: 1, ..ScenarioSecond::default() };
        Entry::Second(Second {
            second: number,
            scenarios: [(0, facts)].into(),
            hosts: Vec::new(),
            parts: Vec::new(),
        })
    };
    vec![
        transition(Transition::Hold(0), 0),
        second(0),
        second(1),
        transition(Transition::End, 2_000_000_000),
        Entry::Stopped { at_ns: 2_000_000_000, reason: StopReason::Completed },
    ]
}

impl Small {
    fn new() -> Self {
        let (out, entries) = (tempfile::tempdir().unwrap(), entries());
        let source = Source { name: "small.toml".to_owned(), text: TEXT.to_owned() };
        let plan = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap();
        let mut environment = Environment { planrun: "1".to_owned(), ..Environment::default() };
        environment.cpu.usable = Some(4);
        let run = NewRun {
            plan: &plan,
            baseline: None,
            text: TEXT,
            overrides: &Overrides::default(),
            now: NOW.parse().unwrap(),
            environment: &environment,
        };
        let mut store = Store::create(out.path(), &run, Box::new(RowSeries::new(&plan))).unwrap();
        store.started(Started {
            calibration: Vec::new(),
            at: NOW.parse().unwrap(),
            targets: Vec::new(),
            workers: vec![1],
            warnings: Vec::new(),
            paths: Vec::new(),
            files: Vec::new(),
            limits: None,
            hosts: Vec::new(),
        });
        for entry in &entries {
            store.add(&Arc::new(entry.clone()));
        }
        let closed = store.finish(Finished::default()).unwrap();
        assert!(report::write(&closed.saved, closed.problems).problems.is_empty());
        Self { folder: closed.saved.folder.clone(), truth: closed.saved, out }
    }
}

/// Calls `look` for a file that is cut at each of these places, then for one of which a bit there
/// is flipped, and puts it right again.
fn damaged(
    folder: &Path,
    name: &str,
    places: impl Iterator<Item = usize> + Clone,
    mut look: impl FnMut(&str),
) {
    let path = folder.join(name);
    let whole = fs::read(&path).unwrap();
    for place in places.clone().filter(|place| *place < whole.len()) {
        fs::write(&path, &whole[..place]).unwrap();
        look(&format!("{name} cut at {place}"));
    }
    let mut changed = whole.clone();
    for place in places.filter(|place| *place < whole.len()) {
        let bit = 1 << (place % 8);
        changed[place] ^= bit;
        fs::write(&path, &changed).unwrap();
        look(&format!("{name} with bit {} of byte {place} flipped", place % 8));
        changed[place] ^= bit;
    }
    fs::write(&path, &whole).unwrap();
}

/// Places of a file, some of them and always the first and the last.
fn some(length: usize, count: usize, random: &mut fastrand::Rng) -> Vec<usize> {
    let some = (0..count).map(|_| random.usize(..length));
    [0, length - 1].into_iter().chain(some).collect()
}

#[test]
fn no_damaged_file_is_verified_and_no_list_of_runs_has_a_wrong_figure() {
    let small = Small::new();
    let root = small.out.path();
    let index = || Index::of(root, std::slice::from_ref(&small.folder))?.files();
    let listed = index().unwrap();
    assert!(listed[0].contains("4 cores"), "{}", listed[0]);
    let mut random = fastrand::Rng::with_seed(5);
    for (name, bytes) in contents(&small.folder) {
        let places = some(bytes.len(), 8, &mut random);
        damaged(&small.folder, &name, places.into_iter(), |what| {
            match verify(&small.folder) {
                Ok(found) => assert!(!found.verified, "{what}"),
                Err(error) => assert!(matches!(error, Error::NotResults { .. }), "{what}: {error}"),
            }
            if let Ok(files) = index() {
                let cut = !files[0].contains("PASS") || !files[0].contains("4 cores");
                assert!(cut || files == listed, "{what}: {}", files[0]);
            }
        });
    }
}

#[test]
fn a_compressed_recording_gives_the_beginning_of_the_truth_or_nothing() {
    let small = Small::new();
    let path = small.folder.join("recording.jsonl.gz");
    let whole = fs::read(&path).unwrap();
    let (mut cut, mut refused) = (0, 0);
    // Each byte where the file is cut, and a bit of each.
    damaged(&small.folder, "recording.jsonl.gz", 0..whole.len(), |what| {
        let saved = match SavedRun::open(&small.folder) {
            Ok(saved) => saved,
            Err(Error::NotResults { .. }) => return refused += 1,
            Err(error) => panic!("{what}: {error}"),
        };
        let mut got = Vec::new();
        saved.entries(&mut |entry| got.push(entry.clone())).unwrap();
        let truth = entries();
        assert!(truth.starts_with(&got), "{what}: {} entries", got.len());
        let is_whole = saved.damage.is_none() && saved.complete();
        assert!(!is_whole || got == truth, "{what}: it is not said that something is missing");
        cut += usize::from(got.len() < truth.len());
    });
    assert!(cut > 20 && refused > 20, "{cut} cut, {refused} refused of {}", whole.len());
}

#[test]
fn commands_say_what_is_damaged_and_end_as_documented() {
    let small = Small::new();
    let out = tempfile::tempdir().unwrap();
    let (copy, whole) = (out.path().join("copy"), small.folder.to_str().unwrap());
    let folder = copy.to_str().unwrap();
    let all = contents(&small.folder);
    let mut random = fastrand::Rng::with_seed(9);
    for number in 0..12 {
        let (name, bytes) = &all[number % all.len()];
        let place = random.usize(..bytes.len());
        let mut changed = bytes.clone();
        if number % 2 == 0 {
            changed.truncate(place);
        } else {
            changed[place] ^= 1 << (place % 8);
        }
        let what = format!("{name}, byte {place}");
        // Making the reports again changes the folder, and comes last.
        for (command, codes) in [
            (vec!["verify", folder], &[1][..]),
            (vec!["compare", whole, folder], &[0, 2, 3]),
            (vec!["index", "--check", folder], &[1, 2]),
            (vec!["replay", folder, "--progress", "none"], &[2, 4]),
            (vec!["report", folder], &[0, 2]),
        ] {
            if command[0] != "report" || !copy.exists() {
                let _ = fs::remove_dir_all(&copy);
                fs::create_dir(&copy).unwrap();
                for (name, bytes) in &all {
                    fs::write(copy.join(name), bytes).unwrap();
                }
                fs::write(copy.join(name), &changed).unwrap();
            }
            let mut program = Command::new(env!("CARGO_BIN_EXE_planrun"));
            let output = program.args(&command).current_dir(out.path()).output().unwrap();
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let code = output.status.code();
            assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {command:?}: {said}");
            assert!(!said.contains("panicked"), "{what}: {command:?}: {said}");
            if command[0] == "report" && code == Some(0) {
                let again = SavedRun::open(&copy).unwrap();
                let same = again.recording == small.truth.recording;
                assert!(same || said.contains("INCOMPLETE"), "{what}: {said}");
            }
        }
    }
}
