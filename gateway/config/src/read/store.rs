//! `[store]`: the store in which more than two gateways share what clients they know.

use sekisho_api::settings::{Found, Problem, Section, Span};

use super::context::Context;
use super::{files, pool};
use crate::defaults;
use crate::model::{Gateway, ServerTls, SharedStore, TlsMode};

/// Reads the table, if there is one. The inner `None` is the same; the outer one only where a problem was recorded.
pub(super) fn read(
    root: &mut Section<'_>,
    gateway: &Gateway,
    context: &Context<'_>,
) -> Option<Option<SharedStore>> {
    if !root.has("store") {
        return Some(None);
    }
    let before = context.errors.len();
    let at = root.place("store");
    let mut section = root.table("store")?;
    if !section.has("redis") {
        section.missing("redis", EXAMPLE);
    }
    let url = section.text("redis").and_then(|written| url(&written, &at, context));
    let tls_at = section.place("tls");
    let tls = tls(&mut section, url.as_ref(), &tls_at, context);
    let password_file = files::password(&mut section, context);
    let prefix = prefix(&mut section, context);
    let (connect_timeout, timeout, staleness) = (
        section.duration("connect-timeout", defaults::STORE_CONNECT, defaults::STORE_TIMES),
        section.duration("timeout", defaults::STORE_TIMEOUT, defaults::STORE_TIMES),
        section.duration("staleness", defaults::STORE_STALENESS, defaults::STORE_TIMES),
    );
    section.finish();
    if gateway.secret_file.is_none() {
        let problem = Problem::new(at, "`store` needs a secret", "entries are sealed with that of all nodes");
        context.error(problem.help("set `secret-file` in `[gateway]`, to the same on all nodes"));
    }
    let (url, secret_file) = (url?, gateway.secret_file.clone()?);
    let store = SharedStore {
        host: url.host,
        port: url.port,
        database: url.database,
        tls,
        user: url.user,
        password_file,
        prefix,
        connect_timeout,
        timeout,
        staleness,
        secret_file,
    };
    (context.errors.len() == before).then_some(Some(store))
}

/// What an address such as `rediss://gateway@redis.example:6380/2` says.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    tls: bool,
    user: Option<String>,
    host: String,
    port: u16,
    database: u32,
}

fn url(written: &Found<&str>, table: &Span, context: &Context<'_>) -> Option<Url> {
    match parse(written.value) {
        Ok(url) => Some(url),
        Err((label, help)) => {
            // The report shows the line: not that of a password.
            let place = if written.value.contains('@') { table } else { &written.span };
            let problem = Problem::new(place.clone(), "`redis` is not the address of a store", label);
            context.error(problem.help(help));
            None
        }
    }
}

/// What is wrong, and the remedy.
type Wrong = (&'static str, &'static str);

fn parse(text: &str) -> Result<Url, Wrong> {
    let wrong = |label| (label, EXAMPLE);
    let (scheme, rest) = text.split_once("://").ok_or(wrong("it begins with no `redis://`"))?;
    let tls = match scheme {
        "redis" => false,
        "rediss" => true,
        _ => return Err(wrong("neither `redis://` nor `rediss://`")),
    };
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = match database {
        "" => 0,
        number => number.parse().map_err(|_| wrong("the database is no number"))?,
    };
    let (user, place) = match authority.rsplit_once('@') {
        None => (None, authority),
        // More people see this file than that of the password.
        Some((user, _)) if user.contains(':') => {
            return Err((
                "a password stands in it",
                "put it into a file of its own, named by `password-file`",
            ));
        }
        Some((user, place)) => (Some(user.to_owned()).filter(|user| !user.is_empty()), place),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(wrong("a bracket is not closed"))?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong("no IPv6 address is in the brackets"))?;
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let host_like = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if host.is_empty() || host.len() > 253 || !host.chars().all(host_like) {
        return Err(wrong("the host is neither a name nor an address"));
    }
    let port = match port {
        "" => PORT,
        port => port.parse().ok().filter(|port| *port > 0).ok_or(wrong("the port is no number"))?,
    };
    Ok(Url { tls, user, host: host.to_owned(), port, database })
}

fn tls(section: &mut Section<'_>, url: Option<&Url>, at: &Span, context: &Context<'_>) -> Option<ServerTls> {
    let read = pool::tls(section, context);
    let wanted = url.is_some_and(|url| url.tls);
    match read {
        Some(tls) if tls.mode == TlsMode::StartTls || !tls.alpn.is_empty() => {
            let label = "TLS to a store begins with the first byte";
            let problem = Problem::new(at.clone(), "`mode` and `alpn` say nothing here", label);
            context.error(problem.help("delete them"));
            None
        }
        Some(_) if url.is_some() && !wanted => {
            let problem = Problem::new(at.clone(), "`tls` for a store in the clear", "it is not used");
            context.error(problem.help("write rediss:// instead of redis://"));
            None
        }
        Some(tls) => Some(tls),
        None => wanted.then(ServerTls::default),
    }
}

/// Names in the store are looked for by a pattern that begins with it.
fn prefix(section: &mut Section<'_>, context: &Context<'_>) -> String {
    let Some(written) = section.text("prefix") else { return defaults::STORE_PREFIX.to_owned() };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    if written.value.len() > defaults::NAME_MAX || !written.value.chars().all(plain) {
        let label = format!("letters, digits, `-_.:/`, at most {} of them", defaults::NAME_MAX);
        let problem = Problem::new(written.span.clone(), "`prefix` has other characters", label);
        context.error(problem.help("write prefix = \"sekisho:\""));
    }
    written.value.to_owned()
}

/// Redis' own.
const PORT: u16 = 6379;

const EXAMPLE: &str = "write redis = \"redis://redis.example:6379/0\", or \"rediss://…\" for TLS";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Url {
        Url { tls: false, user: None, host: host.to_owned(), port, database: 0 }
    }

    #[test]
    fn address_of_a_store_may_leave_out_what_is_usual() {
        assert_eq!(parse("redis://redis.example"), Ok(at("redis.example", 6379)));
        assert_eq!(parse("redis://10.0.0.9:6380/"), Ok(at("10.0.0.9", 6380)));
        assert_eq!(parse("redis://[2001:db8::9]"), Ok(at("2001:db8::9", 6379)));
        let all = Url { tls: true, user: Some("gw".to_owned()), database: 3, ..at("2001:db8::9", 1) };
        assert_eq!(parse("rediss://gw@[2001:db8::9]:1/3"), Ok(all));
    }

    #[test]
    fn what_is_no_address_of_a_store_is_refused_and_a_password_never_repeated() {
        for text in [
            "redis.example:6379",
            "http://redis.example",
            "redis://",
            "redis://host:port",
            "redis://host:0",
            "redis://host/first",
            "redis://[::1",
            "redis://[host]",
            "redis://a b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let (label, help) = parse("redis://:hunter2@host").unwrap_err();
        assert_eq!(label, "a password stands in it");
        assert!(!help.contains("hunter2"));
    }
}
