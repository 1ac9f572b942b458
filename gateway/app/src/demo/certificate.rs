//! The demo's certificate, made at every start and never kept.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::DemoError;

/// A certificate for `localhost`, signed by its own key.
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    /// The certificate alone, for clients to trust.
    pub(super) public: String,
    /// Certificate and key, for the gateway.
    pub(super) both: String,
}

impl Certificate {
    /// The names it is good for.
    pub(super) const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

    /// Makes a new one.
    pub(super) fn make() -> Result<Self, DemoError> {
        let made = rcgen::generate_simple_self_signed(Self::NAMES.map(str::to_owned).to_vec())?;
        let public = made.cert.pem();
        let both = format!("{public}{}", made.signing_key.serialize_pem());
        Ok(Self { der: made.cert.der().clone(), public, both })
    }

    /// TLS for clients that trust this certificate and no other, with session resumption.
    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, DemoError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_neither_printed_nor_among_what_clients_get() {
        let certificate = Certificate::make().unwrap();
        assert_eq!(format!("{certificate:?}"), "Certificate { .. }");
        assert!(certificate.both.contains("PRIVATE KEY"));
        assert!(!certificate.public.contains("PRIVATE KEY"));
        certificate.client().unwrap();
    }
}
