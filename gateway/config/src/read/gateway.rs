//! `[gateway]`: what concerns the whole process.

use std::net::SocketAddr;
use std::path::PathBuf;

use sekisho_api::Networks;
use sekisho_api::settings::{Problem, Section};

use super::context::Context;
use super::{files, log};
use crate::defaults;
use crate::model::{Gateway, LogFormat};

const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

/// Reads the table; every key has a default, so there is always a result.
pub(super) fn read(root: &mut Section<'_>, context: &Context<'_>) -> Gateway {
    let mut section =
        root.table("gateway").unwrap_or_else(|| Section::absent(root.place("gateway"), context.errors));
    let workers = section.optional_integer("workers", defaults::WORKERS);
    let connections = section.optional_integer("max-connections", defaults::CONNECTIONS);
    let gateway = Gateway {
        workers: workers.map(|n| n as usize),
        max_connections: connections.map(|n| n as usize),
        state_directory: state_directory(&mut section, context),
        secret_file: files::secret(&mut section, context),
        drain_timeout: section.duration("drain-timeout", defaults::DRAIN_TIMEOUT, defaults::DEADLINE_OR_ZERO),
        log: section.text("log").map_or(defaults::LOG, |log| log.value).to_owned(),
        log_format: section.word("log-format", LOG_FORMATS).unwrap_or_default(),
        log_to: log::own(&mut section, context),
        access_logs: log::access(&mut section, context),
        traces: log::traces(&mut section, context),
        metrics: metrics(&mut section, context),
        admin: admin(&mut section, context),
        trusted: Networks::read(&mut section, "trusted-networks").unwrap_or_default(),
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

fn admin(section: &mut Section<'_>, context: &Context<'_>) -> Option<PathBuf> {
    let written = section.text("admin")?;
    let path = context.path(written.value);
    let problem = |message: &str, label: &str, help: &str| {
        context.error(Problem::new(written.span.clone(), message, label).help(help));
    };
    if written.value.is_empty() {
        problem("`admin` names no path", "a socket needs a path", "write \"/run/sekisho/admin.sock\"");
    } else if path.as_os_str().len() > defaults::SOCKET_PATH_MAX {
        let message = format!("the path of a socket has at most {} bytes", defaults::SOCKET_PATH_MAX);
        let label = format!("with its folder it has {}", path.as_os_str().len());
        problem(&message, &label, "write a shorter one, such as \"/run/sekisho/admin.sock\"");
    } else if path.is_dir() {
        problem("`admin` is a directory", "the socket needs a name in it", "add one, such as admin.sock");
    }
    Some(path)
}

fn metrics(section: &mut Section<'_>, context: &Context<'_>) -> Option<SocketAddr> {
    let written = section.text("metrics")?;
    let address: Option<SocketAddr> = written.value.parse().ok();
    match address {
        None => {
            let message = format!("`{}` is not an address and a port", written.value);
            let problem = Problem::new(written.span, message, "`metrics` is read at one address");
            context.error(problem.help("write \"127.0.0.1:9101\" or \"[::1]:9101\""));
        }
        Some(address) if !address.ip().to_canonical().is_loopback() => {
            let problem = Problem::new(
                written.span,
                "metrics can be read by other hosts",
                "whoever reaches this address may read them",
            );
            context.warn(problem.help("listen on 127.0.0.1, or let only your Prometheus reach the address"));
        }
        Some(_) => {}
    }
    address
}
