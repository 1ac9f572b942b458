//! The demo's certificates, made at every start and never kept.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

use super::DemoError;

/// A certificate for `localhost`, signed by its own key.
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    /// The certificate alone, for clients to trust.
    pub(super) public: String,
    /// Certificate and key, for the gateway.
    pub(super) both: String,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Certificate {
    /// Makes a new one, of which `subject` is whose it is said to be.
    pub(super) fn make(subject: &str) -> Result<Self, DemoError> {
        let now = SystemTime::now();
        let mut parameters = CertificateParams::new(NAMES.map(str::to_owned))?;
        parameters.distinguished_name.push(DnType::CommonName, subject);
        // An hour ago, for clocks that are not quite right.
        parameters.not_before = now.checked_sub(HOUR).unwrap_or(now).into();
        parameters.not_after = now.checked_add(LIFE).unwrap_or(now).into();
        let key = KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?;
        let public = certificate.pem();
        let both = format!("{public}{}", key.serialize_pem());
        let der = certificate.der().clone();
        Ok(Self { der, public, both, key: key.serialize_der().into() })
    }

    /// TLS for a server that has this certificate. It gives no tickets: nobody comes to it twice.
    pub(super) fn server(&self) -> Result<Arc<ServerConfig>, DemoError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], self.key.clone_key().into())?;
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// TLS for clients that trust these certificates and no others, with session resumption.
    pub(super) fn client<'a>(
        trusted: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Arc<ClientConfig>, DemoError> {
        let mut roots = RootCertStore::empty();
        for certificate in trusted {
            roots.add(certificate.der.clone())?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Whose a certificate says it is.
pub(super) fn subject(der: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// The names it is good for.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];
const HOUR: Duration = Duration::from_secs(3600);
/// Longer than anybody watches a demo, and than the gateway warns of a certificate's end.
const LIFE: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_neither_printed_nor_among_what_clients_get() {
        let certificate = Certificate::make("ts1").unwrap();
        assert_eq!(format!("{certificate:?}"), "Certificate { .. }");
        assert!(certificate.both.contains("PRIVATE KEY"));
        assert!(!certificate.public.contains("PRIVATE KEY"));
        assert_eq!(subject(&certificate.der).as_deref(), Some("ts1"));
    }
}
