//! One certificate with its key, loaded from files.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::sign::CertifiedKey;
use sekisho_config::CertificateFiles;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::error::TlsError;
use super::files;
use super::names::Name;

/// A certificate chain with its key, and what the leaf says of itself.
#[derive(Debug)]
pub(super) struct Certificate {
    /// Chain and key as rustls takes them.
    pub(super) key: Arc<CertifiedKey>,
    /// The subject alternative names.
    pub(super) names: Vec<Name>,
    /// When it expires.
    pub(super) not_after: SystemTime,
}

impl Certificate {
    /// Reads chain and key, and checks that they belong together.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(super) fn load(at: &CertificateFiles) -> Result<Self, TlsError> {
        let chain = files::certificates(&at.certificate)?;
        let key = files::key(&at.key)?;
        let leaf = chain.first().ok_or(TlsError::NoCertificates)?;
        let (names, not_after) =
            describe(leaf).ok_or_else(|| TlsError::Unreadable { path: at.certificate.clone() })?;
        let key = CertifiedKey::from_der(chain, key, super::provider())
            .map_err(|source| TlsError::Unusable { path: at.certificate.clone(), source })?;
        Ok(Self { key: Arc::new(key), names, not_after })
    }
}

/// Names and expiry of a leaf.
fn describe(der: &[u8]) -> Option<(Vec<Name>, SystemTime)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = Vec::new();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        for name in &extension.value.general_names {
            match name {
                GeneralName::DNSName(dns) => names.push(Name::Dns(dns.to_ascii_lowercase().into())),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes).map(Name::Address)),
                _ => {}
            }
        }
    }
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
    let not_after = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    Some((names, not_after))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match *bytes {
        [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|v6| IpAddr::from(v6).to_canonical()),
    }
}
