//! `[peers]`: nodes that share what clients they know.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::KeyKind;
use sekisho_api::settings::{Found, Problem, Section, Span, Value};

use super::context::{Context, Name};
use super::{domain, pool};
use crate::defaults;
use crate::model::{Domain, Gateway, PeerKeyForm, PeerNode, PeerTable, Peers, ServerTls, TlsMode};

/// Reads the table, if there is one. The inner `None` is the same; the outer one only where a problem was recorded.
pub(super) fn read<'a>(
    root: &mut Section<'a>,
    gateway: &Gateway,
    domains: &[Domain],
    context: &Context<'a>,
) -> Option<Option<Peers>> {
    if !root.has("peers") {
        root.node("peers");
        return Some(None);
    }
    let before = context.errors.len();
    let at = root.place("peers");
    let mut section = root.table("peers")?;
    for (key, help) in [("name", "name this node, such as \"gw1\""), ("listen", LISTEN), ("nodes", NODES)] {
        if !section.has(key) {
            section.missing(key, help);
        }
    }
    let name = section.text("name");
    if let Some(name) = &name {
        Name { text: name.value, span: name.span.clone() }.check("node", context);
    }
    let own = name.map(|name| name.value);
    let peers = Peers {
        name: own.unwrap_or_default().into(),
        listen: listen(&mut section, context),
        nodes: nodes(&mut section, own, context),
        tls: tls(&mut section, context),
        tables: tables(&mut section, domains, context),
    };
    section.finish();
    if gateway.secret_file.is_none() {
        let label = "each node makes a secret of its own";
        let problem = Problem::new(at, "cookies of one node mean nothing on the others", label);
        context.warn(problem.help("set `secret-file` in `[gateway]`, to the same on all nodes"));
    }
    (context.errors.len() == before).then_some(Some(peers))
}

fn listen(section: &mut Section<'_>, context: &Context<'_>) -> Vec<SocketAddr> {
    let written = section.texts("listen").unwrap_or_default();
    let addresses: Vec<_> = written
        .iter()
        .filter_map(|text| address(text.value, &text.span, "listen", LISTEN, context))
        .collect();
    if written.is_empty() && section.has("listen") {
        let place = section.place("listen");
        context
            .error(Problem::new(place, "`listen` is empty", "at least one address is needed").help(LISTEN));
    }
    addresses
}

fn address(text: &str, span: &Span, what: &str, help: &str, context: &Context<'_>) -> Option<SocketAddr> {
    let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    if address.is_none() {
        let message = format!("`{text}` is not an address and a port");
        context.error(
            Problem::new(span.clone(), message, format!("`{what}` is an address and a port")).help(help),
        );
    }
    address
}

fn nodes(section: &mut Section<'_>, own: Option<&str>, context: &Context<'_>) -> Vec<PeerNode> {
    let place = section.place("nodes");
    let Some(table) = section.table("nodes") else { return Vec::new() };
    let mut nodes = Vec::new();
    for (name, span, node) in table.entries() {
        Name { text: name, span: span.clone() }.check("node", context);
        if own == Some(name) {
            let problem =
                Problem::new(span, "this node stands among the others", "it would connect to itself");
            context.error(problem.help("delete it, or correct `name`"));
        }
        let Value::Text(text) = &node.value else {
            let message = format!("node `{name}` must be an address");
            let problem = Problem::new(node.span.clone(), message, format!("this is {}", node.value.kind()));
            context.error(problem.help(NODES));
            continue;
        };
        if let Some(address) = address(text, &node.span, name, NODES, context) {
            nodes.push(PeerNode { name: name.into(), address });
        }
    }
    if table.entries().next().is_none() {
        context.error(Problem::new(place, "there are no other nodes", "at least one is needed").help(NODES));
    }
    nodes
}

/// TLS between nodes proves both sides: without that, whoever reaches the address could move clients.
fn tls(section: &mut Section<'_>, context: &Context<'_>) -> Option<ServerTls> {
    let place = section.place("tls");
    let tls = pool::tls(section, context)?;
    let wrong = if tls.certificate.is_none() {
        Some(("`certificate` is missing", "each node shows its own to the others"))
    } else if tls.ca.is_none() {
        Some(("`ca` is missing", "it says whose certificates are the nodes'"))
    } else if !tls.verify || tls.mode == TlsMode::StartTls || !tls.alpn.is_empty() || !tls.pins.is_empty() {
        Some(("`verify`, `mode`, `pin` and `alpn` say nothing here", "nodes know each other by `ca`"))
    } else {
        None
    };
    if let Some((message, label)) = wrong {
        context.error(Problem::new(place, message, label).help(TLS));
        return None;
    }
    Some(tls)
}

fn tables(section: &mut Section<'_>, domains: &[Domain], context: &Context<'_>) -> Vec<PeerTable> {
    let Some(tables) = section.table("tables") else { return Vec::new() };
    let mut found: Vec<PeerTable> = Vec::new();
    for (name, span, node) in tables.entries() {
        let Value::Table(table) = &node.value else {
            let message = format!("table `{name}` must say what it holds");
            let problem = Problem::new(node.span.clone(), message, format!("this is {}", node.value.kind()));
            context.error(problem.help(TABLES));
            continue;
        };
        if name.is_empty() || name.len() > 255 || name.starts_with("sekisho") {
            let label = "1 to 255 bytes, and not `sekisho…`, which nodes use among themselves";
            context.error(Problem::new(span, format!("`{name}` cannot be a table of a HAProxy"), label));
        }
        let table = Section::new(table, node.span.clone(), context.errors);
        if let Some(table) = one(name, table, domains, context) {
            let same = found.iter().any(|other| {
                other.domain == table.domain && other.key == table.key && other.form == table.form
            });
            if same {
                let problem = Problem::new(node.span.clone(), "two tables hold the same", "one is enough");
                context.warn(problem.help("delete one"));
            }
            found.push(table);
        }
    }
    found
}

fn one(name: &str, mut section: Section<'_>, domains: &[Domain], context: &Context<'_>) -> Option<PeerTable> {
    if !section.has("key") {
        section.missing("key", "say which kind of key it holds, such as \"user\" or \"source-ip\"");
    }
    let key = section.text("key").and_then(|written| kind(&written, context));
    let written = section.text("domain");
    let wanted = written.as_ref().map_or(domain::DEFAULT, |written| written.value);
    let table = domains.iter().map(|domain| &domain.table).find(|table| *table.name == *wanted);
    if let (None, Some(written)) = (table, &written) {
        let names: Vec<&str> = domains.iter().map(|domain| &*domain.table.name).collect();
        context.unknown("domain", written, "there is no such table", &names, "domains");
    }
    let length = section.optional_integer("length", 1..=255);
    let length_at = section.place("length");
    let usual = if key == Some(KeyKind::SOURCE_IP) { Form::Ip } else { Form::Text };
    let words = [("ip", Form::Ip), ("ipv6", Form::Ipv6), ("string", Form::Text)];
    let form_at = section.place("type");
    let form = section.word("type", &words).unwrap_or(usual);
    section.finish();
    let (key, table) = (key?, table?);
    if (key == KeyKind::SOURCE_IP) != (form != Form::Text) {
        let message = format!("keys of kind `{key}` are of another type");
        let problem = Problem::new(form_at, message, "they would never be the same there");
        context.error(problem.help("\"ip\" or \"ipv6\" for `source-ip`, \"string\" for the others"));
        return None;
    }
    if length.is_some() && form != Form::Text {
        let problem = Problem::new(length_at, "`length` is of strings", "addresses have one length");
        context.error(problem.help("delete it"));
        return None;
    }
    let form = match form {
        Form::Ip => PeerKeyForm::Ip,
        Form::Ipv6 => PeerKeyForm::Ipv6,
        Form::Text => {
            PeerKeyForm::Text(length.and_then(|n| u16::try_from(n).ok()).unwrap_or(defaults::PEER_TEXT))
        }
    };
    Some(PeerTable { name: name.into(), domain: Arc::clone(&table.name), key, form })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Ip,
    Ipv6,
    Text,
}

fn kind(written: &Found<&str>, context: &Context<'_>) -> Option<KeyKind> {
    let protocols = context.registry.protocols().iter();
    let mut kinds: Vec<KeyKind> = protocols
        .flat_map(|protocol| protocol.descriptor().keys)
        .copied()
        .chain([KeyKind::SOURCE_IP])
        .collect();
    // The cookie that the gateway inserts names its server itself: no table holds it.
    kinds.retain(|kind| *kind != KeyKind::COOKIE);
    let found = kinds.iter().copied().find(|kind| kind.name() == written.value);
    if found.is_none() {
        let mut names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        context.unknown("kind of key", written, "no table holds such keys", &names, "kinds");
    }
    found
}

const LISTEN: &str = "write listen = \"10.0.0.2:1024\", an address that only the other nodes reach";
const NODES: &str = "write nodes = { gw2 = \"10.0.0.3:1024\" }";
const TLS: &str =
    "write tls = { certificate = \"gw1.pem\", ca = \"nodes.pem\", server-name = \"nodes.example\" }";
const TABLES: &str = "write users = { key = \"user\", length = 64 }";
