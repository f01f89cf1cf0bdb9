//! What a run tells while it goes on follows from what it saves: the same events come out again.

use crate::outcome::{Outcome, Stage, exe};
use planrun::engine::{Event, Narrator};
use planrun::store::SavedRun;
use serde_json::Value;
use std::process::Command;
use std::time::Instant;

/// Half of its requests go to a port at which nobody listens.
const PLAN: &str = "name = \"narrated\"\n[targets.web]\nbuiltin = \"http\"\n[targets.nobody]\n\
    address = \"http://127.0.0.1:9/\"\nprobe = false\n[scenarios.good]\nprotocol = \"http\"\n\
    target = \"web\"\nrequests = [{ path = \"/\" }]\nstages = [{ rate = \"20/s\", hold = \"3s\" }]\n\
    [scenarios.bad]\nprotocol = \"http\"\ntarget = \"nobody\"\nrequests = [{ path = \"/\" }]\n\
    stages = [{ rate = \"20/s\", hold = \"3s\" }]\n";

fn run(progress: &str) -> Outcome {
    let stage = Stage::new(PLAN);
    let mut command = Command::new(exe());
    command.args(["plan.toml", "--out", "out", "--force", "--progress", progress]);
    stage.prepare(&mut command);
    let (since, child) = (Instant::now(), command.spawn().unwrap());
    stage.end(child, since)
}

/// Kind, scenario and name of what failed, in order, with how often the run was judged in between.
type Told = Vec<(&'static str, String, String)>;

fn narrated(saved: &SavedRun) -> (Told, usize) {
    let (mut told, mut judged) = (Vec::new(), 0);
    let mut narrator = Narrator::new(&saved.plan);
    let name = |scenario: u16| saved.plan.scenarios[usize::from(scenario)].name.clone();
    let visit = &mut |entry: &planrun::record::Entry| {
        for event in narrator.narrate(entry.clone()) {
            match event {
                Event::FirstFailure { scenario, cause, .. } => {
                    told.push(("first_failure", name(scenario), cause.failure.name().to_owned()));
                }
                Event::Diagnosed { scenario, diagnosis, .. } => {
                    told.push(("cause", name(scenario), diagnosis.root_cause.name().to_owned()));
                }
                Event::Judged { .. } => judged += 1,
                _ => {}
            }
        }
    };
    saved.entries(visit).unwrap();
    (told, judged)
}

#[test]
fn a_saved_run_tells_what_it_told_live() {
    let run = run("json");
    let saved = SavedRun::open(run.results.as_deref().unwrap()).unwrap();
    let (told, judged) = narrated(&saved);
    let mut live: Told = Vec::new();
    for line in run.stderr.lines().filter(|line| line.starts_with('{')) {
        let object: Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| object[key].as_str().unwrap().to_owned();
        match object["event"].as_str().unwrap() {
            "first_failure" => live.push(("first_failure", word("scenario"), word("failure"))),
            "cause" => live.push(("cause", word("scenario"), word("root_cause"))),
            _ => {}
        }
    }
    assert_eq!(told, live);
    let expected = [("first_failure", "bad", "refused"), ("cause", "bad", "refused")];
    let told: Vec<_> = told.iter().map(|(kind, of, what)| (*kind, &**of, &**what)).collect();
    assert_eq!(told, expected);
    assert_eq!(judged, saved.recording.seconds as usize);
}

#[test]
fn a_run_that_nobody_watches_is_diagnosed() {
    let run = run("none");
    let saved = SavedRun::open(run.results.as_deref().unwrap()).unwrap();
    let diagnoses = &saved.recording.scenarios[1].diagnoses;
    assert_eq!(diagnoses[0].root_cause.name(), "refused", "{diagnoses:?}");
    assert_eq!(run.report["causes"][0]["sentence"], diagnoses[0].sentence, "all of its failures");
}
