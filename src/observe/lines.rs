//! Turns news into lines for logs: one a thing, each with the elapsed time and a word to search for
//! in front.
//!
//! **Invariant:** eight hours of any run stay under 100 KiB.

use super::notification::{Notification, ThresholdPlace, place_of};
use super::pacing::{HeartbeatInterval, LogBudget, Priority, RepeatLimit};
use super::text::{TextStyle, cut};
use super::view::{PhaseView, Progression, View};
use super::wording;
use crate::catalogue::BriefFigure;
use crate::units::figure;
use std::fmt::Write as _;

/// Characters of a line beyond which it is cut, twice as many where a fix is to be copied; a
/// heartbeat is not, it waits the longer.
const LONGEST: usize = 240;
/// The most warnings that are written one by one.
const WARNINGS: usize = 12;
/// The most targets and scenarios that are written one by one.
const LISTED: usize = 16;

/// Lines for the writer, and whether a newer one may take their place while they wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputLine {
    /// Without line break.
    pub(super) text: String,
    /// A heartbeat: of two that wait, the newer is enough.
    pub(super) beat: bool,
}

/// Tells news by lines.
#[derive(Debug)]
pub(super) struct LineFormat {
    look: TextStyle,
    interval: HeartbeatInterval,
    budget: LogBudget,
    repeats: RepeatLimit<ThresholdPlace>,
}

impl LineFormat {
    pub(super) fn new(look: TextStyle) -> Self {
        Self {
            look,
            interval: HeartbeatInterval::new(),
            budget: LogBudget::new(8_192, 768),
            repeats: RepeatLimit::default(),
        }
    }

    /// The lines that some news deserve.
    pub(super) fn tell(
        &mut self,
        view: &View,
        now_ns: u64,
        news: &Notification,
    ) -> Vec<OutputLine> {
        if *news == Notification::Second {
            return self.beat(view, now_ns);
        }
        if let Notification::Threshold(finding) = news
            && !self.repeats.tell(place_of(finding), now_ns)
        {
            return Vec::new();
        }
        let weight = match news {
            Notification::Started { .. }
            | Notification::Stopping(..)
            | Notification::Stopped(_)
            | Notification::Finished => Priority::Always,
            Notification::WorkerLost { .. } => Priority::Urgent,
            _ => Priority::Usual,
        };
        let mut said = Vec::new();
        let longest =
            if matches!(news, Notification::Diagnosed { .. }) { 2 * LONGEST } else { LONGEST };
        for (word, text) in words(view, news) {
            // Twice: escaping may lengthen a character, and a text that is too long anyway need not
            // be escaped.
            let text = self.line(now_ns, word, &cut(&text, longest));
            let text = self.look.encode(&cut(&text, longest));
            if self.budget.take(now_ns, text.len() + 1, weight) {
                said.push(OutputLine { text, beat: false });
            }
        }
        said
    }

    /// Reports that lines were lost, because nobody read them.
    pub(super) fn lost(now_ns: u64, lines: u64) -> String {
        format!("{} {:<9} {lines} lines that nobody read", wording::elapsed(now_ns), "lost")
    }

    fn line(&self, now_ns: u64, word: &str, text: &str) -> String {
        self.look.encode(&format!("{} {word:<9} {text}", wording::elapsed(now_ns)))
    }

    fn beat(&mut self, view: &View, now_ns: u64) -> Vec<OutputLine> {
        if !self.interval.due(now_ns) {
            return Vec::new();
        }
        let mut text = progress(view, now_ns);
        let suppressed = self.budget.suppressed();
        if suppressed > 0 {
            let _ = write!(text, ", {suppressed} lines suppressed");
        }
        let text = self.line(now_ns, "progress", &text);
        let hosts = hosts(view).map(|text| self.line(now_ns, "hosts", &text));
        let bytes = text.len() + hosts.as_ref().map_or(0, |line| line.len() + 1);
        self.interval.record(now_ns, bytes + 1);
        let hosts = hosts.map(|text| OutputLine { text, beat: false });
        [OutputLine { text, beat: true }].into_iter().chain(hosts).collect()
    }
}

/// The lines for a notification, each with its searchable keyword.
pub(super) fn words(view: &View, news: &Notification) -> Vec<(&'static str, String)> {
    let name = |scenario: &usize| &view.outline.scenarios[*scenario].name;
    let one = |word, text| vec![(word, text)];
    match news {
        Notification::Started { warnings } => started(view, warnings),
        Notification::Begun(scenario, stage) => {
            let what = wording::stage_plan(view, *scenario, *stage);
            one("stage", format!("{} begins: {what}", wording::stage_name(view, *scenario, *stage)))
        }
        Notification::Reached(scenario, stage) => {
            let hold = view.outline.scenarios[*scenario].stages[*stage].hold();
            let stage = wording::stage_name(view, *scenario, *stage);
            one("stage", format!("{stage} has reached its level, holds for {hold}"))
        }
        Notification::Over(scenario, stage) => {
            let (progress, _) = wording::stage_progress(view, *scenario, *stage);
            let (result, _) = wording::stage_result(view, *scenario, *stage);
            let stage = wording::stage_name(view, *scenario, *stage);
            one("stage", format!("{stage} is over: {progress}: {}", result.replace(" · ", ", ")))
        }
        Notification::Draining(scenario) => one(
            "scenario",
            format!("{} drains: {}", name(scenario), wording::draining(view, *scenario)),
        ),
        Notification::Ended(scenario) => one("scenario", format!("{} has ended", name(scenario))),
        Notification::Failure { scenario, cause, sample } => {
            let origin = cause.failure.origin();
            one("failure", format!("{}: first {cause}, {origin}: {sample}", name(scenario)))
        }
        Notification::Diagnosed { scenario, diagnosis } => {
            one("cause", format!("{}: {}", name(scenario), wording::diagnosis(diagnosis)))
        }
        Notification::Threshold(finding) => {
            wording::threshold(view, finding).map_or_else(Vec::new, |(_, check)| {
                let how = if finding.state.is_broken() { "broken" } else { "holds again" };
                one("threshold", format!("{how}: {check}"))
            })
        }
        Notification::WorkerLost { scenario, worker, why } => {
            one("worker", format!("lost: worker {worker} of {}: {why}", name(scenario)))
        }
        Notification::LookedUp(lookup) => one("dns", wording::lookup(view, lookup)),
        Notification::Stopping(reason, at_once) => {
            one("stopping", wording::stopping(view, reason, *at_once))
        }
        Notification::Stopped(reason) => one("stopped", wording::stop_reason(view, reason)),
        Notification::Finished => {
            let verdict = view.judgement.as_deref().map(wording::verdict).unwrap_or_default();
            one("finished", verdict)
        }
        Notification::Second => Vec::new(),
    }
}

fn started(view: &View, warnings: &[String]) -> Vec<(&'static str, String)> {
    let outline = &view.outline;
    let mut lines = vec![(
        "started",
        format!("{}, seed {}, results in {}", outline.plan, outline.seed, outline.folder),
    )];
    for target in outline.targets.iter().take(LISTED) {
        lines.push(("target", format!("{} is {}", target.name, wording::target(target))));
    }
    for (index, scenario) in outline.scenarios.iter().enumerate().take(LISTED) {
        let workers = outline.workers.get(index).copied().unwrap_or(0);
        let target = &scenario.target;
        let s = if workers == 1 { "" } else { "s" };
        let protocol = scenario.protocol.name;
        lines.push((
            "scenario",
            format!("{}: {protocol} to {target}, {workers} worker{s}", scenario.name),
        ));
    }
    for warning in warnings.iter().take(WARNINGS) {
        lines.push(("warning", warning.clone()));
    }
    if warnings.len() > WARNINGS {
        lines.push(("warning", format!("and {} more", warnings.len() - WARNINGS)));
    }
    lines
}

/// The hosts of a run on several, in one line: the worst first, as many as fit.
fn hosts(view: &View) -> Option<String> {
    let mut text = String::new();
    for (shown, host) in view.hosts.iter().enumerate() {
        let next = format!("{}: {}", host.name, wording::host(host).join(", "));
        if shown > 0 && text.len() + next.len() > LONGEST - 60 {
            let _ = write!(text, "; and {} more", view.hosts.len() - shown);
            break;
        }
        text.push_str(if shown > 0 { "; " } else { "" });
        text.push_str(&next);
    }
    (!text.is_empty()).then(|| cut(&text, LONGEST))
}

/// The state of all scenarios, in one line.
fn progress(view: &View, now_ns: u64) -> String {
    let alone = view.outline.scenarios.len() == 1;
    let mut parts = Vec::new();
    for (index, scenario) in view.outline.scenarios.iter().enumerate() {
        match view.scenarios[index].progression {
            Progression::Running(phase) => {
                parts.push(of_scenario(view, index, &phase, now_ns, alone));
            }
            Progression::Waiting { .. } => parts.push(format!("{} waits", scenario.name)),
            Progression::Ended => {}
        }
    }
    if parts.is_empty() {
        parts.push("all scenarios have ended".to_owned());
    }
    let mut text = parts.join("; ");
    let generator = &view.generator;
    if let Some(cpu) = generator.cpu_ratio {
        let _ = write!(text, "; cpu {:.0}%", cpu * 100.0);
    }
    let _ = write!(text, ", lag {}", figure::time(generator.lag_max_ns as f64));
    text
}

fn of_scenario(view: &View, index: usize, phase: &PhaseView, now_ns: u64, alone: bool) -> String {
    let (of, now) = view.scenario(index);
    let stage = usize::from(phase.stage);
    let mut parts = vec![format!(
        "{} {} {:.0}%",
        wording::stage_name(view, index, stage),
        phase.phase,
        (phase.progress(now_ns).fraction * 100.0).floor()
    )];
    let ratio = now.failure_ratio.map(|ratio| figure::percent(ratio.value));
    if alone {
        parts.extend(wording::level(view, index, stage));
        parts.push(wording::rate(view, index));
        parts.extend(ratio.map(|ratio| format!("{ratio} failed")));
        parts.extend(wording::main_time(view, index).map(|time| time.replace(" ·", "")));
        parts.extend(wording::cost(view, index).map(|cost| cost.replace(" · ", ", ")));
    } else {
        let brief = of.protocol.brief;
        parts.extend(wording::level(view, index, stage).filter(|_| brief == BriefFigure::Level));
        parts.push(wording::rate(view, index));
        parts.extend(ratio.map(|ratio| format!("{ratio} failed")));
        let time = now.time.filter(|_| brief == BriefFigure::Time);
        parts.extend(time.map(|time| format!("p99 {}", figure::time(time.p99))));
    }
    parts.join(", ")
}
