//! Turns a run into the files of `failures/`: each an exchange that failed, with its request, its
//! response and why it failed.

use super::failures::sorted;
use super::figures::ms;
use super::foreign::visible;
use crate::plan::Scenario;
use crate::record::{Cause, Cell, FailedExchange, FailureTally, MOST_EXCHANGES};
use crate::store::SavedRun;

/// The folder of these files, within that of the run.
pub const FOLDER: &str = "failures";

/// Characters of a name that become part of a file's name.
const LONGEST: usize = 40;

/// The exchanges of one cause and request.
struct Kept<'a> {
    request: Option<&'a str>,
    cause: Cause,
    count: u64,
    exchanges: Vec<(&'a FailedExchange, &'a str)>,
}

/// The names of the files and their contents, in the order of scenarios, requests and times.
pub fn files(run: &SavedRun) -> Vec<(String, Vec<u8>)> {
    all(run).into_iter().map(|(_, name, text)| (name, text.into_bytes())).collect()
}

/// The names of the files of a scenario.
pub(super) fn names(run: &SavedRun, index: usize) -> Vec<String> {
    all(run).into_iter().filter(|(of, ..)| *of == index).map(|(_, name, _)| name).collect()
}

/// How many files there are of a scenario, whose facts are these.
pub(super) fn count(facts: &Cell, scenario: &Scenario) -> usize {
    sorted(facts, scenario).iter().map(|(_, _, tally)| tally.exchanges.len()).sum()
}

/// For each file the scenario, its name and its text.
fn all(run: &SavedRun) -> Vec<(usize, String, String)> {
    let mut files = Vec::new();
    for (index, scenario) in run.plan.scenarios.iter().enumerate() {
        for kept in kept(run, index) {
            for (at, (exchange, sample)) in kept.exchanges.iter().enumerate() {
                let number = files.len() + 1;
                let name = format!(
                    "{FOLDER}/{number:03}-{}-{}-{}.txt",
                    part(&scenario.name),
                    part(kept.request.unwrap_or_default()),
                    part(&words(kept.cause)),
                );
                let text = text(scenario, &kept, (at + 1, exchange), sample);
                files.push((index, name, text));
            }
        }
    }
    files
}

/// The exchanges of a scenario, by request and cause.
fn kept(run: &SavedRun, index: usize) -> Vec<Kept<'_>> {
    let (scenario, facts) = (&run.plan.scenarios[index], &run.recording.scenarios[index]);
    let mut all: Vec<Kept<'_>> = Vec::new();
    for cell in facts.cells.values() {
        for (request, cause, tally) in sorted(cell, scenario) {
            let FailureTally { count, sample, exchanges, .. } = tally;
            let added = exchanges.iter().map(|one| (one, sample.as_str()));
            if let Some(one) =
                all.iter_mut().find(|one| one.request == request && one.cause == cause)
            {
                one.count += count;
                one.exchanges.extend(added);
            } else {
                let exchanges = added.collect();
                all.push(Kept { request, cause, count: *count, exchanges });
            }
        }
    }
    all.retain(|one| !one.exchanges.is_empty());
    all.sort_by(|a, b| (a.request, a.cause).cmp(&(b.request, b.cause)));
    for one in &mut all {
        one.exchanges.sort_by_key(|(exchange, _)| exchange.at_ns);
        one.exchanges.truncate(MOST_EXCHANGES);
    }
    all
}

fn text(
    scenario: &Scenario,
    kept: &Kept<'_>,
    (number, exchange): (usize, &FailedExchange),
    sample: &str,
) -> String {
    let request = kept.request.map(|name| format!("request:  {}\n", visible(name)));
    let sample = match (number, sample) {
        (1, sample) if !sample.is_empty() => format!("sample:   {}\n", visible(sample)),
        _ => String::new(),
    };
    format!(
        "scenario: {}\n{}failure:  {}, {} in all\nexchange: {number} of {}, ended after {} ms\n{sample}\n{}",
        visible(&scenario.name),
        request.unwrap_or_default(),
        words(kept.cause),
        kept.count,
        kept.exchanges.len(),
        ms(exchange.at_ns),
        exchange.text,
    )
}

/// `status 503`, `request_timeout`.
fn words(cause: Cause) -> String {
    match cause.code {
        0 => cause.failure.to_string(),
        code => format!("{} {code}", cause.failure),
    }
}

/// A part of a file's name: letters, digits, `_` and `-`.
fn part(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let part: String = name.chars().map(plain).take(LONGEST).collect();
    part.trim_matches('-').to_owned()
}
