//! `tls` of a pool: TLS from the gateway to its servers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use sekisho_api::settings::{Found, Problem, Section, Value};

use super::super::context::Context;
use super::super::files;
use super::server::Server;
use crate::model::{CertificateFiles, ServerTls};

/// TLS as configured: `true`, `false` or a table.
pub(super) fn read(pool: &mut Section<'_>, servers: &[Server], context: &Context<'_>) -> Option<ServerTls> {
    let place = pool.place("tls");
    let mut section = match &pool.node("tls")?.value {
        Value::Flag(false) => return None,
        Value::Flag(true) => Section::absent(place.clone(), context.errors),
        Value::Table(_) => pool.table("tls")?,
        other => {
            let label = format!("this is {}", other.kind());
            let problem = Problem::new(place, "`tls` must be true, false or a table", label);
            context.error(
                problem.help("tls = true, or tls = { ca = \"servers.pem\", server-name = \"app.example\" }"),
            );
            return None;
        }
    };
    let by_name = |server: &Server| Some((server.spec.name.clone(), server.host.clone()?));
    let tls = ServerTls {
        mode: super::super::vip::mode(&mut section, None, context),
        ca: files::authorities(&mut section, "ca", context),
        server_name: server_name(&mut section, context),
        hosts: servers.iter().filter_map(by_name).collect(),
        pins: pins(&mut section, context),
        verify: section.flag("verify", true),
        certificate: certificate(&mut section, context),
        alpn: super::super::vip::alpn(&mut section, context),
    };
    if !tls.verify {
        let message = "the servers' certificates are not checked";
        let problem = Problem::new(
            section.place("verify"),
            message,
            "anybody on the way can read and change everything",
        );
        context.warn(problem.help("name their authority with `ca`, or pin their keys with `pin`"));
    }
    section.finish();
    Some(tls)
}

fn server_name(section: &mut Section<'_>, context: &Context<'_>) -> Option<String> {
    let written = section.text("server-name")?;
    if ServerName::try_from(written.value).is_err() {
        let message = format!("`{}` cannot be a server's name", written.value);
        context.error(Problem::new(written.span, message, "neither a host name nor an IP address"));
        return None;
    }
    Some(written.value.to_owned())
}

/// Pins as RFC 7469 wrote them: `sha256/` and the digest of the SubjectPublicKeyInfo in base64.
fn pins(section: &mut Section<'_>, context: &Context<'_>) -> Vec<[u8; 32]> {
    let pin = |written: Found<&str>| {
        let digest = written.value.strip_prefix("sha256/").and_then(|text| STANDARD.decode(text).ok());
        let pin = digest.and_then(|digest| <[u8; 32]>::try_from(digest).ok());
        if pin.is_none() {
            let problem =
                Problem::new(written.span, "this is no pin", "`sha256/` and 32 bytes in base64 are expected");
            context.error(problem.help(
                "openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
            ));
        }
        pin
    };
    section.texts("pin").unwrap_or_default().into_iter().filter_map(pin).collect()
}

/// The gateway's own certificate: `certificate` and `key`, one file if both stand in it.
fn certificate(section: &mut Section<'_>, context: &Context<'_>) -> Option<CertificateFiles> {
    let certificate = section.text("certificate");
    let key = section.text("key");
    match (certificate, key) {
        (Some(certificate), Some(key)) => files::pair(&certificate, &key, context),
        (Some(certificate), None) => files::pair(&certificate, &certificate, context),
        (None, Some(key)) => {
            let problem = Problem::new(key.span, "a key without a certificate", "`certificate` is missing");
            context.error(problem.help("name both: certificate = \"gateway.pem\", key = \"gateway.key\""));
            None
        }
        (None, None) => None,
    }
}
