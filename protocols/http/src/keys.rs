//! Who is asking: the keys and the hash of a request.

use std::hash::Hasher;
use std::sync::Arc;

use http::{HeaderName, Uri, request};
use sekisho_api::{CookieSettings, Key, KeyKind, Persist, Prefer, Route};
use siphasher::sip::SipHasher13;

use crate::cookie;
use crate::options::HashOn;

/// The kinds of key that HTTP finds.
pub(crate) const KEYS: &[KeyKind] =
    &[KeyKind::COOKIE, KeyKind::APP_COOKIE, KeyKind::USER, KeyKind::HEADER, KeyKind::QUERY];

/// Where the keys of one VIP's requests stand, in the order of its `persist` list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    sources: Vec<Source>,
    /// The inserted cookie, one for each pool of the VIP: a server's token says nothing in another pool.
    cookies: Vec<CookieSettings>,
}

#[derive(Clone, Debug)]
enum Source {
    Cookie,
    AppCookie(Box<[u8]>),
    Header(HeaderName),
    Query(Box<[u8]>),
    User,
}

impl Sources {
    /// Of a VIP's list. What HTTP does not read (the client's address, for one) is the core's.
    pub(crate) fn new(persist: &[Persist], pools: &[Arc<str>]) -> Self {
        let mut sources = Self::default();
        for entry in persist {
            sources.sources.extend(match entry {
                Persist::Cookie(settings) => {
                    if sources.cookies.is_empty() {
                        sources.cookies = cookies(settings, pools);
                    }
                    Some(Source::Cookie)
                }
                Persist::AppCookie { name } => Some(Source::AppCookie(name.as_bytes().into())),
                Persist::Header { name } => HeaderName::from_bytes(name.as_bytes()).ok().map(Source::Header),
                Persist::Query { name } => Some(Source::Query(name.as_bytes().into())),
                Persist::Key(kind) if *kind == KeyKind::USER => Some(Source::User),
                Persist::SourceIp { .. } | Persist::Key(_) => None,
            });
        }
        sources
    }

    /// The inserted cookie of a pool, if the list has one.
    pub(crate) fn cookie(&self, pool: usize) -> Option<&CookieSettings> {
        self.cookies.get(pool)
    }

    /// The inserted cookies of all pools.
    pub(crate) fn cookies(&self) -> &[CookieSettings] {
        &self.cookies
    }

    /// Whether the list has users.
    pub(crate) fn has_users(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, Source::User))
    }

    /// The names of the application's cookies that the list learns.
    pub(crate) fn app_cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.sources.iter().filter_map(|source| match source {
            Source::AppCookie(name) => Some(&**name),
            _ => None,
        })
    }

    /// The route of a request to a pool of the VIP; `user` is who asks, where that is known.
    pub(crate) fn route(
        &self,
        pool: usize,
        head: &request::Parts,
        hash_on: &HashOn,
        mut user: Option<Key>,
    ) -> Route {
        let mut route = Route { pool, ..Route::new() };
        for source in &self.sources {
            match source {
                Source::Cookie => {
                    if let (None, Some(cookie)) = (&route.prefer, self.cookie(pool)) {
                        let found = cookie::find(&head.headers, cookie.name.as_bytes());
                        route.prefer = found.and_then(Prefer::token);
                    }
                }
                Source::AppCookie(name) => {
                    let value = cookie::find(&head.headers, name);
                    route = route.with_key(value.and_then(|v| Key::new(KeyKind::APP_COOKIE, v)));
                }
                Source::Header(name) => {
                    let value = head.headers.get(name);
                    route = route.with_key(value.and_then(|v| Key::new(KeyKind::HEADER, v.as_bytes())));
                }
                Source::User => route = route.with_key(user.take()),
                Source::Query(name) => {
                    let value = parameter(&head.uri, name);
                    route = route.with_key(value.and_then(|v| Key::new(KeyKind::QUERY, v)));
                }
            }
        }
        route.hash = hash(head, hash_on);
        route
    }
}

/// The inserted cookie of each pool: the VIP's own pool has the name as configured, the others have theirs behind it.
fn cookies(settings: &CookieSettings, pools: &[Arc<str>]) -> Vec<CookieSettings> {
    let name = |(index, pool): (usize, &Arc<str>)| match index {
        0 => settings.name.clone(),
        _ => format!("{}-{pool}", settings.name).into(),
    };
    let named = |name| CookieSettings { name, ..settings.clone() };
    pools.iter().enumerate().map(name).map(named).collect()
}

/// The value of a query parameter, as it stands in the target: nothing is decoded.
pub(crate) fn parameter<'u>(uri: &'u Uri, name: &[u8]) -> Option<&'u [u8]> {
    let mut pairs = uri.query()?.as_bytes().split(|&b| b == b'&');
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// All values of a query parameter; without `=` it has an empty one.
pub(crate) fn parameters<'u>(uri: &'u Uri, name: &[u8]) -> impl Iterator<Item = &'u [u8]> {
    let pairs = uri.query().into_iter().flat_map(|query| query.as_bytes().split(|&b| b == b'&'));
    pairs.filter_map(move |pair| {
        let behind = pair.strip_prefix(name)?;
        if behind.is_empty() { Some(behind) } else { behind.strip_prefix(b"=") }
    })
}

/// What the hashing methods use; `None`: what they use by themselves.
fn hash(head: &request::Parts, on: &HashOn) -> Option<u64> {
    // Fixed keys: equal on every node and over restarts. Who chooses his own hash chooses his own server only.
    let mut hasher = SipHasher13::new_with_keys(0x7365_6b69_7368_6f01, 0x6874_7470_0000_0000);
    match on {
        HashOn::SourceIp => return None,
        HashOn::Path => hasher.write(head.uri.path().as_bytes()),
        HashOn::Uri => hasher.write(head.uri.path_and_query()?.as_str().as_bytes()),
        HashOn::Host => {
            for b in head.headers.get(http::header::HOST)?.as_bytes() {
                hasher.write_u8(b.to_ascii_lowercase());
            }
        }
        HashOn::Header(name) => hasher.write(head.headers.get(name)?.as_bytes()),
        HashOn::Query(name) => hasher.write(parameter(&head.uri, name.as_bytes())?),
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, lines: &[(&str, &str)]) -> request::Parts {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn every_listed_kind_is_found_and_a_missing_one_is_no_error() {
        let sources = Sources::new(
            &[
                Persist::Cookie(CookieSettings::default()),
                Persist::AppCookie { name: "SID".into() },
                Persist::Header { name: "x-user".into() },
                Persist::Query { name: "room".into() },
                Persist::SourceIp { v4: 32, v6: 64 },
            ],
            &["pool".into()],
        );
        let token = "abcdefghijklmnopqrstuv";
        let cookies = format!("SID=one; SEKISHO={token}");
        let found = sources.route(
            0,
            &head("/a?rooms=1&room=7", &[("cookie", &cookies), ("x-user", "alice")]),
            &HashOn::SourceIp,
            None,
        );
        assert_eq!(found.prefer, Prefer::token(token.as_bytes()));
        for (kind, value) in
            [(KeyKind::APP_COOKIE, &b"one"[..]), (KeyKind::HEADER, b"alice"), (KeyKind::QUERY, b"7")]
        {
            assert_eq!(found.key(kind), Key::new(kind, value).as_ref());
        }
        let none = sources.route(0, &head("/", &[("cookie", "SEKISHO=short")]), &HashOn::SourceIp, None);
        assert!(none.prefer.is_none() && none.keys.is_empty());
    }

    #[test]
    fn hash_follows_what_the_option_names_and_nothing_else() {
        let sources = Sources::default();
        let hash = |target: &str, host: &str, on: &HashOn| {
            sources.route(0, &head(target, &[("host", host)]), on, None).hash
        };
        assert_eq!(hash("/a?x", "h", &HashOn::Path), hash("/a?y", "i", &HashOn::Path));
        assert_ne!(hash("/a?x", "h", &HashOn::Uri), hash("/a?y", "h", &HashOn::Uri));
        assert_eq!(hash("/a", "H.example", &HashOn::Host), hash("/b", "h.Example", &HashOn::Host));
        assert_eq!(
            hash("/a?q=1&b", "h", &HashOn::Query("q".into())),
            hash("/z?q=1", "h", &HashOn::Query("q".into()))
        );
        assert_eq!(hash("/a", "h", &HashOn::SourceIp), None);
        assert_eq!(hash("/a", "h", &HashOn::Header(HeaderName::from_static("x-a"))), None);
    }
}
