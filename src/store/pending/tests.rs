//! A run that is killed after its first bytes of histograms and of facts by request are used up.

use super::*;
use crate::plan::{Overrides, Phase, Plan, Source, TimeMetric};
use crate::record::{AttemptOutcome, Cell, CellKey, Counter, ScenarioSecond, Second};
use crate::store::journal::{Header, SCHEMA, ScenarioNames};
use crate::store::writer::{Nothing, Writer};
use crate::store::{SavedRun, Tool};
use crate::units::sha256;

const KEY: CellKey = CellKey { stage: 0, phase: Phase::Hold };

/// Each request, in each second.
const SAMPLES: u64 = 2;
const REQUESTS: u64 = 40;

fn text() -> String {
    let requests: Vec<String> =
        (0..REQUESTS).map(|at| format!("{{ name = \"r{at}\", path = \"/{at}\" }}")).collect();
    format!(
        "name = \"soak\"\ntargets.web.address = \"http://127.0.0.1:9/\"\n[scenarios.web]\n\
         protocol = \"http\"\nrequests = [{}]\nstages = [{{ users = 9, hold = \"1h\" }}]\n",
        requests.join(", ")
    )
}

fn second(second: u32, random: &mut fastrand::Rng) -> Line {
    let mut cell = Cell::default();
    for request in 0..REQUESTS {
        for _ in 0..SAMPLES {
            let ns = 1_000_000 + random.u64(..200_000_000);
            cell.time(TimeMetric::ServiceTime, ns);
            let facts = cell.requests.entry(u16::try_from(request).unwrap()).or_default();
            facts.started += 1;
            facts.times.record(TimeMetric::ServiceTime, ns);
            facts.end(AttemptOutcome::Ok, u64::from(second), String::new);
        }
    }
    for counter in [Counter::Started, Counter::Ok] {
        cell.counters.add(counter, REQUESTS * SAMPLES);
    }
    let facts = ScenarioSecond { cells: vec![(KEY, cell)], ..ScenarioSecond::default() };
    Line::Entry(Entry::Second(Second {
        second,
        scenarios: [(0, facts)].into(),
        hosts: Vec::new(),
        parts: Vec::new(),
    }))
}

/// The journal, and the file beside it, as a run that is killed leaves them.
type State = [Option<Vec<u8>>; 2];

const FILES: [&str; 2] = [name::JOURNAL, name::PENDING];

/// Opens a folder with these files in it, and tells of how many seconds there are counts, facts by
/// request, and times. Whatever of the files is there, what lacks is said.
fn opened(state: State) -> [u64; 3] {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name::PLAN), text()).unwrap();
    for (name, bytes) in FILES.iter().zip(state) {
        if let Some(bytes) = bytes {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
    }
    let saved = SavedRun::open(folder.path()).unwrap();
    let cell = saved.recording.scenarios[0].cells.get(&KEY).cloned().unwrap_or_default();
    let by_request = cell.requests.values().map(|facts| facts.started).sum::<u64>();
    let times = cell.times.count(TimeMetric::ServiceTime);
    let seconds = [cell.counters.get(Counter::Ok), by_request, times].map(|count| {
        assert_eq!(count % (REQUESTS * SAMPLES), 0);
        count / (REQUESTS * SAMPLES)
    });
    let missing = |bulk: Bulk, kept: u64| {
        let first = u32::try_from(kept).unwrap();
        (kept < seconds[0]).then(|| MissingFacts {
            scenario: 0,
            bulk,
            first,
            last: saved.recording.seconds - 1,
        })
    };
    let expected = [missing(Bulk::Histograms, seconds[2]), missing(Bulk::Requests, seconds[1])];
    assert_eq!(saved.missing, expected.into_iter().flatten().collect::<Vec<_>>());
    let mut replayed = Cell::default();
    saved
        .replay(&mut |line| match line {
            Line::Entry(Entry::Second(second)) => {
                second.scenarios[&0].cells.iter().for_each(|(_, cell)| replayed.merge(cell));
            }
            Line::Durations(of) => of.cells.iter().for_each(|(_, cell)| replayed.merge(cell)),
            _ => {}
        })
        .unwrap();
    assert_eq!(replayed, cell);
    seconds
}

/// A writer of such a run, of which only a little is kept by the second.
fn writer(folder: &Path) -> Writer {
    let source = Source { name: "soak.toml".to_owned(), text: text() };
    let plan = Plan::parse(&source, &Overrides::default(), &|_| None).unwrap();
    let mut writer = Writer::create(folder, &plan, Box::new(Nothing)).unwrap();
    writer.downsampler.spend(20_000);
    writer.add(Line::Header(Header {
        schema: SCHEMA.to_owned(),
        tool: Tool::this(),
        plan: "soak".to_owned(),
        plan_sha256: sha256(text()),
        environment_sha256: None,
        seed: plan.seed,
        overrides: Overrides::default(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        baseline: None,
        scenarios: ScenarioNames::of(&plan),
    }));
    writer.write();
    writer
}

#[test]
fn a_run_that_is_killed_loses_no_more_of_each_request_than_of_its_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let now = || FILES.map(|name| fs::read(folder.path().join(name)).ok());
    let mut random = fastrand::Rng::with_seed(11);
    let (mut before, mut waited) = (now(), 0);
    for number in 0..40 {
        writer.add(second(number, &mut random));
        writer.write();
        let after = now();
        waited += u32::from(after[1].is_some());
        let counts = u64::from(number) + 1;
        assert_eq!(opened(after.clone()), [counts; 3]);
        // Killed between the writes to both files: one second at most.
        let [counts, by_request, times] = opened([after[0].clone(), before[1].clone()]);
        assert!(counts - by_request.min(times) <= 1, "{counts} {by_request} {times}");
        // Killed in the write to the journal: nothing, for the file beside it is of before.
        let [journal, old] = [&after, &before].map(|state| state[0].as_ref().unwrap());
        let torn = journal[..random.usize(old.len()..journal.len())].to_vec();
        let [counts, by_request, times] = opened([Some(torn), before[1].clone()]);
        assert_eq!([by_request, times], [counts; 2]);
        // Damaged, or without the file beside it: what lacks is said.
        let header = journal.iter().position(|byte| *byte == b'\n').unwrap();
        let cut = journal[..random.usize(header..journal.len())].to_vec();
        for state in [[Some(cut), after[1].clone()], [after[0].clone(), None]] {
            let [counts, by_request, times] = opened(state);
            assert!(by_request.max(times) <= counts, "{counts} {by_request} {times}");
        }
        before = after;
    }
    assert!(waited > 30, "{waited}");
    writer.add(Line::Entry(Entry::Stopped {
        at_ns: 40,
        reason: crate::record::StopReason::Completed,
    }));
    writer.write();
    assert!(now()[1].is_none());
    assert_eq!(opened(now()), [40; 3]);
}
