//! `tls` of a VIP: TLS that ends at the gateway.

use sekisho_api::settings::{Problem, Section, Value};
use sekisho_api::{Protocol, Transport};

use super::super::context::Context;
use super::super::files;
use crate::model::{CertificateFiles, ClientAuth, ClientTls, TlsMode, TlsVersion};

/// TLS as configured; the outer `None` where a problem was recorded.
pub(in super::super) fn read(
    vip: &mut Section<'_>,
    transport: Option<Transport>,
    protocol: Option<&dyn Protocol>,
    context: &Context<'_>,
) -> Option<Option<ClientTls>> {
    if !vip.has("tls") {
        vip.node("tls");
        return Some(None);
    }
    let before = context.errors.len();
    if transport == Some(Transport::Udp) {
        let problem = Problem::new(vip.place("tls"), "TLS needs TCP", "this VIP's protocol travels over UDP");
        context.error(problem.help("delete `tls`, or choose a protocol over TCP"));
    }
    let mut section = vip.table("tls")?;
    let versions = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
    let tls = ClientTls {
        mode: mode(&mut section, protocol, context),
        certificates: certificates(&mut section, context),
        min_version: section.word("min-version", &versions).unwrap_or_default(),
        alpn: alpn(&mut section, context),
        client_auth: client_auth(&mut section, context),
        strict_names: section.flag("strict-names", false),
        tickets: section.flag("tickets", true),
    };
    section.finish();
    (context.errors.len() == before).then_some(Some(tls))
}

/// When TLS begins, on either side. Only protocols that know how can start it in mid-stream.
pub(in super::super) fn mode(
    section: &mut Section<'_>,
    protocol: Option<&dyn Protocol>,
    context: &Context<'_>,
) -> TlsMode {
    let place = section.place("mode");
    let words = [("implicit", TlsMode::Implicit), ("starttls", TlsMode::StartTls)];
    let mode = section.word("mode", &words).unwrap_or_default();
    if let Some(protocol) = protocol
        && mode == TlsMode::StartTls
        && !protocol.starts_tls()
    {
        let message = format!("protocol `{}` does not start TLS in mid-stream", protocol.descriptor().name);
        let problem = Problem::new(place, message, "TLS would never begin");
        context.error(problem.help("delete `mode`: TLS begins with the first byte"));
    }
    mode
}

fn certificates(section: &mut Section<'_>, context: &Context<'_>) -> Vec<CertificateFiles> {
    const EXAMPLE: &str =
        "certificates = [\"web.pem\"], or [{ certificate = \"web.pem\", key = \"web.key\" }]";
    let Some(node) = section.node("certificates") else {
        section.missing("certificates", EXAMPLE);
        return Vec::new();
    };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        let problem = Problem::new(node.span.clone(), "`certificates` is empty", "TLS needs at least one");
        context.error(problem.help(EXAMPLE));
    }
    items.iter().filter_map(|item| files::certificate("certificates", item, context)).collect()
}

/// `alpn` of either side: names of application protocols (RFC 7301, section 3.1).
pub(in super::super) fn alpn(section: &mut Section<'_>, context: &Context<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for name in section.texts("alpn").unwrap_or_default() {
        if (1..=255).contains(&name.value.len()) {
            names.push(name.value.to_owned());
        } else {
            context.error(Problem::new(
                name.span,
                "not an ALPN name",
                "1 to 255 bytes, such as \"http/1.1\"",
            ));
        }
    }
    names
}

#[derive(Clone, Copy, PartialEq)]
enum Asked {
    None,
    Request,
    Require,
}

fn client_auth(section: &mut Section<'_>, context: &Context<'_>) -> ClientAuth {
    let words = [("none", Asked::None), ("request", Asked::Request), ("require", Asked::Require)];
    let asked = section.word("client-certificates", &words).unwrap_or(Asked::None);
    let authorities = files::authorities(section, "client-ca", context);
    match (asked, authorities) {
        (Asked::Request, Some(file)) => return ClientAuth::Request(file),
        (Asked::Require, Some(file)) => return ClientAuth::Require(file),
        (Asked::None, _) if section.has("client-ca") && !section.has("client-certificates") => {
            let message = "`client-ca` has no effect: clients are not asked for certificates";
            let problem = Problem::new(section.place("client-ca"), message, "never used");
            context.error(problem.help("add client-certificates = \"require\" or \"request\""));
        }
        (Asked::Request | Asked::Require, None) if !section.has("client-ca") => {
            let message = "client certificates cannot be checked";
            let problem =
                Problem::new(section.place("client-certificates"), message, "`client-ca` is missing");
            context.error(problem.help("name the PEM file of the authorities: client-ca = \"clients.pem\""));
        }
        _ => {}
    }
    ClientAuth::None
}
