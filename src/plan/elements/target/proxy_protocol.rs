//! The header by which a target's proxy is told whose a connection is.

use crate::plan::elements::target::Endpoint;
use crate::plan::elements::target::address::Site;
use crate::plan::elements::target::keys::{ProxyWord, RawTarget};
use crate::plan::error::Errors;
use serde::{Deserialize, Serialize};

/// The version of the PROXY protocol with whose header each connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

pub(super) fn proxy_protocol(
    raw: &RawTarget,
    endpoint: &Endpoint,
    errors: &mut Errors,
) -> Option<ProxyVersion> {
    let at = raw.proxy_protocol.key()?;
    if !raw.builtin.is_absent() {
        errors
            .add(at, "a built-in server does not take the PROXY protocol")
            .help("leave `proxy_protocol` out, or write the address of a proxy that takes it");
    }
    if let Endpoint::Urls(urls) = endpoint
        && urls.iter().any(|url| matches!(url.site, Site::Socket(_)))
    {
        errors
            .add(at, "a Unix socket has no addresses for a header of the PROXY protocol")
            .help("leave `proxy_protocol` out, or write an address of TCP");
    }
    Some(match raw.proxy_protocol.value()? {
        ProxyWord::V1 => ProxyVersion::V1,
        ProxyWord::V2 => ProxyVersion::V2,
    })
}
