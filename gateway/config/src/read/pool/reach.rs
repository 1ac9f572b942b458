//! How a pool's servers are reached: `over`, `source` and `proxy-protocol`.

use std::net::IpAddr;
use std::sync::Arc;

use sekisho_api::settings::{Found, Problem, Section, Span, Value};

use super::super::context::Context;
use crate::model::{ProxyTlv, ProxyVersion, Source};

/// Where the pool says that its servers are reached over streams alone: in `over`, or in `tls`, which has no datagrams.
pub(super) fn streams_only(pool: &mut Section<'_>, tls: bool, context: &Context<'_>) -> Option<Span> {
    let written = pool.word("over", &[("any", false), ("tcp", true)]);
    if tls && written == Some(false) {
        let message = "datagrams cannot reach servers behind TLS";
        let problem = Problem::new(pool.place("over"), message, "`tls` is set");
        context.error(problem.help("delete `over`, or write over = \"tcp\", which `tls` implies"));
    }
    match (written, tls) {
        (Some(true), _) => Some(pool.place("over")),
        (_, true) => Some(pool.place("tls")),
        _ => None,
    }
}

/// The PROXY header that the servers expect.
pub(super) fn proxy_protocol(pool: &mut Section<'_>) -> Option<ProxyVersion> {
    pool.word("proxy-protocol", &[("v1", ProxyVersion::V1), ("v2", ProxyVersion::V2)])
}

/// What that header says beyond addresses.
pub(super) fn proxy_tlvs(
    pool: &mut Section<'_>,
    version: Option<ProxyVersion>,
    context: &Context<'_>,
) -> Arc<[ProxyTlv]> {
    let place = pool.place("proxy-protocol-tlvs");
    let Some(words) = pool.texts("proxy-protocol-tlvs") else { return Arc::new(ProxyTlv::DEFAULT) };
    if version != Some(ProxyVersion::V2) {
        let problem = Problem::new(place, "no header has room for them", "`proxy-protocol` is not \"v2\"");
        context.error(problem.help("write proxy-protocol = \"v2\", or take this out"));
    }
    let mut tlvs = Vec::new();
    for word in words {
        match TLVS.iter().find(|(name, _)| *name == word.value) {
            Some((_, tlv)) if !tlvs.contains(tlv) => tlvs.push(*tlv),
            Some(_) => {}
            None => {
                let names = TLVS.map(|(name, _)| name);
                context.unknown("TLV", &word, "no header says such a thing", &names, "there are");
            }
        }
    }
    tlvs.into()
}

const TLVS: [(&str, ProxyTlv); 4] = [
    ("alpn", ProxyTlv::Alpn),
    ("authority", ProxyTlv::Authority),
    ("tls", ProxyTlv::Tls),
    ("unique-id", ProxyTlv::UniqueId),
];

/// The address that the servers see: `"gateway"`, `"client"`, or addresses of the gateway's.
pub(super) fn source(pool: &mut Section<'_>, context: &Context<'_>) -> Source {
    let place = pool.place("source");
    let Some(node) = pool.node("source") else { return Source::Gateway };
    let texts = match &node.value {
        Value::Text(word) if word == "gateway" => return Source::Gateway,
        Value::Text(word) if word == "client" => return Source::Client,
        Value::Text(_) | Value::List(_) => pool.texts("source").unwrap_or_default(),
        other => {
            let label = format!("this is {}", other.kind());
            let problem = Problem::new(place, "`source` must be a word or a list of addresses", label);
            context.error(problem.help(WORDS));
            return Source::Gateway;
        }
    };
    if texts.is_empty() {
        context.error(Problem::new(place, "`source` names no address", "empty").help(WORDS));
    }
    let address = |text: Found<&str>| match text.value.parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => Some(address),
        _ => {
            let message = format!("`{}` is no address to connect from", text.value);
            context.error(Problem::new(text.span, message, "an IP address is expected").help(WORDS));
            None
        }
    };
    Source::Addresses(texts.into_iter().filter_map(address).collect::<Arc<[_]>>())
}

const WORDS: &str =
    "write \"gateway\", \"client\", or addresses of this machine: [\"10.0.0.2\", \"10.0.0.3\"]";
