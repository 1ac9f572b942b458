//! Who asks, as rules see it.

use std::net::IpAddr;

use http::HeaderMap;
use sekisho_api::{Facts, Networks};

use crate::forward::X_FORWARDED_PROTO;

/// Who asks, and over what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    client: IpAddr,
    tls: bool,
    /// Those whose word is taken for what their own clients have.
    trusted: Option<&'a Networks>,
}

impl<'a> Caller<'a> {
    /// The client of a connection, where the forwarding fields of these networks are believed.
    pub(crate) fn of(facts: &Facts, trusted: &'a Networks) -> Self {
        Self { client: facts.client.ip(), tls: facts.tls.is_some(), trusted: Some(trusted) }
    }

    /// Its address.
    pub(crate) const fn address(&self) -> IpAddr {
        self.client
    }

    /// `http` or `https`: as it reached the gateway, or as another proxy that is trusted says that it was reached.
    pub(crate) fn scheme(&self, headers: &HeaderMap) -> &'static str {
        let trusted = self.trusted.is_some_and(|networks| networks.contains(self.client));
        let mut said = headers.get_all(X_FORWARDED_PROTO).iter().filter(|_| trusted);
        // Of several words nobody knows whose is the first.
        match said.next().filter(|_| said.next().is_none()).map(|said| said.as_bytes()) {
            Some(said) if said.eq_ignore_ascii_case(b"https") => "https",
            Some(said) if said.eq_ignore_ascii_case(b"http") => "http",
            _ if self.tls => "https",
            _ => "http",
        }
    }
}

impl From<IpAddr> for Caller<'_> {
    /// Over a plain connection.
    fn from(client: IpAddr) -> Self {
        Self { client, tls: false, trusted: None }
    }
}
