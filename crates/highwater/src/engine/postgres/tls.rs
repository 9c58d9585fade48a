//! Encrypted sessions, as `sslmode` asks for them. The words mean what they mean to libpq, and so to dbt-postgres.
//!
//! | mode | the session | the server's certificate |
//! | --- | --- | --- |
//! | `disable` | plain | |
//! | `allow` | plain, else encrypted | not looked at |
//! | `prefer` (also when nothing is said) | encrypted where the server can, else plain | not looked at |
//! | `require` | encrypted | checked like `verify-ca` when there is an `sslrootcert`, else not looked at |
//! | `verify-ca` | encrypted | signed by one of `sslrootcert` |
//! | `verify-full` | encrypted | signed by one of them, and issued for `host` |

use std::path::Path;
use std::sync::Arc;

use postgres::config::SslMode;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How strictly a session has to be encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Never.
    Disable,
    /// Where the server takes nothing else.
    Allow,
    /// Where the server can.
    #[default]
    Prefer,
    /// Always.
    Require,
    /// Always, with a server whose certificate is trusted.
    VerifyCa,
    /// Always, with a server whose certificate is trusted and names the host.
    VerifyFull,
}

impl Mode {
    /// All, by their words in a profile.
    pub const ALL: [(&'static str, Self); 6] = [
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// What to ask the server for, one after the other until it agrees.
    pub(super) fn attempts(self) -> &'static [SslMode] {
        match self {
            Self::Disable => &[SslMode::Disable],
            Self::Allow => &[SslMode::Disable, SslMode::Require],
            Self::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[SslMode::Require],
        }
    }
}

/// Everything about encryption that a target can say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// `sslmode`.
    pub mode: Mode,
    /// `sslrootcert`: a PEM file of those who may sign the server's certificate, or `system` for those the machine trusts.
    pub root: Option<String>,
    /// `sslcert` and `sslkey`: PEM files with our own certificate and its key.
    pub own: Option<(String, String)>,
}

/// Where distributions keep the certificates that a machine trusts.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

impl Tls {
    /// For the driver.
    ///
    /// # Errors
    /// In words, when a file cannot be read or is not what it should be.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self.check(provider)?));
        let config = match &self.own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate, "sslcert")?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("sslkey {key}: {error}"))?;
                config.with_client_auth_cert(chain, key).map_err(|error| format!("sslcert {certificate}: {error}"))?
            }
        };
        Ok(MakeRustlsConnect::new(config))
    }

    fn check(&self, provider: Arc<CryptoProvider>) -> Result<Check, String> {
        let root = match (self.mode, &self.root) {
            (Mode::Disable | Mode::Allow | Mode::Prefer, _) | (Mode::Require, None) => None,
            (Mode::Require | Mode::VerifyCa | Mode::VerifyFull, Some(root)) => Some(root.as_str()),
            (Mode::VerifyCa | Mode::VerifyFull, None) => {
                return Err("sslmode asks for a certificate that is trusted: set `sslrootcert` to the file of those who may sign it, or to `system`".to_owned());
            }
        };
        let Some(root) = root else { return Ok(Check { provider, trusted: None, names_host: false }) };
        let file = if root == "system" {
            let own = std::env::var("SSL_CERT_FILE").ok();
            let found = own.or_else(|| SYSTEM.iter().find(|file| Path::new(file).exists()).map(ToString::to_string));
            found.ok_or("sslrootcert system: this machine has no file of trusted certificates; set SSL_CERT_FILE")?
        } else {
            root.to_owned()
        };
        let listed = certificates(&file, "sslrootcert")?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(listed.iter().cloned());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| format!("sslrootcert {file}: {error}"))?;
        let trusted = Trusted { verifier, listed };
        Ok(Check { provider, trusted: Some(trusted), names_host: self.mode == Mode::VerifyFull })
    }
}

fn certificates(file: &str, key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read.map_err(|error| format!("{key} {file}: {error}"))? {
        none if none.is_empty() => Err(format!("{key} {file}: there is no certificate in it")),
        found => Ok(found),
    }
}

/// Who is trusted to be the server.
#[derive(Debug)]
struct Check {
    provider: Arc<CryptoProvider>,
    trusted: Option<Trusted>,
    names_host: bool,
}

#[derive(Debug)]
struct Trusted {
    verifier: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        // A certificate that signed itself is trusted by being listed; no chain leads to it.
        if trusted.listed.iter().any(|listed| listed == certificate) {
            if self.names_host {
                let parsed = rustls::server::ParsedCertificate::try_from(certificate)?;
                rustls::client::verify_server_name(&parsed, host)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match trusted.verifier.verify_server_cert(certificate, between, host, stapled, now) {
            // The chain is looked at first, and was in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names_host => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
