//! What becomes of a client that an operator describes.

use std::net::IpAddr;
use std::time::Instant;

use sekisho_api::{KeyKind, Route};

use super::Desk;
use crate::limits::Verdict;
use crate::prefix::Prefixes;
use crate::rules::Action;
use crate::text;
use crate::wire::{self, Query, opcode};

impl Desk {
    /// The route of a query of type A for the name that is said, from the subnet that is said.
    ///
    /// # Errors
    /// A phrase: which word is wrong, or how the gateway answers such a query itself.
    pub(crate) fn described(
        &self,
        client: IpAddr,
        said: &[(KeyKind, &str)],
    ) -> Result<Option<Route>, String> {
        if matches!(self.limits.judge(client, Instant::now()), Verdict::Denied) {
            return Err(format!("{client} is refused: `allow` and `deny` say so"));
        }
        let (mut name, mut subnet) = (None, None);
        for (kind, word) in said {
            match *kind {
                KeyKind::QNAME => {
                    name = Some(text::name(word).map_err(|why| format!("`{word}` is no name: {why}"))?);
                }
                KeyKind::CLIENT_SUBNET => subnet = Some(network(word)?),
                KeyKind::CLIENT_QNAME => {
                    return Err(
                        "the client and the name make this key: say `--client` and `--key qname=…`".into()
                    );
                }
                _ => {}
            }
        }
        let message = message(name.as_deref(), subnet);
        let query = wire::query(&message).map_err(|_| "no query can be made of this")?;
        self.led(&query, client)
    }

    fn led(&self, query: &Query<'_>, client: IpAddr) -> Result<Option<Route>, String> {
        match self.rules.find(query.question.as_ref(), client) {
            None => Ok(Some(self.keys.route(query, client, 0))),
            Some(Action::Pool(index)) => Ok(Some(self.keys.route(query, client, index))),
            Some(Action::NxDomain(_)) => Err("a rule answers: there is no such name".to_owned()),
            Some(Action::Refuse(_)) => Err("a rule refuses the query".to_owned()),
            Some(Action::Drop) => Err("a rule drops the query".to_owned()),
        }
    }
}

/// A query for a name (type A, class IN), from a subnet; without a name, a message that asks nothing.
fn message(name: Option<&[u8]>, subnet: Option<(IpAddr, u8)>) -> Vec<u8> {
    let (opcode, questions) = if name.is_some() { (opcode::QUERY, 1) } else { (STATUS, 0) };
    let mut message = vec![0, 0, opcode << 3, 0, 0, questions, 0, 0, 0, 0, 0, u8::from(subnet.is_some())];
    if let Some(name) = name {
        message.extend_from_slice(name);
        message.extend_from_slice(&[0, 1, 0, 1]);
    }
    if let Some((address, bits)) = subnet {
        let (family, octets) = match address {
            IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            IpAddr::V6(v6) => (2, v6.octets().to_vec()),
        };
        let octets = octets.iter().take(usize::from(bits.div_ceil(8)));
        let length = octets.len() as u8;
        // OPT for answers of 1232 bytes (RFC 6891, section 6.1.2), and in it the subnet (RFC 7871, section 6).
        message.extend_from_slice(&[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 8 + length]);
        message.extend_from_slice(&[0, 8, 0, 4 + length, 0, family, bits, 0]);
        message.extend(octets);
    }
    message
}

/// `192.0.2.0/24`, or an address of which the usual bits count (RFC 7871, section 11.1).
fn network(word: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("`{word}` is no subnet: write 192.0.2.0/24 or 2001:db8::/56");
    let (address, bits) = match word.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().map_err(|_| wrong())?)),
        None => (word, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let (most, usual) = if address.is_ipv4() { (32, 24) } else { (128, 56) };
    let bits = bits.unwrap_or(usual);
    if !(1..=most).contains(&bits) {
        return Err(wrong());
    }
    Ok((Prefixes { v4: bits.min(32), v6: bits }.of(address), bits))
}

/// An opcode whose messages need no question (RFC 1035, section 4.1.1).
const STATUS: u8 = 2;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sekisho_api::{DATAGRAM, Facts, Handler, Request};

    use super::*;
    use crate::{Dns, testing};

    const VIP: &str = r#"
        hash-by = "qname"
        qname-labels = 2
        deny = ["198.51.100.0/24"]
        rules = [
            { qname = "corp.example", pool = "internal" },
            { qname = "bad.example", answer = "refused" },
        ]
    "#;

    fn vip() -> Handler {
        let persist = [KeyKind::CLIENT_SUBNET, KeyKind::QNAME, KeyKind::CLIENT_QNAME];
        let (handler, problems) = testing::handler(&Dns::new(), VIP, "", &persist, false);
        assert!(problems.is_empty(), "{problems:?}");
        handler.unwrap()
    }

    fn described(said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        vip().described([192, 0, 2, 1].into(), said)
    }

    #[test]
    fn described_client_has_the_route_of_one_that_asks() {
        let vip = vip();
        let Handler::Pair(exchange, _) = &vip else { panic!("{vip:?}") };
        let client = SocketAddr::from(([192, 0, 2, 1], 5353));
        let name = text::name("www.corp.example").unwrap();
        let asked = exchange.request(
            &message(Some(&name), None),
            &Facts::plain(client, client),
            Instant::now(),
            &mut vec![0; DATAGRAM],
        );
        let Request::Forward(asked) = asked else { panic!("{asked:?}") };
        let route = vip.described(client.ip(), &[(KeyKind::QNAME, "WWW.corp.example.")]).unwrap().unwrap();
        assert_eq!((route.pool, route.hash), (1, asked.route.hash));
        assert_eq!(route.keys, asked.route.keys);
        assert_eq!(route.keys.len(), 3);
    }

    #[test]
    fn without_a_name_the_client_is_known_by_its_network_alone() {
        let route = described(&[(KeyKind::CLIENT_SUBNET, "203.0.113.9/24")]).unwrap().unwrap();
        let keys: Vec<_> = route.keys.iter().map(|key| (key.kind(), key.expose())).collect();
        assert_eq!(keys, [(KeyKind::CLIENT_SUBNET, &[203, 0, 113, 0][..])]);
        assert_eq!((route.pool, route.hash), (0, None));
    }

    #[test]
    fn what_is_mistyped_or_answered_by_the_gateway_is_said() {
        for (said, expected) in [
            ((KeyKind::QNAME, "www..example"), "`www..example` is no name: it has an empty label"),
            ((KeyKind::QNAME, "www.bad.example"), "a rule refuses the query"),
            ((KeyKind::CLIENT_SUBNET, "here"), "`here` is no subnet: write 192.0.2.0/24 or 2001:db8::/56"),
        ] {
            assert_eq!(described(&[said]).unwrap_err(), expected);
        }
        let denied = vip().described([198, 51, 100, 7].into(), &[]).unwrap_err();
        assert_eq!(denied, "198.51.100.7 is refused: `allow` and `deny` say so");
    }

    #[test]
    fn subnet_is_read_with_its_length_or_the_usual_one() {
        for (word, expected) in [
            ("192.0.2.77/24", Some(("192.0.2.0", 24))),
            ("192.0.2.77", Some(("192.0.2.0", 24))),
            ("2001:db8:1:2:3::1", Some(("2001:db8:1::", 56))),
            ("192.0.2.77/33", None),
            ("192.0.2.77/0", None),
            ("here", None),
        ] {
            let expected = expected.map(|(address, bits): (&str, u8)| (address.parse().unwrap(), bits));
            assert_eq!(network(word).ok(), expected, "{word}");
        }
    }
}
