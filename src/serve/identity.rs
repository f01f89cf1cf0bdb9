//! Turns where a certificate comes from into who a server is.

use super::ServeError;
use crate::plan::Certificate;
use crate::workload::tls::{Identity, self_signed};
use std::net::SocketAddr;

/// Reads or makes the certificate of a server that listens there; `None`: its connections are
/// plain.
pub(super) fn identity(
    certificate: Option<&Certificate>,
    address: SocketAddr,
) -> Result<Option<Identity>, ServeError> {
    Ok(match certificate {
        None => None,
        Some(Certificate::Own) => {
            let owner = format!("planrun {}", std::process::id());
            Some(Identity::of(&self_signed(&address.ip().to_string(), &owner)?)?)
        }
        Some(Certificate::Files { certificate, key }) => Some(Identity::read(certificate, key)?),
    })
}
