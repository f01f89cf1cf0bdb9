//! Describes what is missing from a recording.

use super::foreign::visible;
use crate::store::{Bulk, SavedRun};
use crate::units::figure::grouped;

/// The sentences; none where the recording is whole.
pub(super) fn lacks(run: &SavedRun) -> Vec<String> {
    let file = run.recording_file;
    let torn = run.damage.map(|damage| {
        if run.is_compressed() {
            format!(
                "the end of {file} is damaged; everything after its last complete line is left out"
            )
        } else {
            let bytes = grouped(damage.torn_bytes);
            format!("the last {bytes} bytes of {file} are not complete lines; they were left out")
        }
    });
    let missing = run.missing.iter().map(|one| {
        let scenario = &run.plan.scenarios[usize::from(one.scenario)].name;
        let seconds = match (one.first, one.last) {
            (first, last) if first == last => format!("second {first}"),
            (first, last) => format!("seconds {first} to {last}"),
        };
        format!("{}: {} of {seconds} are missing", visible(scenario), name(one.bulk))
    });
    let environment = run
        .environment_fault
        .map(|what| format!("environment.json {what}; what it says of the machine is left out"));
    let end = (run.complete() && run.finished.is_none()).then(|| {
        "the last line of the recording is missing: what the servers counted, and this machine's \
         limits at the end"
            .to_owned()
    });
    torn.into_iter().chain(missing).chain(environment).chain(end).collect()
}

/// The missing facts of reports whose counts are present.
fn name(bulk: Bulk) -> &'static str {
    match bulk {
        Bulk::Histograms => "times",
        Bulk::Requests => "the figures of each request",
    }
}
