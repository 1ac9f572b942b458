//! Whom a proxy speaks for, as far as its word is taken.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::{Facts, Networks, Proxy, TlsFacts};

use super::parse::{Header, parse_datagram};
use super::tlv;

/// What a header says of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// The client and the address that it reached; none where the proxy speaks for itself.
    pub(crate) told: Option<(SocketAddr, SocketAddr)>,
    unique_id: Option<Box<str>>,
    tls: Option<Arc<TlsFacts>>,
}

impl Introduction {
    /// What a header says that stands at the beginning of `bytes`.
    pub(super) fn new(header: &Header, bytes: &[u8]) -> Self {
        let Some(told) = header.told else { return Self::default() };
        let more = tlv::read(bytes.get(header.tlvs..header.length).unwrap_or_default());
        Self { told: Some(told), unique_id: more.unique_id, tls: more.tls }
    }

    /// Makes facts of a proxy those of its client.
    pub(crate) fn apply(self, facts: &mut Facts) {
        let Some((client, local)) = self.told else { return };
        let proxy = Proxy { address: facts.client, unique_id: self.unique_id };
        (facts.client, facts.local, facts.tls) = (client, local, self.tls);
        facts.proxy = Some(Box::new(proxy));
    }
}

/// Who sent a datagram that `from` brought, and what was sent.
///
/// # Errors
/// Why its word is not taken.
pub(crate) fn datagram<'a>(
    proxies: &Networks,
    from: SocketAddr,
    bytes: &'a [u8],
) -> Result<(Introduction, &'a [u8]), &'static str> {
    if !proxies.contains(from.ip()) {
        return Err("untrusted-proxy");
    }
    let header = parse_datagram(bytes).map_err(|_| "proxy-header")?;
    let rest = bytes.get(header.length..).unwrap_or_default();
    Ok((Introduction::new(&header, bytes), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagram_is_its_clients_if_its_bringer_is_trusted() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (client, local, proxy) =
            (address("192.0.2.7:1"), address("203.0.113.1:53"), address("10.0.0.2:9"));
        let mut bytes = [0; super::super::DATAGRAM_HEADER + 8];
        let length = super::super::v2_datagram(client, local, &mut bytes).unwrap();
        bytes[length..length + 8].copy_from_slice(b"question");
        let bytes = &bytes[..length + 8];
        let trusted = Networks::from_iter(["10.0.0.0/8".parse().unwrap()]);

        let (introduction, rest) = datagram(&trusted, proxy, bytes).unwrap();
        assert_eq!(rest, b"question");
        let mut facts = Facts::plain(proxy, address("10.0.0.1:53"));
        introduction.apply(&mut facts);
        assert_eq!((facts.client, facts.local), (client, local));
        assert_eq!(facts.proxy, Some(Box::new(Proxy { address: proxy, unique_id: None })));

        assert_eq!(datagram(&trusted, client, bytes), Err("untrusted-proxy"));
        assert_eq!(datagram(&trusted, proxy, b"question"), Err("proxy-header"));
    }

    #[test]
    fn proxy_that_speaks_for_itself_is_its_own_client() {
        let trusted = Networks::from_iter(["10.0.0.2".parse().unwrap()]);
        let own = [super::super::own(sekisho_config::ProxyVersion::V2), b"question"].concat();
        let proxy = "10.0.0.2:9".parse().unwrap();
        let (introduction, rest) = datagram(&trusted, proxy, &own).unwrap();
        assert_eq!((&introduction, rest), (&Introduction::default(), &b"question"[..]));
        let mut facts = Facts::plain(proxy, "10.0.0.1:53".parse().unwrap());
        introduction.apply(&mut facts);
        assert_eq!((facts.client, facts.proxy), (proxy, None));
    }
}
