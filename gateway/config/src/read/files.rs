//! Files that the configuration names: read and checked at load, so that nothing is found out at the first client.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sekisho_api::settings::{self, Found, Node, Problem, Section, Span, Value, show_duration};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::context::Context;
use crate::defaults;
use crate::model::CertificateFiles;

/// `secret-file` of `[gateway]`.
pub(super) fn secret(section: &mut Section<'_>, context: &Context<'_>) -> Option<PathBuf> {
    let written = section.text("secret-file")?;
    let secret = contents(&written, context)?;
    if secret.trim_ascii().len() < defaults::SECRET_MIN {
        let label = format!("at least {} bytes are needed", defaults::SECRET_MIN);
        let problem = Problem::new(written.span.clone(), "the secret is too short", label);
        context.error(problem.help("make one: `head -c 32 /dev/urandom | base64`"));
    }
    warn_if_others_can_read(&written, "secret", context);
    Some(context.path(written.value))
}

/// `password-file` of a store.
pub(super) fn password(section: &mut Section<'_>, context: &Context<'_>) -> Option<PathBuf> {
    let written = section.text("password-file")?;
    let password = contents(&written, context)?;
    if password.trim_ascii().is_empty() {
        let problem = Problem::new(written.span.clone(), "no password is in the file", "it is empty");
        context.error(problem.help("write the password into it, and nothing else"));
    }
    warn_if_others_can_read(&written, "password", context);
    Some(context.path(written.value))
}

/// A certificate with its key: a path, if both stand in one file, or `{ certificate = "…", key = "…" }`.
pub(super) fn certificate(key: &'static str, node: &Node, context: &Context<'_>) -> Option<CertificateFiles> {
    let (certificate, private) = match &node.value {
        Value::Text(path) => {
            let both = Found { value: path.as_str(), span: node.span.clone() };
            (both.clone(), both)
        }
        Value::Table(table) => {
            let mut section = Section::new(table, node.span.clone(), context.errors);
            let certificate = section.text("certificate");
            if !section.has("certificate") {
                section.missing("certificate", "name the PEM file with the chain: certificate = \"web.pem\"");
            }
            let private = section.text("key").or_else(|| certificate.clone().filter(|_| !section.has("key")));
            section.finish();
            (certificate?, private?)
        }
        other => {
            let message = format!("`{key}` must be a path or a table");
            let problem = Problem::new(node.span.clone(), message, format!("this is {}", other.kind()));
            context.error(problem.help("\"web.pem\", or { certificate = \"web.pem\", key = \"web.key\" }"));
            return None;
        }
    };
    pair(&certificate, &private, context)
}

/// A chain and its key, checked against each other.
pub(super) fn pair(
    certificate: &Found<&str>,
    private: &Found<&str>,
    context: &Context<'_>,
) -> Option<CertificateFiles> {
    let files =
        CertificateFiles { certificate: context.path(certificate.value), key: context.path(private.value) };
    let chain = certificates(certificate, context);
    // One file for both: one problem for both.
    let key = match chain.is_none() && files.certificate == files.key {
        true => None,
        false => private_key(private, context),
    };
    let (chain, key) = (chain?, key?);
    warn_of_expiry(&chain, &certificate.span, context);
    match CertifiedKey::from_der(chain, key, &provider()) {
        Ok(_) => Some(files),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let problem = Problem::new(
                private.span.clone(),
                "the key does not belong to the certificate",
                format!("not the key of the first certificate in `{}`", certificate.value),
            );
            context.error(
                problem.help("the server's own certificate stands first in the chain, its issuers after it"),
            );
            None
        }
        Err(error) => {
            context.error(Problem::new(private.span.clone(), "the key cannot be used", error.to_string()));
            None
        }
    }
}

/// A file of certificate authorities: `key` of `section`.
pub(super) fn authorities(
    section: &mut Section<'_>,
    key: &'static str,
    context: &Context<'_>,
) -> Option<PathBuf> {
    let written = section.text(key)?;
    let mut roots = RootCertStore::empty();
    let authorities = certificates(&written, context)?;
    warn_of_expiry(&authorities, &written.span, context);
    for certificate in authorities {
        if let Err(error) = roots.add(certificate) {
            let message = format!("`{}` holds a certificate that is no authority", written.value);
            context.error(Problem::new(written.span.clone(), message, error.to_string()));
            return None;
        }
    }
    Some(context.path(written.value))
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

fn certificates(file: &Found<&str>, context: &Context<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let bytes = contents(file, context)?;
    let read: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    let refuse = |label: String| {
        let problem =
            Problem::new(file.span.clone(), format!("`{}` is not a certificate file", file.value), label);
        context.error(problem.help("PEM is expected: `-----BEGIN CERTIFICATE-----`"));
    };
    match read {
        Ok(chain) if chain.is_empty() => refuse("no certificate in it".to_owned()),
        Ok(chain) => match chain.iter().try_for_each(|der| X509Certificate::from_der(der).map(drop)) {
            Ok(()) => return Some(chain),
            Err(error) => refuse(format!("a certificate in it is damaged: {error}")),
        },
        Err(error) => refuse(error.to_string()),
    }
    None
}

fn private_key(file: &Found<&str>, context: &Context<'_>) -> Option<PrivateKeyDer<'static>> {
    let bytes = contents(file, context)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => {
            warn_if_others_can_read(file, "key", context);
            Some(key)
        }
        Err(error) => {
            let label = match error {
                pem::Error::NoItemsFound => "no private key in it".to_owned(),
                // The error may quote the file, which holds a secret.
                _ => "its PEM is damaged".to_owned(),
            };
            let problem =
                Problem::new(file.span.clone(), format!("`{}` is not a key file", file.value), label);
            context.error(problem.help(
                "a PEM key without a passphrase is expected, in the certificate's file or named by `key`",
            ));
            None
        }
    }
}

fn contents(file: &Found<&str>, context: &Context<'_>) -> Option<Vec<u8>> {
    settings::contents(file, defaults::PEM_MAX, context.errors)
}

/// Warns of the first certificate whose dates are unwell: one warning for a file.
fn warn_of_expiry(certificates: &[CertificateDer<'_>], span: &Span, context: &Context<'_>) {
    let now = context.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let Some((message, label)) = certificates.iter().find_map(|certificate| unwell(certificate, now)) else {
        return;
    };
    let days = show_duration(defaults::EXPIRY_WARNING);
    let help = format!("renew it; the gateway says so {days} ahead, and reads the new file by itself");
    context.warn(Problem::new(span.clone(), message, label).help(help));
}

/// What is wrong with a certificate's dates at `now`, in seconds since 1970.
fn unwell(certificate: &CertificateDer<'_>, now: i64) -> Option<(&'static str, String)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
    let day = |time: ASN1Time| time.to_datetime().date();
    let left = until.timestamp().saturating_sub(now);
    if from.timestamp() > now {
        Some(("the certificate is not valid yet", format!("valid from {}", day(from))))
    } else if left < 0 {
        Some(("the certificate has expired", format!("on {}", day(until))))
    } else if left <= defaults::EXPIRY_WARNING.as_secs() as i64 {
        Some(("the certificate expires soon", format!("on {}", day(until))))
    } else {
        None
    }
}

#[cfg(unix)]
fn warn_if_others_can_read(file: &Found<&str>, what: &str, context: &Context<'_>) {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = context.path(file.value).metadata() else { return };
    let mode = metadata.permissions().mode();
    // World-readable only for keys would miss the common case of a group that everybody is in.
    if mode & 0o044 != 0 {
        let label = format!("its mode is {:03o}", mode & 0o777);
        let problem = Problem::new(file.span.clone(), format!("others can read this {what}"), label);
        context.warn(problem.help(format!("chmod 600 {}", file.value)));
    }
}

/// A file that decides who may do what is nobody else's to write.
#[cfg(unix)]
pub(super) fn warn_if_others_can_write(file: &Found<&str>, what: &str, context: &Context<'_>) {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = context.path(file.value).metadata() else { return };
    let mode = metadata.permissions().mode();
    if mode & 0o022 != 0 {
        let label = format!("its mode is {:03o}", mode & 0o777);
        let problem = Problem::new(file.span.clone(), format!("others can write to this {what}"), label);
        context.warn(problem.help(format!("chmod 600 {}", file.value)));
    }
}

#[cfg(not(unix))]
pub(super) fn warn_if_others_can_write(_: &Found<&str>, _: &str, _: &Context<'_>) {}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Found<&str>, _: &str, _: &Context<'_>) {}
