//! By what requests are counted.

use std::hash::Hasher;
use std::net::IpAddr;

use http::header::HOST;
use http::{HeaderMap, HeaderName, request};
use sekisho_api::settings::{Found, Problem, Section};
use sekisho_api::{Key, Networks};
use siphasher::sip::SipHasher13;

use crate::forward::X_FORWARDED_FOR;
use crate::user::Users;
use crate::{cookie, keys, rules};

/// By what the requests of one limit are counted: all parts together are a key.
#[derive(Clone, Debug)]
pub(super) struct By {
    parts: Box<[Part]>,
    /// How many bits of an address count.
    v4: u8,
    v6: u8,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The same for all requests.
    All,
    Client,
    User,
    /// Without regard to case and port.
    Host,
    /// In its normal form.
    Path,
    Header(HeaderName),
    Cookie(Box<str>),
    Query(Box<str>),
}

impl By {
    /// Reads `key`, `ipv4-prefix` and `ipv6-prefix`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let mut bits = |key, default: u8, most| {
            u8::try_from(section.integer(key, default.into(), 1..=most)).unwrap_or(default)
        };
        let (v4, v6) = (bits("ipv4-prefix", 32, 32), bits("ipv6-prefix", 64, 128));
        let parts = match section.texts("key") {
            None => [Part::Client].into(),
            Some(texts) if texts.is_empty() => {
                let problem = Problem::new(section.place("key"), "nothing is counted by", "name something");
                section.problem(problem.help("write \"all\" for one count of all requests"));
                [Part::All].into()
            }
            Some(texts) => texts.into_iter().filter_map(|text| part(section, text)).collect(),
        };
        Self { parts, v4, v6 }
    }

    /// Hashes the key of a request into `hasher`; `None` where it has none.
    pub(super) fn hash(
        &self,
        head: &request::Parts,
        from: Asker<'_>,
        hasher: &mut SipHasher13,
    ) -> Option<()> {
        for part in &self.parts {
            part.hash(head, from, self, hasher)?;
            // No two lists of parts give the same bytes.
            hasher.write_u8(0);
        }
        Some(())
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    pub(super) client: IpAddr,
    pub(super) users: &'a Users,
}

impl Part {
    fn hash(&self, head: &request::Parts, from: Asker<'_>, by: &By, hasher: &mut SipHasher13) -> Option<()> {
        match self {
            Self::All => {}
            Self::Client => hasher.write(Key::source_ip(from.client, by.v4, by.v6).expose()),
            Self::User => hasher.write(from.users.find(head)?.expose()),
            Self::Host => {
                let host = rules::without_port(head.headers.get(HOST)?.as_bytes());
                host.iter().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
            }
            Self::Path => hasher.write(rules::normal_path(head.uri.path()).as_bytes()),
            Self::Header(name) => {
                let mut values = head.headers.get_all(name).iter().peekable();
                values.peek()?;
                for value in values {
                    hasher.write(value.as_bytes());
                    hasher.write_u8(b'\n');
                }
            }
            Self::Cookie(name) => hasher.write(cookie::find(&head.headers, name.as_bytes())?),
            Self::Query(name) => hasher.write(keys::parameter(&head.uri, name.as_bytes())?),
        }
        Some(())
    }
}

fn part(section: &Section<'_>, text: Found<&str>) -> Option<Part> {
    let part = match text.value.split_once(':') {
        None => match text.value {
            "all" => Some(Part::All),
            "client" => Some(Part::Client),
            "user" => Some(Part::User),
            "host" => Some(Part::Host),
            "path" => Some(Part::Path),
            _ => None,
        },
        Some(("header", name)) => HeaderName::from_bytes(name.as_bytes()).ok().map(Part::Header),
        Some(("cookie", name)) if !name.is_empty() => Some(Part::Cookie(name.into())),
        Some(("query", name)) if !name.is_empty() => Some(Part::Query(name.into())),
        Some(_) => None,
    };
    if part.is_none() {
        let message = format!("nothing can be counted by `{}`", text.value);
        let problem = Problem::new(text.span, message, "not known here");
        section.problem(
            problem.help("one of: client, user, host, path, all, header:NAME, cookie:NAME, query:NAME"),
        );
    }
    part
}

/// The client that trusted proxies name, where they name one.
pub(crate) fn forwarded_for(headers: &HeaderMap, peer: IpAddr, trusted: &Networks) -> Option<IpAddr> {
    Some(client(headers, peer, trusted)).filter(|client| *client != peer)
}

/// The client behind a peer: the peer itself, or, where its network is trusted, the last address in X-Forwarded-For that
/// is not.
pub(super) fn client(headers: &HeaderMap, peer: IpAddr, trusted: &Networks) -> IpAddr {
    if !trusted.contains(peer) {
        return peer;
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let words = lines.flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','));
    let mut nearest = peer;
    for word in words.take(HOPS) {
        // What is no address is nobody; the proxy that wrote it is the last that is known.
        let Some(address) = address(word) else { break };
        nearest = address;
        if !trusted.contains(address) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: some add the port.
fn address(word: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(word).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.split_once(']')).map(|(address, _)| address);
    if let Ok(address) = bare.unwrap_or(text).parse() {
        return Some(address);
    }
    text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())
}

/// Proxies in front that are looked through.
const HOPS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(lines: &[&'static str]) -> String {
        let headers: HeaderMap =
            lines.iter().map(|line| (X_FORWARDED_FOR, http::HeaderValue::from_static(line))).collect();
        let trusted = Networks::from_iter(["10.0.0.0/8".parse().unwrap()]);
        client(&headers, "10.0.0.1".parse().unwrap(), &trusted).to_string()
    }

    #[test]
    fn client_behind_trusted_proxies_is_the_last_address_that_is_none_of_theirs() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.1, 192.0.2.7"], "192.0.2.7"),
            (&["203.0.113.1", "192.0.2.7, 10.9.9.9"], "192.0.2.7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["192.0.2.7, unknown"], "10.0.0.1"),
            (&["192.0.2.7, unknown, 10.0.0.3"], "10.0.0.3"),
            (&["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ] {
            assert_eq!(behind(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn word_of_a_client_that_is_not_trusted_does_not_count() {
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, http::HeaderValue::from_static("192.0.2.7"))]);
        let peer = "198.51.100.1".parse().unwrap();
        assert_eq!(client(&headers, peer, &Networks::default()), peer);
    }
}
