//! Where a client comes from: what the gateway sees, or what another one says that it trusts.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::Fields;

/// How many gateways a client may pass, this one among them; Dovecot counts in the same way.
const HOPS: u8 = 5;
/// The longest number of a connection that another gateway gave it.
const SESSION_MAX: usize = 64;

/// What servers are told of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    pub(super) client: IpAddr,
    pub(super) client_port: Option<u16>,
    /// The address that it reached.
    pub(super) local: Option<IpAddr>,
    pub(super) local_port: Option<u16>,
    pub(super) session: Session<'a>,
    /// Nobody overheard it.
    pub(super) secured: bool,
    /// How many gateways more it may pass.
    pub(super) hops: u8,
}

/// The number of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Session<'a> {
    /// This gateway's.
    Own(u64),
    /// The one that another gateway gave it.
    Said(&'a [u8]),
}

/// The client has passed as many gateways as it may: they send it around in circles.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Looping;

impl<'a> Origin<'a> {
    /// A client as the gateway sees it.
    pub(super) fn seen(client: SocketAddr, local: SocketAddr, id: u64, secured: bool) -> Self {
        Self {
            client: client.ip(),
            client_port: Some(client.port()),
            local: Some(local.ip()),
            local_port: Some(local.port()),
            session: Session::Own(id),
            secured,
            hops: HOPS,
        }
    }

    /// The client of another gateway, by what that one said of it; itself if it said nothing.
    pub(super) fn said(self, fields: &'a Fields) -> Result<Self, Looping> {
        let field = |name: &str| {
            let found = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
            found.map(|(_, value)| value.as_slice())
        };
        let hops = parsed::<u8>(field("x-proxy-ttl")).map_or(HOPS, |hops| hops.min(HOPS));
        if hops <= 1 {
            return Err(Looping);
        }
        let Some(client) = parsed(field("x-originating-ip")) else { return Ok(self) };
        let session = |said: &&[u8]| said.len() <= SESSION_MAX && said.iter().all(u8::is_ascii_graphic);
        Ok(Self {
            client,
            client_port: parsed(field("x-originating-port")),
            local: parsed(field("x-connected-ip")),
            local_port: parsed(field("x-connected-port")),
            session: field("x-session-id").filter(session).map_or(self.session, Session::Said),
            secured: field("x-client-transport").is_some_and(|said| said.starts_with(b"TLS")),
            hops: hops - 1,
        })
    }
}

fn parsed<T: FromStr>(value: Option<&[u8]>) -> Option<T> {
    std::str::from_utf8(value?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Origin<'static> {
        Origin::seen(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 143).into(), 7, false)
    }

    fn fields(text: &[(&str, &str)]) -> Fields {
        text.iter().map(|(field, value)| (field.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn word_of_another_gateway_is_passed_on_one_hop_shorter() {
        let said = fields(&[
            ("X-Originating-IP", "2001:db8::1"),
            ("x-originating-port", "4000"),
            ("x-session-id", "abc"),
            ("x-client-transport", "TLS"),
            ("x-proxy-ttl", "4"),
        ]);
        let expected = Origin {
            client: "2001:db8::1".parse().unwrap(),
            client_port: Some(4000),
            local: None,
            local_port: None,
            session: Session::Said(b"abc"),
            secured: true,
            hops: 3,
        };
        assert_eq!(seen().said(&said), Ok(expected));
    }

    #[test]
    fn gateway_that_says_nothing_or_nonsense_is_a_client_itself() {
        for said in [&[][..], &[("name", "mutt")], &[("x-originating-ip", "1.2.3.999"), ("x-proxy-ttl", "4")]]
        {
            assert_eq!(seen().said(&fields(said)), Ok(seen()));
        }
    }

    #[test]
    fn hops_end_and_nobody_gets_more_of_them() {
        let with = |hops| fields(&[("x-originating-ip", "192.0.2.7"), ("x-proxy-ttl", hops)]);
        for hops in ["1", "0"] {
            assert_eq!(seen().said(&with(hops)), Err(Looping));
        }
        for (hops, left) in [("2", 1), ("255", 4), ("256", 4), ("x", 4)] {
            assert_eq!(seen().said(&with(hops)).map(|origin| origin.hops), Ok(left), "{hops}");
        }
    }
}
