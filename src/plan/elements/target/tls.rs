//! The certificate that a target must present.

use crate::plan::error::Errors;
use crate::plan::names;
use crate::plan::raw::{At, Field, OneOrMany, RawTable, table};
use crate::plan::text::Text;
use crate::units::uri;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The certificate that a target must present. A built-in server's own is trusted without being
/// named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// A PEM file, relative to the folder of the plan: only what it holds, or has signed, is
    /// trusted. `None`: what this machine trusts.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must be for, sent to the server as SNI. `None`: the host of
    /// each address.
    pub server_name: Option<String>,
    /// Accept any certificate.
    pub insecure: bool,
    /// The client's identity: PEM files of a certificate and of its private key, relative to the
    /// folder of the plan.
    pub credentials: Option<(PathBuf, PathBuf)>,
    /// http: whether connections go on with the sessions of earlier ones, as far as the target lets
    /// them.
    pub resumes: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { ca: None, server_name: None, insecure: false, credentials: None, resumes: true }
    }
}

table! {
    /// The certificate that a target must present.
    RawTls, "`tls`", in "`tls = { … }` of a target",
    must {}
    may {
        /// A PEM file, relative to the folder of the plan: only what it holds, or has signed, is
        /// trusted.
        ca: Text,
        /// The name that the certificate must be for, and that the server is told. Default: the
        /// host of the address.
        server_name: Text,
        /// Accept any certificate.
        insecure: bool,
        /// A PEM file, relative to the folder of the plan: the client certificate.
        cert: Text,
        /// The private key of `cert`, a PEM file.
        key: Text,
        /// http: whether connections go on with the sessions of earlier ones, if the target lets
        /// them. Default: true.
        resumption: bool,
    }
}

/// Whether the addresses of a target begin with `https://`.
pub(in crate::plan) fn is_secure(field: &Field<OneOrMany<Text>>) -> bool {
    let is_https = |text: &At<Text>| {
        let scheme = text.value.value.split_once("://").map_or("", |(scheme, _)| scheme);
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
    };
    field.value().is_some_and(|OneOrMany(list)| list.iter().any(is_https))
}

/// The TLS settings by a target's `tls` and the schemes of its addresses. `is_http`: the scenarios
/// that load it speak http.
pub(super) fn tls(
    field: &Field<RawTls>,
    address: &Field<OneOrMany<Text>>,
    is_builtin: bool,
    is_http: bool,
    errors: &mut Errors,
) -> Option<Tls> {
    let is_https = is_secure(address);
    let (Some(key), Some(raw)) = (field.key(), field.value()) else {
        return is_https.then(Tls::default);
    };
    let is_url = is_http && !is_builtin;
    if is_url && !is_https && address.given().is_some() {
        errors
            .add(key, "`tls` is for targets whose address begins with `https://`")
            .help("write `https://` there, or leave `tls` out");
        return None;
    }
    let resumes = raw.resumption.value().copied().unwrap_or(is_http);
    if let Some(at) = raw.resumption.key().filter(|_| !is_http) {
        errors
            .add(at, "`resumption` belongs to http, and this target's scenarios are tcp-hold")
            .help("leave it out: each held connection makes a full handshake");
    }
    if is_builtin {
        for (name, at) in raw.optional_keys().into_iter().filter(|(name, _)| *name != "resumption")
        {
            errors
                .add(at, format!("`{name}` is for targets with an `address`"))
                .help("write `tls = {}`: the run trusts the certificate that the built-in server makes for it");
        }
        return Some(Tls { resumes, ..Tls::default() });
    }
    let insecure = raw.insecure.value().copied().unwrap_or(false);
    if let (Some(ca), Some(at), true) = (raw.ca.key(), raw.insecure.key(), insecure) {
        errors
            .add(ca, "`ca` has no effect with `insecure = true`")
            .also(at, "accepts any certificate")
            .help("remove one of them");
    }
    let ca = file(
        &raw.ca,
        "`ca = \"ca.pem\"`, or leave it out to trust what this machine trusts",
        errors,
    );
    let example = "`cert = \"client.pem\", key = \"client.key\"`";
    let certificate = file(&raw.cert, example, errors);
    let secret = file(&raw.key, example, errors);
    let halves = [("cert", "key", &raw.cert, &raw.key), ("key", "cert", &raw.key, &raw.cert)];
    for (has, lacks, one, other) in halves {
        if let Some(at) = one.key().filter(|_| other.is_absent()) {
            errors
                .add(at, format!("`{has}` needs `{lacks}`"))
                .help(format!("write both: {example}"));
        }
    }
    let server_name = raw.server_name.given().and_then(|text| {
        names::public(text, errors)?;
        let name = uri::host(&text.value.value).unwrap_or_default();
        if ServerName::try_from(name.as_str()).is_err() {
            errors.add(text.at, "expected a host name or an address").help(
                "write the name alone, without scheme or port: `server_name = \"lb.example\"`",
            );
            return None;
        }
        Some(name)
    });
    Some(Tls { ca, server_name, insecure, credentials: certificate.zip(secret), resumes })
}

/// The path of a file; `example` is suggested if it is empty.
fn file(field: &Field<Text>, example: &str, errors: &mut Errors) -> Option<PathBuf> {
    let text = field.given()?;
    names::public(text, errors)?;
    if text.value.value.is_empty() || text.value.value.contains('\0') {
        errors.add(text.at, "this is not a file path").help(format!("write for example {example}"));
        return None;
    }
    Some(PathBuf::from(&text.value.value))
}
