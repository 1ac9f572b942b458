//! `persist`: what a VIP remembers clients by.

use sekisho_api::settings::{Found, Problem, Section, Span};
use sekisho_api::{KeyKind, Persist, Protocol};

use super::super::context::Context;

/// The list, and where the inserted cookie is asked for. No list where a problem was recorded.
///
/// Without a known `protocol` the entries are read but not checked against its keys.
pub(super) fn read(
    section: &mut Section<'_>,
    protocol: Option<&dyn Protocol>,
    context: &Context<'_>,
) -> (Option<Vec<Persist>>, Option<Span>) {
    let Some(read) = Persist::read(section, "persist", &|name| known(name, protocol, context)) else {
        return (None, None);
    };
    let mut list: Vec<Persist> = Vec::with_capacity(read.len());
    let mut cookie = None;
    for Found { value: entry, span } in read {
        if list.contains(&entry) {
            let problem = Problem::new(span.clone(), "the entry stands in the list twice", "never reached");
            context.warn(problem.help("the first that yields a key wins; delete the second"));
        }
        if super::inserts_cookie(&entry) {
            cookie = Some(span);
        }
        list.push(entry);
    }
    (Some(list), cookie)
}

/// The kind of this name, if the protocol finds keys of it; a problem is recorded if not.
fn known(name: &Found<&str>, protocol: Option<&dyn Protocol>, context: &Context<'_>) -> Option<KeyKind> {
    if !supported(name, protocol, context) {
        return None;
    }
    let all = context.registry.protocols().iter().flat_map(|protocol| protocol.descriptor().keys).copied();
    all.chain([KeyKind::SOURCE_IP]).find(|kind| kind.name() == name.value)
}

/// Whether the protocol finds keys of this kind; a problem is recorded if not.
fn supported(kind: &Found<&str>, protocol: Option<&dyn Protocol>, context: &Context<'_>) -> bool {
    let Some(protocol) = protocol.map(Protocol::descriptor) else { return true };
    if kind.value == KeyKind::SOURCE_IP.name() || protocol.keys.iter().any(|key| key.name() == kind.value) {
        return true;
    }
    let mut here = vec![KeyKind::SOURCE_IP.name()];
    here.extend(protocol.keys.iter().map(|key| key.name()));
    here.sort_unstable();
    let elsewhere: Vec<&str> = context
        .registry
        .protocols()
        .iter()
        .map(|protocol| protocol.descriptor())
        .filter(|other| other.keys.iter().any(|key| key.name() == kind.value))
        .map(|other| other.name)
        .collect();
    let listed = format!("`{}` keeps clients by", protocol.name);
    if elsewhere.is_empty() {
        let label = "no protocol finds such a key";
        context.unknown("kind of persistence", kind, label, &here, &listed);
        return false;
    }
    let message = format!("protocol `{}` cannot keep clients by `{}`", protocol.name, kind.value);
    let label = format!("only with protocol {}", quoted(&elsewhere));
    let problem = Problem::new(kind.span.clone(), message, label);
    context.error(problem.help(format!("{listed}: {}", here.join(", "))));
    false
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}
