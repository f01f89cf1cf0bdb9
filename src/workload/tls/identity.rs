//! Turns a certificate, made here or read from files, into the server's side of TLS.

#![expect(
    clippy::disallowed_methods,
    reason = "certificates and keys are files that the plan names"
)]

use super::{TlsError, provider};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use std::path::Path;
use std::sync::Arc;

/// Names that the certificate of a built-in server is for, beside its own address.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The identity of a server.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The state that all its sessions share.
    pub config: Arc<ServerConfig>,
    /// The certificates that clients must trust, as PEM.
    pub certificate: String,
}

/// A self-signed certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct SelfSigned {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Makes a certificate for the names of loopback and `address`, which `owner` tells apart from
/// others.
pub(crate) fn self_signed(address: &str, owner: &str) -> Result<SelfSigned, TlsError> {
    let mut names: Vec<String> = NAMES.map(String::from).to_vec();
    if !NAMES.contains(&address) {
        names.push(address.to_owned());
    }
    let mut parameters = CertificateParams::new(names)?;
    // A client that trusts several finds the right one by its subject.
    parameters.distinguished_name.push(DnType::CommonName, owner);
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok(SelfSigned { certificate: certificate.pem(), key: key.serialize_pem() })
}

impl Identity {
    /// The same for a server of HTTP: clients may go on with its sessions, and choose HTTP/2.
    pub(crate) fn of_http(mut self) -> Result<Self, TlsError> {
        let config = Arc::make_mut(&mut self.config);
        config.alpn_protocols = ["h2", "http/1.1"].map(|name| name.as_bytes().to_vec()).into();
        config.send_tls13_tickets = 2;
        config.ticketer = ring::Ticketer::new()?;
        Ok(self)
    }

    /// From what was made here.
    pub(crate) fn of(made: &SelfSigned) -> Result<Self, TlsError> {
        let wrong = |why: String| TlsError::Certificates { place: "the text".to_owned(), why };
        let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes())
            .map_err(|error| wrong(error.to_string()))?;
        Self::new(&made.certificate, key, wrong)
    }

    /// From PEM files.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|source| TlsError::Read { path: path.to_owned(), source })
        };
        let place = format!("`{}`", certificate.display());
        let wrong = |why: String| TlsError::Certificates { place: place.clone(), why };
        let text = read(certificate)?;
        let secret = read(key)?;
        let secret = PrivateKeyDer::from_pem_slice(secret.as_bytes())
            .map_err(|error| TlsError::Key { path: key.to_owned(), why: error.to_string() })?;
        Self::new(&text, secret, wrong)
    }

    fn new(
        text: &str,
        key: PrivateKeyDer<'static>,
        wrong: impl Fn(String) -> TlsError,
    ) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(error.to_string()))?;
        if chain.is_empty() {
            return Err(wrong("there is no `-----BEGIN CERTIFICATE-----`".to_owned()));
        }
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { config: Arc::new(config), certificate: text.to_owned() })
    }
}
