//! Why a target is not fit to start, and the remedy.

use crate::serve::ServeError;
use crate::units::Address;
use crate::workload::tls::TlsError;
use std::io;

/// Why a target is not fit to start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its name has no address.
    #[error("target `{target}`: cannot resolve `{host}`: {source}")]
    Resolve {
        /// The target's name in the plan.
        target: String,
        /// The name that was looked up.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody accepts connections there.
    #[error("target `{target}`: {address} does not accept connections: {source}")]
    Probe {
        /// The target's name in the plan.
        target: String,
        /// The address that was tried.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// The built-in server could not be started.
    #[error("target `{target}`: {source}")]
    Server {
        /// The target's name in the plan.
        target: String,
        /// Why.
        source: ServeError,
    },
    /// Its connections cannot be secured.
    #[error("target `{target}`: {source}")]
    Tls {
        /// The target's name in the plan.
        target: String,
        /// Why.
        source: TlsError,
    },
}

impl TargetError {
    /// The remedy.
    pub fn help(&self) -> String {
        match self {
            Self::Resolve { target, .. } => {
                format!(
                    "check the name, or point the target somewhere else: `--target {target}=HOST:PORT`"
                )
            }
            Self::Probe { target, .. } => format!(
                "start the target, or point it somewhere else: `--target {target}=HOST:PORT`, or pass `--force` to run anyway"
            ),
            Self::Tls { source: TlsError::System { .. }, .. } => {
                "name the certificate to trust: `tls = { ca = \"ca.pem\" }`".to_owned()
            }
            Self::Tls { .. } => {
                "`ca`, `cert` and `key` are PEM files, relative to the folder of the plan, and `server_name` the name in the target's certificate".to_owned()
            }
            Self::Server { source, .. } => source.help().unwrap_or_else(|| {
                "`planrun serve` shows what the server says on its own".to_owned()
            }),
        }
    }
}
