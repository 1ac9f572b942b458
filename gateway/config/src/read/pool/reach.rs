//! How a pool's servers are reached: `over`, and `proxy-protocol`.

use sekisho_api::settings::{Problem, Section, Span};

use super::super::context::Context;
use crate::model::ProxyVersion;

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
