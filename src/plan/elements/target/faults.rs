//! Deliberate faults of a built-in server.

use crate::catalogue::ProtocolKind;
use crate::plan::error::Errors;
use crate::plan::raw::{Field, RawTable, Status, table};
use crate::plan::raw::{count, time};
use crate::plan::suggest::listed;
use crate::units::{Count, Ratio, Time};
use serde::{Deserialize, Serialize};

/// Faults on demand; the default has none. Each hits the `share` of connections (http: of requests
/// where the fault is one of answers), chosen by `seed` and the connection's number, so that a run
/// can be repeated and counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own, and they combine")]
pub struct Faults {
    /// The part of connections that is hit.
    pub share: Ratio,
    /// Chooses which.
    pub seed: u64,
    /// Refuses every connection: nothing listens.
    pub refuse: bool,
    /// Listens and never accepts.
    pub never_accept: bool,
    /// Resets the connection this long after it was accepted.
    pub reset_after: Option<Time>,
    /// Resets the connection once this many bytes were sent on it.
    pub reset_after_bytes: Option<u64>,
    /// Accepts, and never sends a byte.
    pub silence: bool,
    /// Sends other bytes than it should.
    pub wrong_data: bool,
    /// Waits before every send.
    pub delay: Option<Time>,
    /// Closes (FIN) this long after the connection was accepted.
    pub close_after: Option<Time>,
    /// http: answers with this status.
    pub status: Option<u16>,
    /// http: spreads the body over this time.
    pub slow_body: Option<Time>,
    /// http: promises a whole body, sends half, closes.
    pub truncate_body: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            share: Ratio(1.0),
            seed: 42,
            refuse: false,
            never_accept: false,
            reset_after: None,
            reset_after_bytes: None,
            silence: false,
            wrong_data: false,
            delay: None,
            close_after: None,
            status: None,
            slow_body: None,
            truncate_body: false,
        }
    }
}

table! {
    /// Deliberate faults of the built-in server.
    #[schemars(rename = "Faults")]
    RawFaults, "`faults`", write "a table: `{ share = \"1%\", reset_after = \"5s\" }`", in "`faults = { … }` of a target that is `builtin`",
    must {}
    may {
        /// The part of connections (or requests) that is hit. Default: all.
        share: Ratio,
        /// Chooses which. Default: 42.
        seed: Count,
        /// Refuses every connection: nothing listens.
        refuse: bool,
        /// Listens and never accepts.
        never_accept: bool,
        /// Resets a connection this long after it was accepted.
        reset_after: Time,
        /// Resets a connection once this many bytes were sent on it.
        reset_after_bytes: Count,
        /// Accepts, and never sends a byte.
        silence: bool,
        /// Sends other bytes than it should.
        wrong_data: bool,
        /// Waits before every send.
        delay: Time,
        /// Closes a connection this long after it was accepted.
        close_after: Time,
        /// http: answers with this status; ws-hold: answers the handshake with it.
        status: Status,
        /// http: spreads a body over this time.
        slow_body: Time,
        /// http: promises a whole body, sends half, closes.
        truncate_body: bool,
    }
}

pub(in crate::plan) fn faults(
    field: &Field<RawFaults>,
    server: ProtocolKind,
    errors: &mut Errors,
) -> Faults {
    let Some(raw) = field.value() else { return Faults::default() };
    let of_http = [
        ("status", raw.status.key()),
        ("slow_body", raw.slow_body.key()),
        ("truncate_body", raw.truncate_body.key()),
    ];
    for (name, key) in of_http {
        let has_status = name == "status" && server == ProtocolKind::WsHold;
        if let Some(at) = key.filter(|_| server.row().lasts && !has_status) {
            errors
                .add(at, format!("`{name}` is a fault of the built-in http server"))
                .help("leave it out; tcp-hold and ws-hold have `silence`, `wrong_data`, `reset_after`, `close_after` and others");
        }
    }
    let some = |field: &Field<Time>, name: &str, errors: &mut Errors| {
        field.given().map(|_| time(field, name, Time::default(), errors))
    };
    let flag = |field: &Field<bool>| field.value().copied().unwrap_or(false);
    let faults = Faults {
        share: raw.share.value().copied().unwrap_or(Ratio(1.0)),
        seed: raw.seed.value().map_or(42, |seed| seed.0),
        refuse: flag(&raw.refuse),
        never_accept: flag(&raw.never_accept),
        reset_after: some(&raw.reset_after, "reset_after", errors),
        reset_after_bytes: count(&raw.reset_after_bytes, "reset_after_bytes", errors),
        silence: flag(&raw.silence),
        wrong_data: flag(&raw.wrong_data),
        delay: some(&raw.delay, "delay", errors),
        close_after: some(&raw.close_after, "close_after", errors),
        status: raw.status.value().map(|status| status.0),
        slow_body: some(&raw.slow_body, "slow_body", errors),
        truncate_body: flag(&raw.truncate_body),
    };
    check_share(raw, &faults, errors);
    faults
}

/// A share of nothing, or of a fault that hits everybody, is no share.
fn check_share(raw: &RawFaults, faults: &Faults, errors: &mut Errors) {
    let faults_given: Vec<&str> = raw
        .optional_keys()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !["share", "seed"].contains(name))
        .collect();
    if faults_given.is_empty() && !raw.is_doubtful() {
        errors
            .add(raw.place(), "`faults` names no fault")
            .help("add one, such as `reset_after = \"5s\"`, or leave `faults` out");
    }
    let Some(share) = raw.share.given() else { return };
    if share.value.0 == 0.0 {
        errors
            .add(share.at, "`share` cannot be zero")
            .help("write for example `share = \"1%\"`, or leave `faults` out");
    } else if faults.refuse || faults.never_accept {
        let whole = listed(
            faults_given.into_iter().filter(|name| ["refuse", "never_accept"].contains(name)),
        );
        errors
            .add(share.at, format!("{whole} affects every connection: it takes no `share`"))
            .help("leave `share` out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::*;
    use crate::plan::*;
    use crate::units::Ratio;

    #[test]
    fn faults_are_read() {
        let text = WEB.replace("targets.web.builtin = \"http\"", "targets.web = { builtin = \"http\", body = \"b\", faults = { share = 0.25, seed = 1, status = 503, slow_body = \"1s\" } }");
        let faults = Faults {
            share: Ratio(0.25),
            seed: 1,
            status: Some(503),
            slow_body: Some(seconds(1)),
            ..Faults::default()
        };
        let server = HttpServer { body: "b".to_owned(), tls: None, faults };
        assert_eq!(plan(&text).targets[0].endpoint, Endpoint::Builtin(Builtin::Http(server)));
    }
}
