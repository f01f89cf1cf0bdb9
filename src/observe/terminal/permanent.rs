//! Turns news into the lines that stay on a terminal above the moving ones: the header, finished
//! stages, what went wrong.

use crate::observe::notification::{Notification, ThresholdPlace, place_of};
use crate::observe::pacing::{LogBudget, Priority, RepeatLimit};
use crate::observe::text::{StyledLine, TextStyle, Tone};
use crate::observe::view::View;
use crate::observe::wording;
use crate::record::StopReason;

/// Columns beyond which a line is cut, however it is folded.
const LONGEST: usize = 480;

/// Tells news on a terminal.
#[derive(Debug)]
pub(in crate::observe) struct PermanentLines {
    look: TextStyle,
    budget: LogBudget,
    repeats: RepeatLimit<ThresholdPlace>,
}

impl PermanentLines {
    pub(in crate::observe) fn new(look: TextStyle) -> Self {
        Self { look, budget: LogBudget::new(32_768, 4_096), repeats: RepeatLimit::default() }
    }

    /// The lines for a notification, on a terminal of this width in columns.
    pub(in crate::observe) fn tell(
        &mut self,
        view: &View,
        now_ns: u64,
        width: usize,
        news: &Notification,
    ) -> Vec<String> {
        if let Notification::Threshold(finding) = news
            && !self.repeats.tell(place_of(finding), now_ns)
        {
            return Vec::new();
        }
        let weight = match news {
            Notification::Started { .. } | Notification::Over(..) | Notification::Stopped(_) => {
                Priority::Always
            }
            Notification::WorkerLost { .. } => Priority::Urgent,
            _ => Priority::Usual,
        };
        let lines = lines(view, now_ns, width, self.look, news).into_iter();
        lines
            .flat_map(|line| fold(line, width, self.look))
            .map(|line| line.render(LONGEST, self.look))
            .filter(|text| self.budget.take(now_ns, text.len(), weight))
            .collect()
    }
}

/// A line in as many as it takes, within [`LONGEST`] in all.
fn fold(line: StyledLine, width: usize, look: TextStyle) -> Vec<StyledLine> {
    let mut lines = line.folded(width, look);
    let most = (LONGEST / width.max(1)).max(1);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push(Tone::Plain, "…");
        }
    }
    lines
}

fn lines(
    view: &View,
    now_ns: u64,
    width: usize,
    look: TextStyle,
    news: &Notification,
) -> Vec<StyledLine> {
    let name = |scenario: &usize| &view.outline.scenarios[*scenario].name;
    let clock = StyledLine::default().with(Tone::Dim, format!("{}  ", wording::elapsed(now_ns)));
    let one = |tone, sign: &str, text: String| {
        let mut line = StyledLine::default().with(tone, format!("{sign} "));
        line.append(clock.clone());
        vec![line.with(tone, text)]
    };
    match news {
        Notification::Started { warnings } => {
            let mut lines = header(view, width, look);
            for warning in warnings {
                lines.push(StyledLine::default().with(Tone::Warn, format!("! {warning}")));
            }
            lines
        }
        Notification::Over(scenario, stage) => over(view, *scenario, *stage, width, look),
        Notification::Failure { scenario, cause, sample } => {
            one(Tone::Warn, "!", format!("{}: first {cause}: {sample}", name(scenario)))
        }
        Notification::Diagnosed { scenario, diagnosis } => {
            one(Tone::Bad, "✗", format!("{}: {}", name(scenario), wording::diagnosis(diagnosis)))
        }
        Notification::Threshold(finding) => match wording::threshold(view, finding) {
            Some((sign, check)) if finding.state.is_broken() => {
                one(Tone::Bad, &sign.to_string(), format!("broken: {check}"))
            }
            Some((sign, check)) => {
                one(Tone::Good, &sign.to_string(), format!("holds again: {check}"))
            }
            None => Vec::new(),
        },
        Notification::WorkerLost { scenario, worker, why } => {
            one(Tone::Bad, "✗", format!("lost worker {worker} of {}: {why}", name(scenario)))
        }
        Notification::LookedUp(lookup) => {
            let (tone, sign) =
                if lookup.failures.is_empty() { (Tone::Dim, "·") } else { (Tone::Warn, "!") };
            one(tone, sign, wording::lookup(view, lookup))
        }
        Notification::Draining(scenario) => {
            let text = wording::draining(view, *scenario);
            one(Tone::Dim, "·", format!("{}: draining: {text}", name(scenario)))
        }
        Notification::Stopped(reason) if *reason != StopReason::Completed => {
            one(Tone::Warn, "■", wording::stop_reason(view, reason))
        }
        Notification::Stopped(_)
        | Notification::Begun(..)
        | Notification::Reached(..)
        | Notification::Ended(_)
        | Notification::Stopping(..)
        | Notification::Finished
        | Notification::Second => Vec::new(),
    }
}

/// Plan, targets, seed and folder, on as few lines as they fit on.
fn header(view: &View, width: usize, look: TextStyle) -> Vec<StyledLine> {
    let outline = &view.outline;
    let mut pieces = vec![
        StyledLine::default()
            .with(Tone::Dim, format!("planrun {}  ", env!("CARGO_PKG_VERSION")))
            .with(Tone::Strong, &outline.plan),
    ];
    let loaded = |name: &str| outline.scenarios.iter().any(|of| of.target == name);
    for target in outline.targets.iter().filter(|target| loaded(&target.name)) {
        let arrow = StyledLine::default().with(Tone::Dim, "→ ").with(Tone::Plain, &target.name);
        pieces.push(arrow.with(Tone::Plain, format!(" {}", wording::target(target))));
    }
    let label = |label: &str, text: &str| {
        StyledLine::default().with(Tone::Dim, label).with(Tone::Plain, text)
    };
    pieces.push(label("seed ", &outline.seed.to_string()));
    pieces.push(label("results in ", &outline.folder));
    let mut lines: Vec<StyledLine> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.width(look) + 2 + piece.width(look) <= width => {
                line.push(Tone::Plain, "  ");
                line.append(piece);
            }
            Some(_) => {
                let mut line = StyledLine::default().with(Tone::Plain, "  ");
                line.append(piece);
                lines.push(line);
            }
            None => lines.push(piece),
        }
    }
    lines
}

/// `✓ 10k  0 → 10,000 users in 1.00 s, held 30.0 s   10,000 ok · 0 failed · 9,998/s`
fn over(
    view: &View,
    scenario: usize,
    stage: usize,
    width: usize,
    look: TextStyle,
) -> Vec<StyledLine> {
    let (progress, whole) = wording::stage_progress(view, scenario, stage);
    let (result, failed) = wording::stage_result(view, scenario, stage);
    let (sign, tone) = match (whole, failed) {
        (false, _) => ("■", Tone::Warn),
        (true, 0) => ("✓", Tone::Good),
        (true, _) => ("!", Tone::Warn),
    };
    let first = StyledLine::default()
        .with(tone, format!("{sign} "))
        .with(Tone::Strong, wording::stage_name(view, scenario, stage))
        .with(Tone::Plain, format!("  {progress}"));
    let result =
        StyledLine::default().with(if failed == 0 { Tone::Dim } else { Tone::Warn }, result);
    if first.width(look) + result.width(look) + 3 <= width {
        let mut line = first.with(Tone::Plain, "   ");
        line.append(result);
        vec![line]
    } else {
        let mut second = StyledLine::default().with(Tone::Plain, "    ");
        second.append(result);
        vec![first, second]
    }
}
