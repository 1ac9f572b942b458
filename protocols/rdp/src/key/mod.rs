//! What a first packet says of who is coming, and how far it can be believed.

mod cookie;
mod token;

use std::net::{IpAddr, SocketAddr};

use sekisho_api::{IdentityRules, Key};

pub(crate) use cookie::{Rules, WeakKey};

/// What stands before a token that the gateway issued.
const SEALED: &str = "Cookie: sekisho=";

/// The line that carries a token of the gateway's: the value of `loadbalanceinfo` in a connection file.
pub fn token_line(token: &str) -> String {
    format!("{SEALED}{token}")
}

/// What the line of a first packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A routing token that names an address (MS-RDPBCGR, section 3.2.5.3.1). It may only select a configured server.
    Token(SocketAddr),
    /// A cookie with a user's name, or its beginning.
    Cookie(&'a [u8]),
    /// A token that the gateway issued: the scheduler alone can open it.
    Sealed(&'a [u8]),
    /// Anything else that a farm's connection file put there: passed on, and usable in `routes`.
    Hint(&'a [u8]),
    /// A token that cannot be read: as if there were no line.
    Nothing,
}

impl<'a> Line<'a> {
    /// Tells what a line is. Prefixes count in any case.
    pub(crate) fn read(line: &'a [u8]) -> Self {
        if let Some(value) = after(line, b"Cookie: msts=") {
            return token::address(value).map_or(Self::Nothing, Self::Token);
        }
        if let Some(value) = after(line, SEALED.as_bytes()) {
            return Self::Sealed(value.trim_ascii());
        }
        match after(line, b"Cookie: mstshash=") {
            Some(value) => Self::Cookie(value),
            None => Self::Hint(line.trim_ascii()),
        }
    }

    /// The user that it names, as the key persistence uses; none if it names nobody.
    pub(crate) fn user(&self, client: IpAddr, rules: &Rules, identity: &IdentityRules) -> Option<Key> {
        match self {
            Self::Cookie(value) => rules.user(value, client, identity),
            _ => None,
        }
    }
}

fn after<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
