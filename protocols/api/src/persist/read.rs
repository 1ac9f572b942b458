//! A list of kinds of persistence in the configuration.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{CookieSettings, Persist, SameSite, Secure};
use crate::key::KeyKind;
use crate::settings::{Found, Problem, Section, Value, nearest};

impl Persist {
    /// Reads a list of kinds of persistence, or one of them, under `key`: an empty list where the key is not written, none
    /// where something is wrong with it, which is recorded. `known` is the kind of key of a name, and records that it is
    /// none.
    pub fn read(
        section: &mut Section<'_>,
        key: &'static str,
        known: &dyn Fn(&Found<&str>) -> Option<KeyKind>,
    ) -> Option<Vec<Found<Self>>> {
        let before = section.problems().len();
        let items = match section.node(key) {
            None => return Some(Vec::new()),
            Some(node) => match &node.value {
                Value::List(items) => items.as_slice(),
                _ => std::slice::from_ref(node),
            },
        };
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let Some((name, mut options)) = section.kind_of(key, item) else { continue };
            let entry = known(&name).and_then(|kind| entry(&name, kind, &mut options));
            if options.has("kind") && entry.is_none() {
                // What else the table holds depends on the kind, which is wrong.
                continue;
            }
            options.finish();
            list.extend(entry.map(|value| Found { value, span: item.span.clone() }));
        }
        Some(list).filter(|_| section.problems().len() == before)
    }

    /// As [`Persist::read`], for a protocol that finds keys of these kinds, and the core those of the client's address.
    pub fn among(section: &mut Section<'_>, key: &'static str, kinds: &[KeyKind]) -> Option<Vec<Self>> {
        let problems = section.problems();
        let kinds = || kinds.iter().copied().chain([KeyKind::SOURCE_IP]);
        let list = Self::read(section, key, &|written| {
            let found = kinds().find(|kind| kind.name() == written.value);
            if found.is_none() {
                let mut names: Vec<&str> = kinds().map(KeyKind::name).collect();
                names.sort_unstable();
                let mut help = format!("one of: {}", names.join(", "));
                if let Some(near) = nearest(written.value, names.into_iter()) {
                    help = format!("did you mean `{near}`? {help}");
                }
                let message = format!("clients cannot be kept by `{}`", written.value);
                problems.push(Problem::new(written.span.clone(), message, "not known here").help(help));
            }
            found
        });
        Some(list?.into_iter().map(|entry| entry.value).collect())
    }
}

fn entry(written: &Found<&str>, kind: KeyKind, options: &mut Section<'_>) -> Option<Persist> {
    Some(match written.value {
        "cookie" => Persist::Cookie(cookie(options)?),
        "app-cookie" => Persist::AppCookie { name: name(written, options, is_token)? },
        "header" => {
            let name = name(written, options, is_token)?;
            Persist::Header { name: name.to_ascii_lowercase().into() }
        }
        "query" => Persist::Query { name: name(written, options, is_parameter)? },
        "source-ip" => Persist::SourceIp {
            v4: options.integer("ipv4-prefix", SOURCE_V4_PREFIX, 1..=32) as u8,
            v6: options.integer("ipv6-prefix", SOURCE_V6_PREFIX, 1..=128) as u8,
        },
        _ => Persist::Key(kind),
    })
}

fn cookie(options: &mut Section<'_>) -> Option<CookieSettings> {
    let default = CookieSettings::default();
    let before = options.problems().len();
    let mut attribute = |key, allowed: fn(&str) -> bool, what: &str| -> Option<Box<str>> {
        let text = options.text(key)?;
        if !allowed(text.value) {
            let message = format!("`{key}` is not {what}");
            options.problem(Problem::new(
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
        max_age: options.optional_duration("max-age", COOKIE_AGES),
        secure: options.word("secure", &secure).unwrap_or(default.secure),
        http_only: options.flag("http-only", default.http_only),
        same_site: options.word("same-site", &same_site).unwrap_or(default.same_site),
    };
    if cookie.same_site == Some(SameSite::None) && cookie.secure == Secure::Never {
        let message = "browsers refuse a cookie with `same-site = \"none\"` and without `Secure`";
        let problem = Problem::new(options.place("same-site"), message, "needs `secure`");
        options.problem(problem.help("write secure = \"auto\" or \"always\", or another same-site"));
    }
    Some(cookie).filter(|_| options.problems().len() == before)
}

/// The `name` of what to look at.
fn name(kind: &Found<&str>, options: &mut Section<'_>, allowed: fn(&str) -> bool) -> Option<Box<str>> {
    if !options.has("name") {
        let problem = Problem::new(options.span(), format!("`{}` needs a name", kind.value), "of which?");
        options.problem(problem.help(format!("write {{ kind = \"{}\", name = \"…\" }}", kind.value)));
        return None;
    }
    let text = options.text("name")?;
    if allowed(text.value) {
        return Some(text.value.into());
    }
    let message = format!("`{}` cannot be a name of this kind", text.value);
    options.problem(Problem::new(text.span, message, "it has characters that no such name has"));
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

/// Browsers cap a cookie's age at 400 days.
const COOKIE_AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(400 * 86_400);
/// One address is one client.
const SOURCE_V4_PREFIX: u64 = 32;
/// A host changes its address within its /64 (RFC 8981).
const SOURCE_V6_PREFIX: u64 = 64;
