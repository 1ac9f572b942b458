//! `traces`: where spans go.

use std::net::SocketAddr;

use sekisho_api::settings::{Found, Problem, Section, Value};

use crate::defaults;
use crate::model::{AccessLog, LineFormat, LogTo};
use crate::read::context::Context;

/// Reads `traces`: the URL of a collector, or a table with it.
pub(in crate::read) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Option<AccessLog> {
    let node = section.node("traces")?;
    let log = |to, max_rate| AccessLog { to, format: LineFormat::Span, sample: 1, max_rate };
    match &node.value {
        Value::Text(url) => collector(&Found { value: url, span: node.span.clone() }, context)
            .map(|to| log(to, Some(defaults::SPANS))),
        _ => {
            let mut table = section.table("traces")?;
            let to = match table.text("otlp") {
                Some(url) => collector(&url, context),
                None => {
                    table.missing("otlp", "write `otlp = \"http://127.0.0.1:4318/v1/traces\"`");
                    None
                }
            };
            let max_rate = table.optional_integer("max-rate", defaults::LINES);
            table.finish();
            Some(log(to?, max_rate.or(Some(defaults::SPANS))))
        }
    }
}

/// `http://ADDRESS:PORT/PATH`: whoever reports spans waits for no name server.
fn collector(url: &Found<&str>, context: &Context<'_>) -> Option<LogTo> {
    let parts = || {
        let rest = url.value.strip_prefix("http://")?;
        let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/v1/traces" } else { path };
        let plain = path.bytes().all(|b| b.is_ascii_graphic());
        let address: SocketAddr = address.parse().ok()?;
        plain.then(|| LogTo::Otlp { address, path: path.to_owned() })
    };
    let found = parts();
    if found.is_none() {
        let message = format!("`{}` is no collector", url.value);
        let problem = Problem::new(url.span.clone(), message, "not http:// with an address and a port");
        context.error(problem.help(
            "write \"http://127.0.0.1:4318/v1/traces\"; TLS is for a collector beside the gateway to add",
        ));
    }
    found
}
