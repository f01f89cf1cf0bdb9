//! What a built-in server does wrong on purpose.

use super::{count, time};
use crate::plan::Faults;
use crate::plan::error::Errors;
use crate::plan::raw::{BuiltinWord, Field, RawFaults, RawTable};
use crate::plan::suggest::listed;
use crate::units::{Ratio, Time};

pub(super) fn faults(field: &Field<RawFaults>, server: BuiltinWord, errors: &mut Errors) -> Faults {
    let Some(raw) = field.value() else { return Faults::default() };
    let of_http = [
        ("status", raw.status.key()),
        ("slow_body", raw.slow_body.key()),
        ("truncate_body", raw.truncate_body.key()),
    ];
    for (name, key) in of_http {
        if let Some(at) = key.filter(|_| server == BuiltinWord::TcpHold) {
            errors
                .add(at, format!("`{name}` is a fault of the built-in http server"))
                .help("leave it out; tcp-hold has `silence`, `wrong_data`, `reset_after`, `close_after` and others");
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
            .add(raw.place(), "these faults have no fault")
            .help("add one, such as `reset_after = \"5s\"`, or leave `faults` out");
    }
    let Some(share) = raw.share.given() else { return };
    if share.value.0 == 0.0 {
        errors
            .add(share.at, "a share of nothing hits nobody")
            .help("write for example `share = \"1%\"`, or leave `faults` out");
    } else if faults.refuse || faults.never_accept {
        let whole = listed(
            faults_given.into_iter().filter(|name| ["refuse", "never_accept"].contains(name)),
        );
        errors
            .add(share.at, format!("{whole} hits every connection: there is no share of it"))
            .help("leave `share` out");
    }
}
