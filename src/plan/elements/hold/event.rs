//! Planned drops of a share of the open connections.

use crate::plan::Close;
use crate::plan::elements::hold::close::CloseWord;
use crate::plan::error::Errors;
use crate::plan::raw::table;
use crate::units::{Ratio, Time};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A share of the open connections is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DisconnectEvent {
    /// When, from the scenario's start.
    pub at: Time,
    /// Which part of the users lose their connection; not zero.
    pub share: Ratio,
    /// How it ends.
    pub by: Close,
    /// The time over which the drops are spread; zero: all at once.
    pub over: Time,
}

table! {
    /// A share of the open connections is dropped.
    #[schemars(rename = "Event")]
    RawEvent, "an event",
    must {
        /// When, from the scenario's start.
        at: Time = "at = \"30s\"",
        /// The share of users that lose their connection: `10%`.
        drop: Ratio = "drop = \"10%\"",
    }
    may {
        /// How connections are closed: by `rst` or by `fin`. Default: `rst`.
        by: CloseWord,
        /// The time over which the drops are spread. Default: all at once.
        over: Time,
    }
}

pub(super) fn event(raw: &RawEvent, end: Option<Time>, errors: &mut Errors) -> DisconnectEvent {
    let at = raw.at.value().copied().unwrap_or_default();
    if let (Some(given), Some(end)) = (raw.at.given(), end)
        && at >= end
    {
        errors
            .add(
                given.at,
                format!("no connection is open at this time: the stages end after {end}"),
            )
            .help(format!(
                "write a time before that (`at` counts from the scenario's start): `at = \"{}\"`",
                half(end)
            ));
    }
    let share = raw.drop.value().copied().unwrap_or(Ratio(1.0));
    if let Some(given) = raw.drop.given().filter(|given| given.value.0 <= 0.0) {
        errors
            .add(given.at, "`drop` cannot be zero")
            .help("write the share of connections to drop: `drop = \"10%\"`");
    }
    let by = match raw.by.value() {
        Some(CloseWord::Fin) => Close::Fin,
        Some(CloseWord::Rst) | None => Close::Rst,
    };
    DisconnectEvent { at, share, by, over: raw.over.value().copied().unwrap_or_default() }
}

fn half(time: Time) -> Time {
    let half = time.0 / 2;
    // Whole seconds where there are some.
    Time(if half.as_secs() > 0 { Duration::from_secs(half.as_secs()) } else { half })
}
