//! PEM files: certificates, keys, authorities, and the stamp that tells whether a file has changed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;

/// What tells a changed file from an unchanged one without reading it; none for a file that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Option<(SystemTime, u64, u64)>);

impl Stamp {
    /// The stamp of the file as it is now; symbolic links are followed, so that a changed link counts.
    pub(super) fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().and_then(|meta| Some((meta.modified().ok()?, meta.len(), meta.ino()))))
    }
}

/// The certificates of a file, in its order.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsError::NoCertificate { path: path.to_owned() })
}

/// The first private key of a file: PKCS #8, PKCS #1 or SEC 1.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let encrypted = pem.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED);
        let path = path.to_owned();
        if encrypted { TlsError::EncryptedKey { path } } else { TlsError::NoKey { path } }
    })
}

/// The authorities of a file. Certificates that rustls cannot use are passed over, for old lists have some.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates(path)?);
    if usable == 0 {
        return Err(TlsError::NoAuthority { path: path.to_owned() });
    }
    Ok(roots)
}

/// Where this system keeps its authorities: `SSL_CERT_FILE`, else the usual places.
pub(super) fn system_authorities() -> Result<PathBuf, TlsError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = SYSTEM_AUTHORITIES.iter().map(PathBuf::from);
    named.into_iter().chain(usual).find(|path| path.is_file()).ok_or(TlsError::NoSystemAuthorities)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(TlsError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    Ok(bytes)
}

/// The largest file that is read: ten times a distribution's whole list of authorities.
const LIMIT: u64 = 4 << 20;

const ENCRYPTED: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";

/// Debian and Arch, Fedora and RHEL, SUSE, Alpine and the BSDs.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
