//! Whose certificate a target must have.

use crate::plan::error::Errors;
use crate::plan::raw::{BuiltinWord, RawTable, RawTarget};
use crate::plan::{Tls, names};
use rustls::pki_types::ServerName;
use std::path::PathBuf;

/// What a target's `tls` says. `is_http`: the scenarios that load it speak http.
pub(super) fn tls(target: &RawTarget, is_http: bool, errors: &mut Errors) -> Option<Tls> {
    let key = target.tls.key()?;
    let raw = target.tls.value()?;
    let builtin = target.builtin.value();
    if is_http || builtin == Some(&BuiltinWord::Http) {
        errors
            .add(key, "`tls` of an http target is not supported by this version of planrun")
            .help("leave it out; tcp-hold targets have it");
        return None;
    }
    if builtin.is_some() {
        for (name, at) in raw.optional_keys() {
            errors
                .add(at, format!("`{name}` is for targets with an `address`"))
                .help("write `tls = {}`: the run trusts the certificate that the built-in server makes for it");
        }
        return Some(Tls::default());
    }
    let insecure = raw.insecure.value().copied().unwrap_or(false);
    if let (Some(ca), Some(at), true) = (raw.ca.key(), raw.insecure.key(), insecure) {
        errors
            .add(ca, "with `insecure = true` any certificate will do, and `ca` means nothing")
            .also(at, "any certificate will do")
            .help("keep one of them");
    }
    let ca = raw.ca.given().and_then(|text| {
        names::public(text, errors)?;
        if text.value.value.is_empty() || text.value.value.contains('\0') {
            errors
                .add(text.at, "this is no path of a file")
                .help("write for example `ca = \"ca.pem\"`, or leave it out to trust what this machine trusts");
            return None;
        }
        Some(PathBuf::from(&text.value.value))
    });
    let server_name = raw.server_name.given().and_then(|text| {
        names::public(text, errors)?;
        let name = &text.value.value;
        if ServerName::try_from(name.as_str()).is_err() {
            errors
                .add(
                    text.at,
                    "no certificate can be for this: it is neither a host name nor an address",
                )
                .help(
                    "write the name alone, without scheme or port: `server_name = \"lb.example\"`",
                );
            return None;
        }
        Some(name.clone())
    });
    Some(Tls { ca, server_name, insecure })
}
