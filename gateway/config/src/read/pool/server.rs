//! `servers`: the servers of a pool.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::{Found, Problem, Section, Value};
use sekisho_scheduler::{Admin, ServerSpec};

use super::super::context::{Context, Name};
use crate::defaults;

/// A server, and its host if it is configured by one.
pub(super) struct Server {
    pub(super) spec: ServerSpec,
    pub(super) host: Option<String>,
}

const EXAMPLE: &str = "servers = { a = \"10.0.0.1:80\", b = { address = \"10.0.0.2:80\", weight = 2 } }";

/// All servers, in the order of the file.
pub(super) fn read(pool: &mut Section<'_>, context: &Context<'_>) -> Vec<Server> {
    if !pool.has("servers") {
        pool.missing("servers", EXAMPLE);
    }
    let place = pool.place("servers");
    let Some(section) = pool.table("servers") else { return Vec::new() };
    let mut servers = Vec::new();
    let mut first_with: HashMap<SocketAddr, &str> = HashMap::new();
    for (name, span, node) in section.entries() {
        let name = Name { text: name, span };
        name.check("server", context);
        let Some(server) = server(&name, node, context) else { continue };
        if let Some(other) = first_with.insert(server.spec.address, name.text) {
            let message = format!("servers `{other}` and `{}` have one address", name.text);
            let problem = Problem::new(node.span.clone(), message, server.spec.address.to_string());
            context.warn(problem.help("give one of them the sum of the weights, or correct its address"));
        }
        servers.push(server);
    }
    if section.entries().next().is_none() {
        let problem = Problem::new(place.clone(), "the pool has no servers", "at least one is needed");
        context.error(problem.help(EXAMPLE));
    } else if !servers.is_empty() && servers.iter().all(|server| server.spec.weight == 0) {
        let message = "every server of the pool has weight 0";
        let problem = Problem::new(place, message, "none of them gets a new client");
        context.warn(problem.help("a weight of 1 or more makes a server eligible"));
    }
    servers
}

fn server(name: &Name<'_>, node: &sekisho_api::settings::Node, context: &Context<'_>) -> Option<Server> {
    let table = match &node.value {
        Value::Text(text) => {
            let written = Found { value: text.as_str(), span: node.span.clone() };
            let (address, host) = address(&written, context)?;
            let spec = ServerSpec {
                name: Arc::from(name.text),
                address,
                weight: defaults::WEIGHT as u32,
                max_connections: None,
                group: 0,
                admin: Admin::Ready,
            };
            return Some(Server { spec, host });
        }
        Value::Table(table) => table,
        other => {
            let message = format!("server `{}` must be an address or a table", name.text);
            let problem = Problem::new(node.span.clone(), message, format!("this is {}", other.kind()));
            context.error(problem.help(EXAMPLE));
            return None;
        }
    };
    let mut section = Section::new(table, node.span.clone(), context.errors);
    if !section.has("address") {
        section.missing("address", "write the server's address and port: address = \"10.0.0.1:80\"");
    }
    let written = section.text("address");
    let address = written.and_then(|written| address(&written, context));
    let weight = section.integer("weight", defaults::WEIGHT, defaults::WEIGHTS) as u32;
    let max_connections = section.optional_integer("max-connections", 1..=u64::from(u32::MAX));
    let group = group(&mut section, context);
    let states = [("ready", Admin::Ready), ("drain", Admin::Drain), ("maintenance", Admin::Maintenance)];
    let admin = section.word("state", &states).unwrap_or_default();
    section.finish();
    let (address, host) = address?;
    let max_connections = max_connections.map(|n| n as u32);
    let spec = ServerSpec { name: Arc::from(name.text), address, weight, max_connections, group, admin };
    Some(Server { spec, host })
}

/// `group`, or `backup = true` for group 1.
fn group(section: &mut Section<'_>, context: &Context<'_>) -> u8 {
    let backup = section.flag("backup", false);
    let group = section.optional_integer("group", 0..=255);
    if backup && group.is_some() {
        let message = "`backup` and `group` say the same thing";
        let problem = Problem::new(section.place("backup"), message, "`backup = true` is `group = 1`");
        context.error(problem.help("keep one of them"));
    }
    group.map_or(u8::from(backup), |group| group as u8)
}

/// The address of `HOST:PORT`, and the host if it is a name. Names are resolved here, once: a gateway that looks
/// them up while serving depends on DNS for every client.
fn address(written: &Found<&str>, context: &Context<'_>) -> Option<(SocketAddr, Option<String>)> {
    let refuse = |label: &str, help: &str| {
        let message = format!("`{}` is not the address of a server", written.value);
        context.error(Problem::new(written.span.clone(), message, label).help(help));
        None
    };
    const EXAMPLE: &str =
        "write address and port: \"10.0.0.1:80\", \"[2001:db8::1]:80\", \"www1.example.org:80\"";
    if let Ok(address) = written.value.parse::<SocketAddr>() {
        if address.port() == 0 || address.ip().is_unspecified() {
            return refuse("nothing can listen there", EXAMPLE);
        }
        return Some((address, None));
    }
    let Some((host, port)) = written.value.rsplit_once(':') else {
        return refuse("the port is missing", EXAMPLE);
    };
    let Some(port) = port.parse::<u16>().ok().filter(|&port| port != 0) else {
        return refuse("the port is no number from 1 to 65535", EXAMPLE);
    };
    if !is_host_name(host) {
        return refuse("this is neither an IP address nor a host name", EXAMPLE);
    }
    match (context.resolve)(host, port) {
        Some(address) => Some((address, Some(host.to_owned()))),
        None => {
            let help = "host names are resolved when the configuration is loaded; check the name, or write the IP address";
            refuse("this host name does not resolve", help)
        }
    }
}

/// A host name (RFC 1123, section 2.1) that cannot be taken for a mistyped IPv4 address.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric =
        host.rsplit('.').find(|l| !l.is_empty()).is_none_or(|l| l.bytes().all(|b| b.is_ascii_digit()));
    !numeric && host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_address_is_never_looked_up_as_a_name() {
        for host in ["10.0.0", "10.0.0.256", "1", "", ".", "a..b", "a b", "[::1", "::1"] {
            assert!(!is_host_name(host), "{host}");
        }
        for host in ["localhost", "www1.example.org", "www1.example.org.", "app_1"] {
            assert!(is_host_name(host), "{host}");
        }
    }
}
