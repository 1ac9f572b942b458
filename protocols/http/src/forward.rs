//! Telling the server who the client is.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};
use sekisho_api::Facts;

use crate::options::{Forwarded, Options};
use crate::present::Present;
use crate::text::Text;
use crate::tls_fields::same;

/// The client's address, and those of the proxies before the gateway.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The host that was asked for.
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The port that the client reached.
pub(crate) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// `http` or `https`.
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

static FIELDS: [HeaderName; 4] = [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO];

/// Whether a request's head says who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It does, or nobody is to be told.
    InHead,
    /// It has none of these fields: the connection's own are written behind it.
    Apart,
}

/// The values that are the same for all requests of one connection, made at the first.
#[derive(Debug, Default)]
pub(crate) struct Own {
    address: OnceCell<Option<HeaderValue>>,
    port: OnceCell<HeaderValue>,
    lines: OnceCell<Box<[u8]>>,
    /// In the order of the configuration.
    pub(crate) tls: OnceCell<Box<[Option<HeaderValue>]>>,
}

/// Whether a request with these fields is told of by the connection's own lines: it brings no forwarding field, and
/// Forwarded, which names the host in its midst, is not wanted.
pub(crate) fn suffices(present: Present, options: &Options) -> bool {
    options.forwarded != Forwarded::Off && !options.forwarded_header && !present.has(Present::FORWARDING)
}

impl Own {
    /// The forwarding fields of requests for which they suffice, as HTTP/1.1 has them; the host is the request's.
    pub(crate) fn lines(&self, facts: &Facts) -> &[u8] {
        self.lines.get_or_init(|| {
            let mut text = Text::new();
            let address = facts.client.ip().to_canonical();
            let (scheme, port) = (scheme(facts), facts.local.port());
            let _ = write!(
                text,
                "{X_FORWARDED_FOR}: {address}\r\n{X_FORWARDED_PROTO}: {scheme}\r\n{X_FORWARDED_PORT}: {port}\r\n"
            );
            text.as_bytes().into()
        })
    }
}

/// Writes the forwarding fields of one request.
///
/// What the peer says is kept when its network is trusted or the VIP appends, always merged into one line, the
/// peer's own address last. Scheme, host and port of an untrusted peer's making never reach the server.
pub(crate) fn write(headers: &mut HeaderMap, options: &Options, facts: &Facts, own: &Own) {
    if options.forwarded == Forwarded::Off {
        return;
    }
    remove_disguised(headers);
    let trusted = options.trusted.contains(facts.client.ip());
    let append = trusted || options.forwarded == Forwarded::Append;
    let address = own.address.get_or_init(|| address_value(facts.client.ip()));
    if let Some(address) = address {
        let value = match append {
            true => appended(headers, &X_FORWARDED_FOR, address.as_bytes()),
            false => None,
        };
        headers.insert(X_FORWARDED_FOR, value.unwrap_or_else(|| address.clone()));
    }
    let keep = |headers: &HeaderMap, name: &HeaderName| trusted && headers.contains_key(name);
    if !keep(headers, &X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme(facts)));
    }
    if !keep(headers, &X_FORWARDED_PORT) {
        let port = own.port.get_or_init(|| HeaderValue::from(facts.local.port()));
        headers.insert(X_FORWARDED_PORT, port.clone());
    }
    if !keep(headers, &X_FORWARDED_HOST)
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(X_FORWARDED_HOST, host);
    }
    if options.forwarded_header {
        forwarded(headers, facts, append);
    } else if !append {
        headers.remove(FORWARDED);
    }
}

/// Removes what a server that reads `_` as `-` takes for one of these fields: whoever wrote it, no proxy did.
fn remove_disguised(headers: &mut HeaderMap) {
    let disguised = |name: &&HeaderName| {
        let name = name.as_str().as_bytes();
        (15..=17).contains(&name.len())
            && name.contains(&b'_')
            && FIELDS.iter().any(|field| same(field.as_str().as_bytes(), name))
    };
    while let Some(name) = headers.keys().find(disguised).cloned() {
        headers.remove(name);
    }
}

/// `for=…;host="…";proto=…` (RFC 7239, section 4). IPv6 and the host are quoted, as their colons need it.
fn forwarded(headers: &mut HeaderMap, facts: &Facts, append: bool) {
    let mut element = Text::new();
    let _ = match facts.client.ip().to_canonical() {
        IpAddr::V4(a) => write!(element, "for={a}"),
        IpAddr::V6(a) => write!(element, "for=\"[{a}]\""),
    };
    if let Some(host) = headers.get(HOST) {
        element.push(b";host=\"");
        element.push(host.as_bytes());
        element.push(b"\"");
    }
    element.push(b";proto=");
    element.push(scheme(facts).as_bytes());
    let Some(element) = element.value() else { return };
    let value = if append { appended(headers, &FORWARDED, element.as_bytes()) } else { None };
    headers.insert(FORWARDED, value.unwrap_or(element));
}

/// All lines of a field in one, `last` behind them; `None` if there are none or they cannot be merged.
fn appended(headers: &HeaderMap, name: &HeaderName, last: &[u8]) -> Option<HeaderValue> {
    let mut text = Text::new();
    for line in headers.get_all(name) {
        let line = line.as_bytes().trim_ascii();
        if !line.is_empty() {
            text.push(line);
            text.push(b", ");
        }
    }
    if text.is_empty() {
        return None;
    }
    text.push(last);
    text.value()
}

fn address_value(address: IpAddr) -> Option<HeaderValue> {
    let mut text = Text::new();
    let _ = write!(text, "{}", address.to_canonical());
    text.value()
}

fn scheme(facts: &Facts) -> &'static str {
    if facts.tls.is_some() { "https" } else { "http" }
}

#[cfg(test)]
mod tests {
    use sekisho_api::Networks;
    use sekisho_api::settings::{Problems, Section, Table};

    use super::*;

    fn options(forwarded: Forwarded, header: bool, trusted: &str) -> Options {
        let (table, problems) = (Table::default(), Problems::new());
        let trusted = Networks::from_iter([trusted.parse().unwrap()]);
        let mut options = Options::read(&mut Section::new(&table, 0..0, &problems), &trusted);
        options.forwarded = forwarded;
        options.forwarded_header = header;
        options
    }

    fn written(options: &Options, client: &str, lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers: HeaderMap =
            lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect();
        headers.insert(HOST, HeaderValue::from_static("a.example:81"));
        let facts = Facts::plain(client.parse().unwrap(), "192.0.2.80:8080".parse().unwrap());
        write(&mut headers, options, &facts, &Own::default());
        headers
    }

    fn all<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
        headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect()
    }

    const SPOOF: &[(&str, &str)] = &[
        ("x-forwarded-for", "10.9.9.9"),
        ("x-forwarded-for", "10.8.8.8"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil"),
        ("forwarded", "for=10.9.9.9"),
    ];

    #[test]
    fn replace_drops_everything_an_untrusted_client_says() {
        let headers = written(&options(Forwarded::Replace, false, "127.0.0.1"), "203.0.113.5:1000", SPOOF);
        assert_eq!(all(&headers, "x-forwarded-for"), ["203.0.113.5"]);
        assert_eq!(all(&headers, "x-forwarded-proto"), ["http"]);
        assert_eq!(all(&headers, "x-forwarded-host"), ["a.example:81"]);
        assert_eq!(all(&headers, "x-forwarded-port"), ["8080"]);
        assert!(all(&headers, "forwarded").is_empty());
    }

    #[test]
    fn append_merges_all_lines_and_puts_the_own_peer_last() {
        let headers = written(&options(Forwarded::Append, true, "127.0.0.1"), "203.0.113.5:1000", SPOOF);
        assert_eq!(all(&headers, "x-forwarded-for"), ["10.9.9.9, 10.8.8.8, 203.0.113.5"]);
        assert_eq!(all(&headers, "x-forwarded-proto"), ["http"]);
        assert_eq!(
            all(&headers, "forwarded"),
            ["for=10.9.9.9, for=203.0.113.5;host=\"a.example:81\";proto=http"]
        );
    }

    #[test]
    fn trusted_peer_is_appended_to_and_believed() {
        let headers = written(&options(Forwarded::Replace, false, "203.0.113.0/24"), "203.0.113.5:1", SPOOF);
        assert_eq!(all(&headers, "x-forwarded-for"), ["10.9.9.9, 10.8.8.8, 203.0.113.5"]);
        assert_eq!(all(&headers, "x-forwarded-proto"), ["https"]);
        assert_eq!(all(&headers, "x-forwarded-host"), ["evil"]);
    }

    #[test]
    fn lines_of_a_connection_say_what_its_fields_would() {
        let fields = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_PORT];
        for (client, trusted) in [("203.0.113.5:1000", "127.0.0.1"), ("[2001:db8::1]:5", "2001:db8::1")] {
            let options = options(Forwarded::Replace, false, trusted);
            let headers = written(&options, client, &[]);
            let expected: String = fields
                .iter()
                .map(|name| format!("{name}: {}\r\n", headers[name].to_str().unwrap()))
                .collect();
            let facts = Facts::plain(client.parse().unwrap(), "192.0.2.80:8080".parse().unwrap());
            assert!(suffices(Present::default(), &options));
            assert_eq!(Own::default().lines(&facts), expected.as_bytes());
        }
    }

    #[test]
    fn lines_do_not_suffice_where_there_is_a_field_to_remove_or_to_append_to() {
        let plain = options(Forwarded::Append, false, "127.0.0.1");
        for name in ["x-forwarded-for", "x_forwarded-host", "forwarded"] {
            let headers =
                [(HeaderName::from_static(name), HeaderValue::from_static("a"))].into_iter().collect();
            assert!(!suffices(Present::of(&headers), &plain), "{name}");
        }
        assert!(!suffices(Present::default(), &options(Forwarded::Append, true, "127.0.0.1")));
        assert!(!suffices(Present::default(), &options(Forwarded::Off, false, "127.0.0.1")));
    }

    #[test]
    fn ipv6_is_quoted_and_bracketed_in_forwarded_only() {
        let headers = written(&options(Forwarded::Replace, true, "127.0.0.1"), "[2001:db8::1]:5", &[]);
        assert_eq!(all(&headers, "x-forwarded-for"), ["2001:db8::1"]);
        assert_eq!(all(&headers, "forwarded"), ["for=\"[2001:db8::1]\";host=\"a.example:81\";proto=http"]);
    }

    #[test]
    fn off_leaves_all_fields_alone() {
        let headers = written(&options(Forwarded::Off, true, "127.0.0.1"), "203.0.113.5:1000", SPOOF);
        assert_eq!(all(&headers, "x-forwarded-for"), ["10.9.9.9", "10.8.8.8"]);
        assert_eq!(all(&headers, "forwarded"), ["for=10.9.9.9"]);
        assert!(all(&headers, "x-forwarded-port").is_empty());
    }
}
