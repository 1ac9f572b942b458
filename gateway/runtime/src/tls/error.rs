//! What can be wrong with TLS: with its files, and in a handshake.

use std::io;
use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use sekisho_api::{Blame, End};

/// TLS as configured cannot be used. The operator's to mend; every variant names the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file is larger than any certificate file is.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    /// A file that should hold certificates holds none, or a broken one.
    #[error("{} holds no readable PEM certificate", path.display())]
    NoCertificate { path: PathBuf },
    /// A file that should hold a private key holds none.
    #[error("{} holds no readable PEM private key", path.display())]
    NoKey { path: PathBuf },
    /// The private key is protected by a pass phrase, which nobody can type into a daemon.
    #[error("the private key in {} is encrypted; store it without a pass phrase", path.display())]
    EncryptedKey { path: PathBuf },
    /// The certificate is not one that X.509 version 3 readers take.
    #[error("the certificate in {} cannot be parsed", path.display())]
    Unreadable { path: PathBuf },
    /// rustls takes the certificate or the key not: usually a key that belongs to another certificate.
    #[error("{} and its key cannot be used: {source}", path.display())]
    Unusable { path: PathBuf, source: Error },
    /// A file of authorities holds none that can be used.
    #[error("{} holds no usable authority", path.display())]
    NoAuthority { path: PathBuf },
    /// No list of authorities was found on this system.
    #[error("this system has no list of certificate authorities; name one with `ca`")]
    NoSystemAuthorities,
    /// The list of certificates is empty.
    #[error("TLS towards clients needs a certificate")]
    NoCertificates,
    /// The name to check servers by is neither a DNS name nor an address.
    #[error("`{name}` is neither a DNS name nor an address")]
    ServerName { name: String },
    /// rustls refuses the combination.
    #[error("TLS settings cannot be used: {0}")]
    Settings(#[from] Error),
}

/// A handshake that came to nothing. The peer has been told with an alert wherever TLS has one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The peer closed before the handshake was complete: a port scan, a health check, or a client that gave up.
    #[error("the peer closed during the handshake")]
    Left,
    /// The connection broke.
    #[error("the connection failed during the handshake: {0}")]
    Io(#[from] io::Error),
    /// No certificate bears the name that the client asked for, and names are strict.
    #[error("no certificate bears the name the client asked for")]
    UnknownName,
    /// Anything else that rustls refuses.
    #[error("{}{}", .0, meaning(.0))]
    Tls(#[from] Error),
}

/// What rustls leaves to be known of an error that operators meet.
fn meaning(error: &Error) -> &'static str {
    match error {
        Error::InvalidMessage(_) => "; the peer does not speak TLS on this port, or not at once",
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "; no authority that is trusted here has signed it"
        }
        _ => "",
    }
}

impl HandshakeError {
    /// A constant phrase for logs and metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Left => "tls-closed",
            Self::Io(_) => "tls-connection",
            Self::UnknownName => "tls-unknown-name",
            Self::Tls(error) => tls_label(error),
        }
    }

    /// How a client's connection ended by it.
    pub(crate) fn end(&self) -> End {
        match self {
            Self::Left | Self::Io(_) => End::ClientLeft,
            _ => End::Fault(Blame::Client, self.label()),
        }
    }
}

fn tls_label(error: &Error) -> &'static str {
    match error {
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "tls-not-tls",
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired
            // Clients older than TLS 1.2 do not know the extension.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        ) => "tls-version",
        Error::PeerIncompatible(_) => "tls-nothing-in-common",
        Error::NoApplicationProtocol => "tls-alpn",
        Error::NoCertificatesPresented => "tls-certificate-required",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "tls-certificate-expired"
        }
        Error::InvalidCertificate(_) => "tls-certificate-refused",
        // The peer refused ours: a client that does not know the authority says so.
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired,
        ) => "tls-peer-refused-certificate",
        Error::AlertReceived(_) => "tls-peer-alert",
        _ => "tls-failed",
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    #[test]
    fn errors_that_operators_meet_say_what_they_mean() {
        let said = |error: Error| HandshakeError::from(error).to_string();
        let plain = said(Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(plain.ends_with("does not speak TLS on this port, or not at once"), "{plain}");
        let stranger = said(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(stranger.ends_with("no authority that is trusted here has signed it"), "{stranger}");
        let expired = said(Error::InvalidCertificate(CertificateError::Expired));
        assert!(!expired.contains(';'), "{expired}");
    }
}
