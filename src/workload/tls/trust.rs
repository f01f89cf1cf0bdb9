//! Turns what a plan says about certificates into the client's side of TLS.

use super::{PemFiles, TlsError, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    Resumption, UnbufferedClientConnection, WebPkiServerVerifier, verify_server_name,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The certificates that a client trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trust {
    /// The certificates that this machine trusts.
    System,
    /// The certificates of this PEM text, and those that they signed.
    Only(String),
    /// Anybody's.
    Anyone,
}

impl Trust {
    /// Trusts the certificates of a PEM file.
    pub fn file(path: &Path, files: &PemFiles) -> Result<Self, TlsError> {
        let text = files.text(path)?;
        roots(&text, &format!("`{}`", path.display()))?;
        Ok(Self::Only(text.as_ref().to_owned()))
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        match self {
            Self::System => Ok(verify(system()?)?),
            Self::Only(text) => Ok(Arc::new(PinnedRoots {
                by_signature: verify(roots(text, "the text")?)?,
                certificates: chain(text, "the text")?,
            })),
            Self::Anyone => Ok(Arc::new(NoVerification)),
        }
    }
}

/// The certificate of a client, as PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    certificate: String,
    key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A private key must not reach a log.
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// From PEM files: a certificate, with those that lead to one that the server trusts, and its
    /// private key.
    pub fn files(certificate: &Path, key: &Path, files: &PemFiles) -> Result<Self, TlsError> {
        let (text, secret) = (files.text(certificate)?, files.text(key)?);
        chain(&text, &format!("`{}`", certificate.display()))?;
        PrivateKeyDer::from_pem_slice(secret.as_bytes())
            .map_err(|error| TlsError::Key { path: key.to_owned(), why: error.to_string() })?;
        Ok(Self { certificate: text.as_ref().to_owned(), key: secret.as_ref().to_owned() })
    }
}

fn chain(text: &str, place: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |why: String| TlsError::Certificates { place: place.to_owned(), why };
    let all: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() {
        return Err(wrong("there is no `-----BEGIN CERTIFICATE-----`".to_owned()));
    }
    Ok(all)
}

/// The peer of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// The certificates that it trusts.
    pub trust: Trust,
    /// The name that the certificate of each of its addresses must be for, in their order.
    pub names: Vec<String>,
    /// Its own certificate; `None`: it has none.
    pub credentials: Option<Credentials>,
    /// Whether it goes on with earlier sessions; otherwise every handshake is a whole one.
    pub resumes: bool,
    /// The protocol inside, by its ALPN name; empty offers none.
    pub speaks: String,
}

impl Peers {
    /// The state that all sessions of a client share.
    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.trust.verifier()?);
        let mut config = match &self.credentials {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes())
                    .map_err(|error| rustls::Error::General(error.to_string()))?;
                builder.with_client_auth_cert(chain(&own.certificate, "the text")?, key)?
            }
        };
        if !self.resumes {
            config.resumption = Resumption::disabled();
        }
        if !self.speaks.is_empty() {
            config.alpn_protocols = vec![self.speaks.clone().into_bytes()];
        }
        Ok(Arc::new(config))
    }
}

/// The configuration of the sessions of a client.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    names: Vec<ServerName<'static>>,
}

impl Client {
    /// For these peers.
    pub fn new(peers: &Peers) -> Result<Self, TlsError> {
        let names = peers.names.iter().map(|name| server_name(name)).collect::<Result<_, _>>()?;
        Ok(Self { config: peers.config()?, names })
    }

    /// The state that all of its sessions share.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// This side of a session with the peer of an address, which has yet to shake hands.
    pub fn session(&self, address: usize) -> Result<UnbufferedClientConnection, rustls::Error> {
        let name = self.names.get(address).cloned();
        let name =
            name.ok_or_else(|| rustls::Error::General("the address has no name".to_owned()))?;
        UnbufferedClientConnection::new(Arc::clone(&self.config), name)
    }
}

/// The name that a certificate must be for.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name { name: name.to_owned() })
}

fn verify(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    verifier.build().map_err(|error| TlsError::System { why: error.to_string() })
}

fn roots(text: &str, place: &str) -> Result<RootCertStore, TlsError> {
    let wrong = |why: String| TlsError::Certificates { place: place.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no `-----BEGIN CERTIFICATE-----`".to_owned()));
    }
    Ok(roots)
}

fn system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A machine's store may hold old certificates that cannot be read; the others count.
    let (good, _) = roots.add_parsable_certificates(found.certs);
    if good == 0 {
        let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(TlsError::System { why });
    }
    Ok(roots)
}

/// Takes what is signed by certificates that were given, and themselves: also as a server's own
/// where they may sign others, as those that `openssl req -x509` makes may.
#[derive(Debug)]
struct PinnedRoots {
    by_signature: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for PinnedRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked = self.by_signature.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match checked {
            // Found after its time has been checked, and before its name is.
            Err(error) if may_sign(&error) && self.certificates.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.by_signature.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.by_signature.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_signature.supported_verify_schemes()
    }
}

/// Whether all that is wrong with a server's certificate is that it may sign others.
fn may_sign(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = error
    else {
        return false;
    };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Takes every certificate, for every name.
#[derive(Debug)]
struct NoVerification;

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
