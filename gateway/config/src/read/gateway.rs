//! `[gateway]`: what concerns the whole process.

use std::net::IpAddr;
use std::path::PathBuf;

use sekisho_api::settings::{Found, Problem, Section, Value};

use super::context::Context;
use super::files;
use crate::defaults;
use crate::model::{AccessLog, Gateway, LogFormat, Trust};

const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

/// Reads the table; every key has a default, so there is always a result.
pub(super) fn read(root: &mut Section<'_>, context: &Context<'_>) -> Gateway {
    let mut section =
        root.table("gateway").unwrap_or_else(|| Section::absent(root.place("gateway"), context.errors));
    let workers = section.optional_integer("workers", defaults::WORKERS);
    let connections = section.integer("max-connections", defaults::MAX_CONNECTIONS, defaults::CONNECTIONS);
    let gateway = Gateway {
        workers: workers.map(|n| n as usize),
        max_connections: connections as usize,
        state_directory: state_directory(&mut section, context),
        secret_file: files::secret(&mut section, context),
        drain_timeout: section.duration("drain-timeout", defaults::DRAIN_TIMEOUT, defaults::DEADLINE_OR_ZERO),
        log: section.text("log").map_or(defaults::LOG, |log| log.value).to_owned(),
        log_format: section.word("log-format", LOG_FORMATS).unwrap_or_default(),
        access_log: access_log(&mut section, context),
        trust: trust(&mut section, context),
    };
    section.finish();
    gateway
}

fn state_directory(section: &mut Section<'_>, context: &Context<'_>) -> Option<PathBuf> {
    let written = section.text("state-directory")?;
    let path = context.path(written.value);
    // It may be missing: it is made at start.
    if path.exists() && !path.is_dir() {
        let problem =
            Problem::new(written.span, "`state-directory` is not a directory", "a file of this name exists");
        context.error(problem.help("name a directory that the gateway may write to"));
    }
    Some(path)
}

fn access_log(section: &mut Section<'_>, context: &Context<'_>) -> Option<AccessLog> {
    let destination = |text: &str| (text != "-").then(|| context.path(text));
    match &section.node("access-log")?.value {
        Value::Text(text) => Some(AccessLog { path: destination(text), format: LogFormat::Text }),
        Value::Table(_) => {
            let mut table = section.table("access-log")?;
            let path = table.text("path").and_then(|path| destination(path.value));
            let format = table.word("format", LOG_FORMATS).unwrap_or_default();
            table.finish();
            Some(AccessLog { path, format })
        }
        other => {
            let label = format!("this is {}", other.kind());
            let problem =
                Problem::new(section.place("access-log"), "`access-log` must be a string or a table", label);
            context.error(
                problem.help("\"-\" for standard output, a path, or { path = \"…\", format = \"json\" }"),
            );
            None
        }
    }
}

fn trust(section: &mut Section<'_>, context: &Context<'_>) -> Trust {
    let written = section.texts("trusted-networks").unwrap_or_default();
    Trust { networks: written.iter().filter_map(|text| network(text, context)).collect() }
}

/// A network in CIDR notation (RFC 4632, section 3.1); an address alone is a network of one.
fn network(written: &Found<&str>, context: &Context<'_>) -> Option<(IpAddr, u8)> {
    let refuse = |label: &str, help: String| {
        let message = format!("`{}` is not a network", written.value);
        context.error(Problem::new(written.span.clone(), message, label).help(help));
        None
    };
    let example =
        || "write an address and a prefix length, such as \"10.0.0.0/8\" or \"fd00::/8\"".to_owned();
    let (address, bits) = match written.value.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (written.value, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return refuse("this is no IP address", example());
    };
    let width = if address.is_ipv4() { 32 } else { 128 };
    let Ok(bits) = bits.map_or(Ok(width), str::parse::<u8>) else {
        return refuse("the prefix length is no number", example());
    };
    if bits > width {
        return refuse("the prefix is longer than the address", example());
    }
    let network: IpAddr = match address {
        IpAddr::V4(a) => {
            (a.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)).to_be_bytes().into()
        }
        IpAddr::V6(a) => {
            (a.to_bits() & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)).to_be_bytes().into()
        }
    };
    if network != address {
        return refuse("the address has bits beyond its prefix", format!("write \"{network}/{bits}\""));
    }
    Some((address, bits))
}
