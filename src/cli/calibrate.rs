//! Measures what load this machine can generate, before a run: each scenario for about two seconds
//! at full speed against a built-in server.
//!
//! **Invariant:** nothing is sent to a target of the plan.

use super::load::make_load;
use super::plan_file::{PlanFile, folder};
use super::signals::Signals;
use super::{ExitStatus, diagnostic};
use crate::engine::{Manifest, RunSpec, Subscribers, Targets};
use crate::machine::{MachineLimits, connections_per_target};
use crate::observe::ProgressMode;
use crate::plan::Phase;
use crate::record::{CellKey, Counter, GeneratorCapability, Recording, StopReason};
use crate::units::{figure, narrow, visible};
use std::io::Write;
use std::path::Path;

/// Connections that are opened of each scenario that holds them: enough for half a second.
const CONNECTIONS: u64 = 10_000;

/// Says what is going on, where people read it.
struct Speaker {
    is_silent: bool,
}

impl Speaker {
    fn say(&self, text: &str) {
        if !self.is_silent {
            // A closed standard error is no failure.
            let _ = writeln!(anstream::stderr(), "calibration: {text}");
        }
    }
}

/// Measures every scenario of a plan, one after the other.
pub(super) fn calibrate(
    file: &PlanFile,
    (exe, limits): (&Path, &MachineLimits),
    signals: &mut Signals,
    progress: ProgressMode,
) -> Result<Vec<GeneratorCapability>, ExitStatus> {
    let is_silent = matches!(progress, ProgressMode::Json | ProgressMode::None);
    let speaker = Speaker { is_silent };
    speaker.say(
        "each scenario runs for about 2 s against a built-in server; nothing is sent to a target",
    );
    let mut all = Vec::new();
    for (index, scenario) in file.plan.scenarios.iter().enumerate() {
        let measured = measure(file, index, (exe, limits), signals)?;
        let things = scenario.protocol.row().attempts;
        let rate = figure::rate(measured.per_second());
        let name = visible(&scenario.name);
        speaker.say(&format!("{name}: this machine can start {rate} {things}"));
        all.push(measured);
    }
    Ok(all)
}

fn measure(
    file: &PlanFile,
    index: usize,
    (exe, limits): (&Path, &MachineLimits),
    signals: &mut Signals,
) -> Result<GeneratorCapability, ExitStatus> {
    let failed = |why: &str| {
        let scenario = visible(&file.plan.scenarios[index].name);
        let message = format!("cannot calibrate scenario `{scenario}`: {why}");
        diagnostic::print_error(&message, Some("leave `--calibrate` out; nothing was sent"));
        ExitStatus::NotFit
    };
    // Both ends of a connection are open files of this machine.
    let most = limits.open_files.map_or(CONNECTIONS, |files| files / 4);
    let plan = file.plan.against_null_target(index, CONNECTIONS.min(most.max(1)));
    let capacity = connections_per_target(&plan);
    let files = (folder(&file.source), &file.pem);
    let targets = Targets::prepare(&plan, files, exe, &capacity, false)
        .map_err(|error| failed(&error.to_string()))?;
    let files = vec![file.files[index].clone()];
    let manifest = Manifest::resolve(plan, files, &targets, limits);
    let phase = manifest.plan.scenarios[0].protocol.row().main_phase;
    let spec = RunSpec {
        exe: exe.to_owned(),
        manifest,
        servers: targets.server_pids(),
        cores: limits.cpus.map_or(1, |cpus| cpus as usize),
        warnings: Vec::new(),
        hosts: None,
    };
    let ended = make_load(spec, Some(signals), &mut Subscribers::default());
    // Problems of a server show in the figures.
    let _ = targets.stop();
    let recording = ended.map_err(|why| failed(&why.message))?.recording;
    if let Some((StopReason::Interrupted { signal }, _)) = recording.stopped {
        return Err(ExitStatus::of_signal(signal));
    }
    started_in(&recording, phase, narrow(index)).ok_or_else(|| failed("no attempt succeeded"))
}

/// The attempts started in a phase; `None` if none succeeded.
fn started_in(recording: &Recording, phase: Phase, scenario: u16) -> Option<GeneratorCapability> {
    let key = CellKey { stage: 0, phase };
    let facts = recording.scenarios.first()?;
    let succeeded: u64 = facts.cells.values().map(|cell| cell.counters.get(Counter::Ok)).sum();
    let started = facts.cells.get(&key)?.counters.get(Counter::Started);
    let end_ns = u64::from(recording.seconds) * crate::units::SECOND_NS;
    let length_ns = facts.transitions.phase_length_ns(key, end_ns);
    (succeeded > 0 && length_ns > 0).then_some(GeneratorCapability { scenario, started, length_ns })
}
