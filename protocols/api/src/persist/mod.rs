//! The kinds of persistence that a VIP may list.

mod read;

use std::time::Duration;

use crate::key::KeyKind;

/// One entry of a VIP's `persist` list. The first that yields a key, or a usable server, wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persist {
    /// A cookie that the gateway inserts and that names the server.
    Cookie(CookieSettings),
    /// A cookie of the application: its value is learned from `Set-Cookie` and looked up in the table.
    AppCookie {
        /// The cookie's name.
        name: Box<str>,
    },
    /// The client's address, masked.
    SourceIp {
        /// Bits of an IPv4 address that count.
        v4: u8,
        /// Bits of an IPv6 address that count.
        v6: u8,
    },
    /// A request header's value.
    Header {
        /// The header's name, lower-case.
        name: Box<str>,
    },
    /// A query parameter's value.
    Query {
        /// The parameter's name.
        name: Box<str>,
    },
    /// A key that the protocol itself finds: `user`, `sni`, `rdp-token` or a kind of its own.
    Key(KeyKind),
}

impl Persist {
    /// The kind of key that this entry looks up.
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Cookie(_) => KeyKind::COOKIE,
            Self::AppCookie { .. } => KeyKind::APP_COOKIE,
            Self::SourceIp { .. } => KeyKind::SOURCE_IP,
            Self::Header { .. } => KeyKind::HEADER,
            Self::Query { .. } => KeyKind::QUERY,
            Self::Key(kind) => *kind,
        }
    }
}

/// How the inserted cookie looks (RFC 6265, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    /// Its name.
    pub name: Box<str>,
    /// Its `Path`.
    pub path: Box<str>,
    /// Its `Domain`; none: the host that was asked.
    pub domain: Option<Box<str>>,
    /// Its `Max-Age`; none: until the browser closes.
    pub max_age: Option<Duration>,
    /// `Secure`: on TLS only, always or never.
    pub secure: Secure,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `SameSite`; none: not sent.
    pub same_site: Option<SameSite>,
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self {
            name: "SEKISHO".into(),
            path: "/".into(),
            domain: None,
            max_age: None,
            secure: Secure::Auto,
            http_only: true,
            same_site: Some(SameSite::Lax),
        }
    }
}

/// When the inserted cookie carries `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secure {
    /// On connections with TLS.
    Auto,
    /// Always: something in front of the gateway terminates TLS.
    Always,
    /// Never.
    Never,
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `Strict`.
    Strict,
    /// `Lax`.
    Lax,
    /// `None`; browsers take it with `Secure` only.
    None,
}
