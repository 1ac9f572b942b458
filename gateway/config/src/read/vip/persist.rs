//! `persist`: what a VIP remembers clients by.

use sekisho_api::settings::{Found, Problem, Section, Span, Value};
use sekisho_api::{CookieSettings, KeyKind, Persist, Protocol, SameSite, Secure};

use super::super::context::Context;
use crate::defaults;

/// The list, and where the inserted cookie is asked for. No list where a problem was recorded.
///
/// Without a known `protocol` the entries are read but not checked against its keys.
pub(super) fn read(
    section: &mut Section<'_>,
    protocol: Option<&dyn Protocol>,
    context: &Context<'_>,
) -> (Option<Vec<Persist>>, Option<Span>) {
    let before = context.errors.len();
    let items = match section.node("persist") {
        None => return (Some(Vec::new()), None),
        Some(node) => match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        },
    };
    let mut list: Vec<Persist> = Vec::new();
    let mut cookie = None;
    for item in items {
        let Some((kind, mut options)) = section.kind_of("persist", item) else { continue };
        let entry =
            supported(&kind, protocol, context).then(|| entry(&kind, &mut options, context)).flatten();
        if options.has("kind") && entry.is_none() {
            // What else the table holds depends on the kind, which is wrong.
            continue;
        }
        options.finish();
        let Some(entry) = entry else { continue };
        if list.contains(&entry) {
            let problem =
                Problem::new(item.span.clone(), "the entry stands in the list twice", "never reached");
            context.warn(problem.help("the first that yields a key wins; delete the second"));
        }
        if super::inserts_cookie(&entry) {
            cookie = Some(item.span.clone());
        }
        list.push(entry);
    }
    (Some(list).filter(|_| context.errors.len() == before), cookie)
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

fn entry(kind: &Found<&str>, options: &mut Section<'_>, context: &Context<'_>) -> Option<Persist> {
    Some(match kind.value {
        "cookie" => Persist::Cookie(cookie(options, context)?),
        "app-cookie" => Persist::AppCookie { name: name(kind, options, is_token, context)? },
        "header" => {
            let name = name(kind, options, is_token, context)?;
            Persist::Header { name: name.to_ascii_lowercase().into() }
        }
        "query" => Persist::Query { name: name(kind, options, is_parameter, context)? },
        "source-ip" => Persist::SourceIp {
            v4: options.integer("ipv4-prefix", defaults::SOURCE_V4_PREFIX, 1..=32) as u8,
            v6: options.integer("ipv6-prefix", defaults::SOURCE_V6_PREFIX, 1..=128) as u8,
        },
        // Checked before: some protocol has it, unless the VIP's protocol is unknown.
        own => Persist::Key(own_kind(own, context)?),
    })
}

fn own_kind(name: &str, context: &Context<'_>) -> Option<KeyKind> {
    let protocols = context.registry.protocols().iter();
    protocols.flat_map(|protocol| protocol.descriptor().keys).copied().find(|key| key.name() == name)
}

fn cookie(options: &mut Section<'_>, context: &Context<'_>) -> Option<CookieSettings> {
    let default = CookieSettings::default();
    let before = context.errors.len();
    let mut attribute = |key, allowed: fn(&str) -> bool, what: &str| -> Option<Box<str>> {
        let text = options.text(key)?;
        if !allowed(text.value) {
            let message = format!("`{key}` is not {what}");
            context.error(Problem::new(
                text.span,
                message,
                "cannot stand in a cookie (RFC 6265, section 4.1)",
            ));
        }
        Some(text.value.into())
    };
    let name = attribute("name", is_token, "the name of a cookie").unwrap_or(default.name);
    let path = attribute("path", is_path, "a path").unwrap_or(default.path);
    let domain = attribute("domain", is_domain, "a domain");
    let secure = [("auto", Secure::Auto), ("always", Secure::Always), ("never", Secure::Never)];
    let same_site = [
        ("strict", Some(SameSite::Strict)),
        ("lax", Some(SameSite::Lax)),
        ("none", Some(SameSite::None)),
        ("off", None),
    ];
    let cookie = CookieSettings {
        name,
        path,
        domain,
        max_age: options.optional_duration("max-age", defaults::COOKIE_AGES),
        secure: options.word("secure", &secure).unwrap_or(default.secure),
        http_only: options.flag("http-only", default.http_only),
        same_site: options.word("same-site", &same_site).unwrap_or(default.same_site),
    };
    if cookie.same_site == Some(SameSite::None) && cookie.secure == Secure::Never {
        let message = "browsers refuse a cookie with `same-site = \"none\"` and without `Secure`";
        let problem = Problem::new(options.place("same-site"), message, "needs `secure`");
        context.error(problem.help("write secure = \"auto\" or \"always\", or another same-site"));
    }
    Some(cookie).filter(|_| context.errors.len() == before)
}

/// The `name` of what to look at.
fn name(
    kind: &Found<&str>,
    options: &mut Section<'_>,
    allowed: fn(&str) -> bool,
    context: &Context<'_>,
) -> Option<Box<str>> {
    if !options.has("name") {
        let problem = Problem::new(options.span(), format!("`{}` needs a name", kind.value), "of which?");
        context.error(problem.help(format!("write {{ kind = \"{}\", name = \"…\" }}", kind.value)));
        return None;
    }
    let text = options.text("name")?;
    if allowed(text.value) {
        return Some(text.value.into());
    }
    let message = format!("`{}` cannot be a name of this kind", text.value);
    context.error(Problem::new(text.span, message, "it has characters that no such name has"));
    None
}

/// A token (RFC 9110, section 5.6.2): names of headers and cookies.
fn is_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.len() <= 128 && text.bytes().all(allowed)
}

fn is_parameter(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"&=#;".contains(&b))
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= 1024 && text.bytes().all(|b| b.is_ascii_graphic() && b != b';')
}

fn is_domain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed)
}
