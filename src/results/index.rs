//! Turns published runs into `README.md` and `index.html` of their directory.
//!
//! **Invariant:** hand-written text in the README stays: only the text between the markers is
//! generated.

#![expect(clippy::disallowed_methods, reason = "files beside the runs are read")]

use super::compare::{ConfidenceInterval, figures, interval_of_median, median};
use crate::plan::{Metric, Stat};
use crate::record::{Cell, Counter};
use crate::report::table::escaped;
use crate::schedule::Digests;
use crate::store::{Error, SavedRun};
use crate::units::figure::grouped;
use crate::units::visible;
use crate::verdict::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const STYLE: &str = include_str!("../report/html/style.css");
const BEGIN: &str = "<!-- begin index -->\n";
const END: &str = "<!-- end index -->";

/// The files that are made.
pub const FILES: [&str; 2] = ["README.md", "index.html"];

/// One published run.
#[derive(Debug, Clone)]
struct IndexedRun {
    /// Its folder below the directory, with `/`.
    path: String,
    plan: String,
    date: String,
    machine: String,
    verdict: Verdict,
    headline: String,
    /// The identity of repeated runs.
    workload: String,
    /// The figure of the headline; of a valid run.
    figure: Option<(Metric, f64)>,
    /// The file to look at.
    page: &'static str,
    /// Whether it needs a target that planrun does not start itself.
    needs_target: bool,
    /// Its length.
    seconds: u32,
}

/// All runs of a directory.
#[derive(Debug, Clone)]
pub struct Index {
    root: PathBuf,
    entries: Vec<IndexedRun>,
}

impl Index {
    /// The runs with these folders, which are below `root`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn of(root: &Path, runs: &[PathBuf]) -> Result<Self, Error> {
        let entries = runs.iter().map(|run| IndexedRun::of(root, run)).collect::<Result<_, _>>()?;
        Ok(Self { root: root.to_owned(), entries })
    }

    /// The new content of each of [`FILES`].
    ///
    /// # Errors
    /// When the README that is there cannot be read.
    pub fn files(&self) -> Result<[String; 2], Error> {
        let path = self.root.join(FILES[0]);
        let old = match fs::read_to_string(&path) {
            Ok(old) => old,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "# Results\n".to_owned(),
            Err(reason) => return Err(Error::Read { path, reason }),
        };
        Ok([self.readme(&old), self.page()])
    }

    /// The README with the part between the markers made anew; at its end where it has none.
    fn readme(&self, old: &str) -> String {
        let made = self.markdown();
        let parts = old.split_once(BEGIN).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(END)?;
            Some((before.to_owned(), after))
        });
        let (before, after) = parts.unwrap_or_else(|| (format!("{}\n\n", old.trim_end()), "\n"));
        format!("{before}{BEGIN}{made}{END}{after}")
    }

    fn markdown(&self) -> String {
        let mut out = "<!-- Made by `planrun index`. -->\n\n## Index\n\n\
            | run | date | machine | verdict | headline |\n|---|---|---|---|---|\n"
            .to_owned();
        for one in &self.entries {
            let IndexedRun { path, date, verdict, .. } = one;
            let (machine, headline) = (escaped(&one.machine), escaped(&one.headline));
            let _ =
                writeln!(out, "| [{path}]({path}) | {date} | {machine} | {verdict} | {headline} |");
        }
        for repeat in self.repeats() {
            let _ = write!(out, "\n{}\n", escaped(&repeat));
        }
        // Whoever reads can make this one again at once, and soon has the result.
        let passed = self.entries.iter().filter(|one| one.verdict == Verdict::Pass);
        let easiest = passed.min_by_key(|one| (one.needs_target, one.seconds));
        let example = easiest.map_or("DIR", |one| one.path.as_str());
        let _ = write!(
            out,
            "\nCheck a run, and make it again, in this directory:\n\n```sh\nplanrun verify {example}\n\
             planrun replay {example}\n```\n"
        );
        out
    }

    /// Of each workload with enough valid runs the median of its figure, with an interval.
    fn repeats(&self) -> Vec<String> {
        let mut seen: Vec<(&str, Metric)> = Vec::new();
        let mut all = Vec::new();
        for one in &self.entries {
            let Some((metric, _)) = one.figure else { continue };
            if seen.contains(&(&one.workload, metric)) {
                continue;
            }
            seen.push((&one.workload, metric));
            let of = |other: &IndexedRun| {
                let (its, value) = other.figure?;
                (other.workload == one.workload && its == metric).then_some(value)
            };
            let values: Vec<f64> = self.entries.iter().filter_map(of).collect();
            let Some(ConfidenceInterval { low, high }) = interval_of_median(&values) else {
                continue;
            };
            let [middle, low, high] = [median(&values), low, high].map(|one| metric.figure(one));
            let (plan, runs) = (visible(&one.plan), values.len());
            all.push(format!(
                "{plan}: {metric} {middle} (95%: {low} to {high}), median of {runs} runs"
            ));
        }
        all
    }

    fn page(&self) -> String {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
        );
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { "Results" }
                    style { (PreEscaped(STYLE)) }
                }
                body { main {
                    h1 { "Results" }
                    div.wide { table {
                        thead { tr {
                            @for heading in ["run", "date", "verdict", "headline", "machine", "again"] {
                                th { (heading) }
                            }
                        } }
                        tbody { @for one in &self.entries { tr {
                            td { a href=(format!("{}/{}", one.path, one.page)) { (one.path) } }
                            td { (one.date) }
                            td { span class=(class(one.verdict)) { (one.verdict) } }
                            td.long { (one.headline) }
                            td { (one.machine) }
                            td { code { "planrun replay " (one.path) } }
                        } } }
                    } }
                    @for repeat in self.repeats() { p { (repeat) } }
                    p.quiet { "planrun verify DIR makes every file of a run again and compares it." }
                } }
            }
        };
        markup.into_string() + "\n"
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail => "bad",
        Verdict::Invalid => "doubt",
    }
}

impl IndexedRun {
    fn of(root: &Path, folder: &Path) -> Result<Self, Error> {
        let run = SavedRun::open(folder)?;
        let path = folder.strip_prefix(root).unwrap_or(folder);
        let path: Vec<String> =
            path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let (headline, figure) = headline(&run);
        let has_page = folder.join("report.html").is_file();
        let valid = run.judgement.verdict != Verdict::Invalid;
        Ok(Self {
            path: path.join("/"),
            plan: run.plan.name.clone(),
            date: run.header.created_at.strftime("%Y-%m-%d").to_string(),
            machine: machine(&run.environment),
            verdict: run.judgement.verdict,
            headline,
            workload: Digests::of(&run.plan_without_values).workload,
            figure: figure.filter(|_| valid),
            page: if has_page { "report.html" } else { "report.json" },
            needs_target: run.plan.targets.iter().any(|target| !target.shown.is_empty()),
            seconds: run.recording.seconds,
        })
    }
}

/// The key figures of a run, by its first scenario: how many, how many failed, and how long it took
/// in the last stage.
fn headline(run: &SavedRun) -> (String, Option<(Metric, f64)>) {
    let Some((scenario, facts)) = run.plan.scenarios.iter().zip(&run.recording.scenarios).next()
    else {
        return (String::new(), None);
    };
    let mut all = Cell::default();
    facts.cells.values().for_each(|cell| all.merge_counts(cell));
    let get = |counter| all.counters.get(counter);
    let count = |number| grouped(number);
    let row = scenario.protocol.row();
    let lost = row.losses.iter().map(|counter| get(*counter)).sum();
    let counts = format!(
        "{} {} of {}, {} {}",
        count(get(row.good)),
        row.attempts,
        count(get(Counter::Due)),
        count(lost),
        row.loss_word
    );
    let own = |metric| {
        let all = figures(run, &[metric]);
        all.into_iter().rev().find(|one| one.place.scenario == scenario.name)
    };
    let p99 = |time| Metric::Time(time, Stat::P99);
    let Some(figure) = row.attempt_times().map(p99).find_map(own) else { return (counts, None) };
    let (metric, value) = (figure.metric, figure.value);
    let said = format!("{counts}; {metric} {}", metric.figure(value));
    let several = scenario.stages.len() > 1;
    let stage =
        if several { format!(" in stage {}", visible(&figure.place.stage)) } else { String::new() };
    (said + &stage, Some((metric, value)))
}

/// The machine of a run: processor, cores, kernel.
fn machine(all: &Value) -> String {
    let text = |value: &Value| value.as_str().map(|text| visible(text).into_owned());
    let cores = all["cpu"]["usable"].as_u64().map(|cores| format!("{cores} cores"));
    let kernel = text(&all["kernel"]["release"]).map(|release| format!("Linux {release}"));
    let known = [text(&all["cpu"]["model"]), cores, kernel];
    known.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays() {
        let index = Index { root: PathBuf::new(), entries: Vec::new() };
        let first = index.readme("# Mine\n\nwords\n");
        assert!(first.starts_with("# Mine\n\nwords\n\n<!-- begin index -->\n"), "{first}");
        // Made again, it is the same; and what follows the part stays, too.
        assert_eq!(index.readme(&first), first);
        let more = format!("{first}\nmore\n");
        assert_eq!(index.readme(&more), more);
    }
}
