//! Shows a held connection: its opening, its first messages, and what went wrong.

use super::body;
use super::transcript::{BAD, FAINT, GOOD, RECEIVED, SENT, Transcript};
use crate::engine::{HoldMessage, HoldTrial, MessageKind};
use crate::units::Time;
use crate::units::figure::{self, grouped};
use std::fmt::Write as _;

/// Shows a connection; true if it opened and all that the plan expects came.
pub(super) fn write(page: &mut Transcript<'_>, trial: &HoldTrial, wait: Time) -> bool {
    page.gap();
    if let Some(opening) = opening(trial) {
        page.line("* ", &opening, FAINT);
    }
    for message in &trial.messages {
        write_message(page, trial, message);
    }
    for (cause, sample) in &trial.failures {
        page.line("✗ ", &format!("{cause}: {sample}"), BAD);
    }
    let Some(open_ns) = trial.open_ns else {
        if trial.failures.is_empty() {
            page.line("✗ ", "the connection did not open", BAD);
        }
        return false;
    };
    if !trial.failures.is_empty() {
        return false;
    }
    let took = figure::time(open_ns as f64);
    page.line("✓ ", &format!("the connection opened in {took}"), GOOD);
    match (trial.expects, trial.is_answered) {
        (true, true) => page.line("✓ ", "what the plan expects came", GOOD),
        (true, false) => {
            let words = format!(
                "nothing that the plan expects came within {wait}: a run may allow more, `--wait 60s` listens longer"
            );
            page.line("✗ ", &words, BAD);
        }
        (false, _) => page.line("* ", "the plan expects no message", FAINT),
    }
    !trial.expects || trial.is_answered
}

fn opening(trial: &HoldTrial) -> Option<String> {
    let mut words =
        format!("connected to {} in {}", trial.to, figure::time(trial.connect_ns? as f64));
    if let Some(ns) = trial.tls_ns {
        // A String takes all that is written to it.
        let _ = write!(words, ", TLS in {} (full handshake)", figure::time(ns as f64));
    }
    Some(words)
}

fn write_message(page: &mut Transcript<'_>, trial: &HoldTrial, message: &HoldMessage) {
    let HoldMessage { at_ns, is_received, kind, bytes } = message;
    let (mark, style) = if *is_received { ("< ", RECEIVED) } else { ("> ", SENT) };
    let after = figure::time(at_ns.saturating_sub(trial.began_ns) as f64);
    if *kind == MessageKind::Head {
        let head = String::from_utf8_lossy(bytes);
        head.trim_end().lines().for_each(|line| page.line(mark, line, style));
        page.line(mark, "", style);
        return;
    }
    let what = match kind {
        MessageKind::Frame(name) => format!("{name} frame, "),
        _ => String::new(),
    };
    let words = format!("{what}{} bytes after {after}", grouped(bytes.len() as u64));
    page.line("* ", &words, FAINT);
    body::write(page, (mark, style), bytes, bytes.len() as u64, None);
}
