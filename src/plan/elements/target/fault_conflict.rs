//! Finds settings of a built-in server that are impossible, alone or together.

use crate::plan::{Builtin, Faults, TcpHoldServer};
use crate::units::Time;
use std::time::Duration;

/// The longest time that a server's clock of milliseconds can plan ahead.
const LONGEST: Duration = Duration::from_hours(24 * 24);

/// Bytes of the longest text; the kernel's own limit for an argument is 131,072.
const TEXT: usize = 100_000;

/// Why a server's settings are impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultConflict {
    /// The field that would have to change: of the server, or of its faults.
    pub field: &'static str,
    /// The error.
    pub message: String,
    /// The correction.
    pub help: String,
}

impl Builtin {
    /// Every reason; none for a server that can be started.
    pub fn fault_conflicts(&self) -> Vec<FaultConflict> {
        let mut found = Found(Vec::new());
        let faults = match self {
            Self::TcpHold(server) => {
                if server.message.is_empty() {
                    found.add("message", "an empty message says nothing", "give a message");
                }
                found.bytes("message", &server.message);
                if let Some(text) = &server.reply_to {
                    if text.is_empty() || u16::try_from(text.len()).is_err() {
                        let message = "no reply can be given to this message";
                        found.add("reply_to", message, "give 1 to 65535 bytes to reply to");
                    } else {
                        found.bytes("reply_to", text);
                    }
                }
                if server.every.is_some_and(|every| every.0 < Duration::from_millis(1)) {
                    let message = "a built-in server sends at most one message per millisecond";
                    found.add("every", message, "write a longer time");
                }
                found.time("every", server.every);
                found.not_of_hold(server, &server.faults);
                &server.faults
            }
            Self::Http(server) => {
                found.text("body", &server.body);
                found.not_of_http(&server.body, &server.faults);
                &server.faults
            }
        };
        found.faults(faults);
        found.0
    }
}

/// Bytes as the text of an argument; `None` where they are none.
pub(crate) fn as_argument(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

struct Found(Vec<FaultConflict>);

impl Found {
    fn add(&mut self, field: &'static str, message: impl Into<String>, help: &str) {
        self.0.push(FaultConflict { field, message: message.into(), help: help.to_owned() });
    }

    /// Bytes that are no text travel as hexadecimal digits.
    fn bytes(&mut self, field: &'static str, bytes: &[u8]) {
        let most = if as_argument(bytes).is_some() { TEXT } else { TEXT / 2 };
        if bytes.len() > most {
            let message = format!("a server cannot be given a message of {} bytes", bytes.len());
            self.add(field, message, &format!("at most {most} bytes go"));
        }
    }

    /// Texts travel to the server's processes on their command lines.
    fn text(&mut self, field: &'static str, text: &str) {
        if text.contains('\0') {
            self.add(field, "a built-in server cannot send a NUL byte", "leave it out");
        }
        if text.len() > TEXT {
            let message = format!("a server cannot be given a text of {} bytes", text.len());
            self.add(field, message, &format!("at most {TEXT} bytes go"));
        }
    }

    fn time(&mut self, field: &'static str, time: Option<Time>) {
        if time.is_some_and(|time| time.0 > LONGEST) {
            self.add(
                field,
                "this is longer than a built-in server can wait: 24 days at most",
                "write a shorter time",
            );
        }
    }

    fn not_of_hold(&mut self, server: &TcpHoldServer, faults: &Faults) {
        let is_websocket = server.websocket.is_some();
        if faults.status.is_some_and(|status| is_websocket && !(200..=599).contains(&status)) {
            self.add("status", "invalid response status", "use a status from 200 to 599");
        }
        let given = [
            ("status", faults.status.is_some() && !is_websocket),
            ("slow_body", faults.slow_body.is_some()),
            ("truncate_body", faults.truncate_body),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            let help = "leave `status`, `slow_body` and `truncate_body` to http";
            self.add(field, "a tcp-hold server has no status and no body", help);
        }
    }

    fn not_of_http(&mut self, body: &str, faults: &Faults) {
        let given = [("truncate_body", faults.truncate_body), ("wrong_data", faults.wrong_data)];
        for (field, _) in given.into_iter().filter(|(_, given)| *given && body.is_empty()) {
            self.add(
                field,
                "an empty body cannot be truncated or replaced",
                "write a `body` that is not empty",
            );
        }
        if faults.status.is_some_and(|status| !(200..=599).contains(&status)) {
            self.add("status", "invalid response status", "use a status from 200 to 599");
        }
    }

    fn faults(&mut self, faults: &Faults) {
        self.time("reset_after", faults.reset_after);
        self.time("close_after", faults.close_after);
        self.time("delay", faults.delay);
        self.time("slow_body", faults.slow_body);
        if faults.reset_after_bytes.is_some_and(|bytes| u32::try_from(bytes).is_err()) {
            let message = "this is more than a built-in server can count: 4 GiB at most";
            self.add("reset_after_bytes", message, "write fewer bytes");
        }
        if faults.refuse && faults.never_accept {
            let message = "`refuse` and `never_accept` exclude each other";
            self.add("never_accept", message, "remove one of them");
        }
        if (faults.refuse || faults.never_accept) && faults.share.0 < 1.0 {
            let what = if faults.refuse { "refuse" } else { "never_accept" };
            let message = format!(
                "`{what}` is done by the kernel, for a whole port: it cannot hit a share of {}",
                faults.share
            );
            let help = "drop the share, or take `reset_after = \"0s\"`, which resets a share of connections as soon as they are open";
            self.add("share", message, help);
        }
    }
}
