//! Checks of a server's certificate that are not a chain to an authority: a pinned key, or none.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Takes a server by the SHA-256 of its public key alone, or takes any. Either way the server proves in the handshake
/// that it holds the certificate's key.
///
/// A pin asks no authority, no name and no date: it names the key itself.
#[derive(Debug)]
pub(super) struct KeyVerifier {
    /// SHA-256 of SubjectPublicKeyInfo; none: any key.
    pins: Option<Box<[[u8; 32]]>>,
    provider: Arc<CryptoProvider>,
}

impl KeyVerifier {
    /// Takes servers with one of these keys.
    pub(super) fn pinned(pins: &[[u8; 32]], provider: &Arc<CryptoProvider>) -> Self {
        Self { pins: Some(pins.into()), provider: Arc::clone(provider) }
    }

    /// Takes any server: for `verify = false`.
    pub(super) fn any(provider: &Arc<CryptoProvider>) -> Self {
        Self { pins: None, provider: Arc::clone(provider) }
    }
}

/// The pin of a certificate.
pub(super) fn pin(certificate: &[u8]) -> Option<[u8; 32]> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.public_key().raw);
    digest.as_ref().try_into().ok()
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(pins) = &self.pins else { return Ok(ServerCertVerified::assertion()) };
        let pin = pin(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if pins.contains(&pin) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
