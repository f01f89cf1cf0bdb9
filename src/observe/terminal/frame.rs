//! Turns the view into the few lines at the bottom of a terminal during a run.
//!
//! **Invariant:** pure; what is drawn is a function of the view, the time and the size of the
//! terminal.
//! **Invariant:** never more than ten lines, besides at most eight of hosts, and never more than
//! the terminal has.

use crate::observe::text::{StyledLine, TextStyle, Tone};
use crate::observe::view::{HostState, HostView, PhaseView, Progression, View};
use crate::observe::wording;
use crate::plan::Phase;
use crate::record::{Counter, Gauge};
use crate::units::figure;
use crate::units::visible;
use crate::verdict::ThresholdState;

/// Lines that are drawn at most.
const MOST: usize = 10;
/// Columns of the labels of facts.
const LABEL: usize = 12;
/// Lines of thresholds.
const THRESHOLDS: usize = 4;
/// Lines of hosts.
const HOSTS: usize = 8;
/// Causes of failure that are named.
const CAUSES: usize = 3;

/// The terminal as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::observe) struct Size {
    /// Rows.
    pub(in crate::observe) height: usize,
    /// Columns.
    pub(in crate::observe) width: usize,
}

/// The lines to draw, the most important first where there is no room for all.
pub(in crate::observe) fn frame(
    view: &View,
    now_ns: u64,
    size: Size,
    look: TextStyle,
) -> Vec<StyledLine> {
    if !view.started() || view.judgement.is_some() {
        return Vec::new();
    }
    let most = MOST + view.hosts.len().min(HOSTS);
    let room = most.min(size.height.saturating_sub(1)).max(1);
    let running: Vec<(usize, PhaseView)> = (0..)
        .zip(view.scenarios.iter())
        .filter_map(|(index, now)| match now.progression {
            Progression::Running(phase) => Some((index, phase)),
            Progression::Waiting { .. } | Progression::Ended => None,
        })
        .collect();
    let drawing = Drawing { view, now_ns, width: size.width, look, names: names(view, &running) };
    let mut lines = Vec::new();
    if let Some(stopping) = &view.stopping {
        let why = wording::stopping(view, &stopping.reason, stopping.at_once);
        lines.push(StyledLine::default().with(Tone::Warn, format!("■ {why}")));
    }
    match running.as_slice() {
        [] => lines.push(drawing.idle()),
        [(index, phase)] => lines.extend(drawing.full(*index, phase)),
        [first, second] => {
            lines.extend(drawing.short(first.0, &first.1));
            lines.extend(drawing.short(second.0, &second.1));
        }
        many => lines.extend(drawing.rows(many, room.saturating_sub(lines.len() + 2))),
    }
    let coming = usize::from(!next_stages(view).is_empty());
    let free = room.saturating_sub(lines.len() + 1 + coming);
    let mut foot = drawing.thresholds(free.clamp(1, THRESHOLDS));
    foot.push(drawing.fact(
        "generator",
        StyledLine::default().with(Tone::Plain, wording::generator(view).join(" · ")),
    ));
    lines.extend(foot);
    lines.extend(drawing.hosts(room.saturating_sub(lines.len() + coming).min(HOSTS)));
    let left = room.saturating_sub(lines.len());
    lines.extend(drawing.coming(left));
    lines.truncate(room);
    lines
}

struct Drawing<'a> {
    view: &'a View,
    now_ns: u64,
    width: usize,
    look: TextStyle,
    /// Columns of the names of stages.
    names: usize,
}

/// Columns that the longest name of a stage on the screen takes.
fn names(view: &View, running: &[(usize, PhaseView)]) -> usize {
    let coming = next_stages(view).into_iter();
    running
        .iter()
        .map(|(index, phase)| (*index, usize::from(phase.stage)))
        .chain(coming)
        .map(|(index, stage)| console::measure_text_width(&wording::stage_name(view, index, stage)))
        .max()
        .unwrap_or(0)
        .clamp(LABEL - 2, 24)
}

/// Stages that are still to come.
fn next_stages(view: &View) -> Vec<(usize, usize)> {
    let of = |index: usize| {
        let (of, now) = view.scenario(index);
        let from = match now.progression {
            Progression::Waiting { .. } => 0,
            Progression::Running(at) if at.phase != Phase::Drain => usize::from(at.stage) + 1,
            Progression::Running(_) | Progression::Ended => usize::MAX,
        };
        let until = if view.stopping.is_some() { 0 } else { of.stages.len() };
        (from.min(until)..until).map(move |stage| (index, stage))
    };
    (0..view.scenarios.len()).flat_map(of).collect()
}

impl Drawing<'_> {
    fn name(&self, index: usize, stage: usize) -> String {
        pad(&wording::stage_name(self.view, index, stage), self.names)
    }

    fn fact(&self, label: &str, facts: StyledLine) -> StyledLine {
        let mut line = StyledLine::default()
            .with(Tone::Dim, format!("  {}", pad(label, self.names.max(LABEL - 2))))
            .with(Tone::Plain, "  ");
        line.append(facts);
        line
    }

    /// The bar of the current stage: by the plan's times.
    fn bar(&self, index: usize, phase: &PhaseView) -> StyledLine {
        let stage = usize::from(phase.stage);
        let progress = phase.progress(self.now_ns);
        let of = match progress.length_ns {
            Some(length) => format!(" of {}", wording::planned(length)),
            None => String::new(),
        };
        let eta = progress.left_ns.map(|left| format!(" · ETA {}", wording::seconds(left)));
        let behind = pad(
            &format!(
                "{} {}{of}{}",
                phase.phase,
                wording::seconds(progress.elapsed_ns.min(progress.length_ns.unwrap_or(u64::MAX))),
                eta.unwrap_or_default()
            ),
            31,
        );
        let mut line = StyledLine::default()
            .with(Tone::Active, "▶ ")
            .with(Tone::Strong, self.name(index, stage))
            .with(Tone::Plain, "  ");
        let taken = line.width(self.look) + console::measure_text_width(&behind) + 2;
        let columns = self.width.saturating_sub(taken).clamp(8, 60);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 60")]
        let done = (progress.fraction * columns as f64).floor() as usize;
        let head = usize::from(done < columns);
        line.push(Tone::Active, "━".repeat(done) + &"╸".repeat(head));
        line.push(Tone::Dim, "─".repeat(columns - done - head));
        line.with(Tone::Plain, "  ").with(Tone::Plain, behind.trim_end())
    }

    fn full(&self, index: usize, phase: &PhaseView) -> Vec<StyledLine> {
        let time = wording::main_time(self.view, index);
        let mut lines = vec![self.bar(index, phase), self.fact("load", self.load(index, phase))];
        if let Some(time) = time {
            lines.push(self.fact("time", StyledLine::default().with(Tone::Plain, time)));
        }
        lines.push(self.fact("failures", self.failures(index)));
        if let Some(cost) = wording::cost(self.view, index) {
            lines.push(self.fact("cost", StyledLine::default().with(Tone::Plain, cost)));
        }
        lines
    }

    fn short(&self, index: usize, phase: &PhaseView) -> Vec<StyledLine> {
        let mut load = self.load(index, phase);
        if let Some(time) = self.view.scenarios[index].time {
            load.push(Tone::Plain, format!(" · p99 {}", figure::time(time.p99)));
        }
        let mut lines = vec![self.bar(index, phase), self.fact("load", load)];
        lines.push(self.fact("failures", self.failures(index)));
        lines
    }

    /// One line a scenario, as many as there is room for.
    fn rows(&self, running: &[(usize, PhaseView)], room: usize) -> Vec<StyledLine> {
        let shown = if running.len() > room { room.saturating_sub(1) } else { running.len() };
        let mut lines: Vec<StyledLine> =
            running.iter().take(shown).map(|(index, phase)| self.row(*index, phase)).collect();
        if shown < running.len() {
            let more = format!("  and {} more scenarios", running.len() - shown);
            lines.push(StyledLine::default().with(Tone::Dim, more));
        }
        lines
    }

    fn row(&self, index: usize, phase: &PhaseView) -> StyledLine {
        let stage = usize::from(phase.stage);
        let progress = phase.progress(self.now_ns);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 12")]
        let done = (progress.fraction * 12.0).floor() as usize;
        let mut line = StyledLine::default()
            .with(Tone::Active, "▶ ")
            .with(Tone::Strong, self.name(index, stage))
            .with(Tone::Active, format!("  {}", "━".repeat(done)))
            .with(Tone::Dim, "─".repeat(12 - done))
            .with(Tone::Plain, "  ");
        let level = wording::level(self.view, index, stage);
        let load: Vec<String> =
            level.into_iter().chain([wording::rate(self.view, index)]).collect();
        if let Some(ratio) = self.view.scenarios[index].failure_ratio {
            let tone = if ratio.value > 0.0 { Tone::Bad } else { Tone::Good };
            line.push(tone, format!("{} failed", figure::percent(ratio.value)));
            line.push(Tone::Plain, " · ");
        }
        line.with(Tone::Plain, load.join(" · "))
    }

    fn load(&self, index: usize, phase: &PhaseView) -> StyledLine {
        let mut parts: Vec<String> =
            wording::level(self.view, index, usize::from(phase.stage)).into_iter().collect();
        parts.push(wording::rate(self.view, index));
        let now = &self.view.scenarios[index];
        let in_flight = now.gauges.get(Gauge::InFlight);
        if in_flight > 0 {
            parts.push(format!("in flight {}", figure::grouped(in_flight)));
        }
        let mut line = StyledLine::default().with(Tone::Plain, parts.join(" · "));
        let dropped = now.counters.get(Counter::Dropped);
        if dropped > 0 {
            line.push(Tone::Bad, format!(" · dropped {}", figure::grouped(dropped)));
        }
        line
    }

    fn failures(&self, index: usize) -> StyledLine {
        let Some(ratio) = self.view.scenarios[index].failure_ratio else {
            return StyledLine::default().with(Tone::Dim, "nothing has ended yet");
        };
        let tone = if ratio.value > 0.0 { Tone::Bad } else { Tone::Good };
        let mut line = StyledLine::default().with(tone, figure::percent(ratio.value));
        if let Some((failed, _)) = ratio.ratio.filter(|(failed, _)| *failed > 0) {
            line.push(Tone::Plain, format!(" ({})", figure::grouped(failed)));
        }
        let causes = &self.view.scenarios[index].causes;
        for one in causes.iter().take(CAUSES) {
            line.push(Tone::Plain, format!(" · {}", wording::cause(one.cause, one.count)));
        }
        if causes.len() > CAUSES {
            line.push(Tone::Dim, format!(" · {} more", causes.len() - CAUSES));
        }
        line
    }

    /// The current state of the thresholds, broken ones first, in at most this many lines.
    fn thresholds(&self, most: usize) -> Vec<StyledLine> {
        let mut findings: Vec<_> = self.view.thresholds.iter().collect();
        findings.sort_by_key(|finding| match finding.state {
            ThresholdState::Broken | ThresholdState::Unreached { .. } => 0,
            ThresholdState::Held => 1,
            ThresholdState::TooFew { .. } => 2,
            ThresholdState::NoData => 3,
        });
        let room = self.width.saturating_sub(self.names.max(LABEL - 2) + 4);
        let mut lines = vec![StyledLine::default()];
        let mut left = findings.len();
        for finding in findings {
            let Some((sign, text)) = wording::threshold(self.view, finding) else { continue };
            let tone = match finding.state {
                ThresholdState::Broken | ThresholdState::Unreached { .. } => Tone::Bad,
                ThresholdState::Held => Tone::Good,
                ThresholdState::NoData | ThresholdState::TooFew { .. } => Tone::Dim,
            };
            let rest = if finding.state == ThresholdState::Held { Tone::Plain } else { tone };
            let piece = StyledLine::default().with(tone, format!("{sign} ")).with(rest, text);
            let last = lines.len() == most;
            let more = if last && left > 1 { 10 } else { 0 };
            let place = lines.len() - 1;
            let taken = lines[place].width(self.look);
            let gap = if taken > 0 { 3 } else { 0 };
            if taken > 0 && taken + gap + piece.width(self.look) + more > room {
                if last {
                    lines[place].push(Tone::Dim, format!("   {left} more"));
                    break;
                }
                lines.push(piece);
            } else {
                lines[place].push(Tone::Plain, " ".repeat(gap));
                lines[place].append(piece);
            }
            left -= 1;
        }
        let labels = ["thresholds"].into_iter().chain(std::iter::repeat(""));
        let full = lines.into_iter().filter(|line| line.width(self.look) > 0);
        full.zip(labels).map(|(line, label)| self.fact(label, line)).collect()
    }

    /// One line a host, the worst first, as many as there is room for.
    fn hosts(&self, room: usize) -> Vec<StyledLine> {
        let all = &self.view.hosts;
        let shown = if all.len() > room { room.saturating_sub(1) } else { all.len() };
        let line = |host: &HostView| {
            let tone = match host.state {
                HostState::Lost => Tone::Bad,
                HostState::Late => Tone::Warn,
                HostState::Running | HostState::Ended => Tone::Plain,
            };
            let facts = wording::host(host).join(" · ");
            self.fact(&host.name, StyledLine::default().with(tone, facts))
        };
        let mut lines: Vec<StyledLine> = all.iter().take(shown).map(line).collect();
        if shown < all.len() && room > 0 {
            let more = format!("  and {} more hosts", all.len() - shown);
            lines.push(StyledLine::default().with(Tone::Dim, more));
        }
        lines
    }

    fn idle(&self) -> StyledLine {
        let start = self.view.scenarios.iter().filter_map(|now| match now.progression {
            Progression::Waiting { starts_ns } => starts_ns,
            _ => None,
        });
        let text = match start.min() {
            Some(at_ns) if at_ns > self.now_ns => {
                format!("  the load starts in {}", wording::seconds(at_ns - self.now_ns))
            }
            _ => "  waiting for the last results".to_owned(),
        };
        StyledLine::default().with(Tone::Dim, text)
    }

    /// The stages still to come, in at most this many lines.
    fn coming(&self, room: usize) -> Vec<StyledLine> {
        let next = next_stages(self.view);
        let shown = if next.len() > room { room.saturating_sub(1) } else { next.len() };
        let mut lines: Vec<StyledLine> = next
            .iter()
            .take(shown)
            .map(|(index, stage)| {
                let what = wording::stage_plan(self.view, *index, *stage);
                let when = match (self.view.scenarios[*index].progression, stage) {
                    (Progression::Waiting { starts_ns: Some(at_ns) }, 0) => {
                        format!(
                            ", starts in {}",
                            wording::seconds(at_ns.saturating_sub(self.now_ns))
                        )
                    }
                    (Progression::Waiting { starts_ns: None }, 0) => {
                        ", starts when the others hold".to_owned()
                    }
                    _ => String::new(),
                };
                StyledLine::default()
                    .with(Tone::Dim, format!("· {}  {what}{when}", self.name(*index, *stage)))
            })
            .collect();
        if shown < next.len() && room > 0 {
            let more = next.len() - shown;
            let s = if more == 1 { "" } else { "s" };
            lines.push(
                StyledLine::default().with(Tone::Dim, format!("· {more} more stage{s} to come")),
            );
        }
        lines
    }
}

/// A text padded or cut to exactly this many columns.
fn pad(text: &str, width: usize) -> String {
    let text = visible(text);
    let text = console::truncate_str(&text, width, "…").into_owned();
    let taken = console::measure_text_width(&text);
    text + &" ".repeat(width.saturating_sub(taken))
}
