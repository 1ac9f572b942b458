//! `addresses` and `peers`.

use std::net::IpAddr;

use sekisho_api::settings::{Problem, Section, Span};

use super::super::context::Context;
use crate::defaults;

const EXAMPLE: &str = "write addresses, with the length of the prefix if the link is theirs: \"203.0.113.10/24\", \"2001:db8::10/64\"";

/// The addresses that move, with the lengths of their prefixes, and where each stands.
pub(super) fn addresses(section: &mut Section<'_>, context: &Context<'_>) -> (Vec<(IpAddr, u8)>, Vec<Span>) {
    let (mut found, mut places) = (Vec::new(), Vec::new());
    if !section.has("addresses") {
        section.missing("addresses", EXAMPLE);
    }
    let Some(written) = section.texts("addresses") else { return (found, places) };
    let before = context.errors.len();
    for item in &written {
        match prefixed(item.value) {
            Ok(address) => {
                found.push(address);
                places.push(item.span.clone());
            }
            Err(reason) => {
                let message = format!("`{}` is not an address that can move", item.value);
                context.error(Problem::new(item.span.clone(), message, reason).help(EXAMPLE));
            }
        }
    }
    if found.is_empty() && context.errors.len() == before {
        let problem = Problem::new(section.place("addresses"), "`addresses` is empty", "nothing would move");
        context.error(problem.help(EXAMPLE));
    }
    for ipv6 in [false, true] {
        let count = found.iter().filter(|(address, _): &&(IpAddr, u8)| address.is_ipv6() == ipv6).count();
        if count > defaults::VRRP_ADDRESSES {
            let label = format!("{count} of one family, and an advert has {}", defaults::VRRP_ADDRESSES);
            let problem = Problem::new(section.place("addresses"), "too many addresses in one table", label);
            context.error(problem.help("share them out over several tables with one `group`"));
        }
    }
    (found, places)
}

fn prefixed(text: &str) -> Result<(IpAddr, u8), &'static str> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| "this is no IP address")?;
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Err("this address belongs to no single node");
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(prefix) => prefix.parse().map_err(|_| "the length of the prefix is no number")?,
    };
    if prefix == 0 || prefix > most {
        return Err("the length of the prefix is out of range");
    }
    Ok((address, prefix))
}

/// The other nodes: each family that has addresses needs one, if any is named.
pub(super) fn peers(
    section: &mut Section<'_>,
    addresses: &[(IpAddr, u8)],
    context: &Context<'_>,
) -> Vec<IpAddr> {
    let mut peers: Vec<IpAddr> = Vec::new();
    for item in section.texts("peers").unwrap_or_default() {
        let parsed = item.value.parse::<IpAddr>();
        match parsed {
            Ok(peer) if !peer.is_unspecified() && !peer.is_multicast() && !peer.is_loopback() => {
                if !peers.contains(&peer) {
                    peers.push(peer);
                }
            }
            _ => {
                let message = format!("`{}` is not the address of a node", item.value);
                let problem = Problem::new(item.span.clone(), message, "this is no address of one host");
                context
                    .error(problem.help("write the other node's own address on this link, without a port"));
            }
        }
    }
    for (ipv6, family) in [(false, "IPv4"), (true, "IPv6")] {
        let has = |mut all: Box<dyn Iterator<Item = IpAddr> + '_>| all.any(|one| one.is_ipv6() == ipv6);
        let wanted = has(Box::new(addresses.iter().map(|(address, _)| *address)));
        if !peers.is_empty() && wanted && !has(Box::new(peers.iter().copied())) {
            let message = format!("no peer hears of the {family} addresses");
            let label = format!("there is no {family} address here");
            let problem = Problem::new(section.place("peers"), message, label);
            context.error(problem.help(format!(
                "add the other node's own {family} address, or take `peers` out to speak by multicast"
            )));
        }
    }
    peers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_without_a_prefix_stands_for_itself() {
        assert_eq!(prefixed("203.0.113.10"), Ok(("203.0.113.10".parse().unwrap(), 32)));
        assert_eq!(prefixed("2001:db8::10/64"), Ok(("2001:db8::10".parse().unwrap(), 64)));
    }

    #[test]
    fn what_cannot_move_is_refused() {
        for text in
            ["", "host", "1.2.3.4/33", "1.2.3.4/0", "1.2.3.4/", "::1", "0.0.0.0", "224.0.0.18", "1.2.3.4:80"]
        {
            assert!(prefixed(text).is_err(), "{text}");
        }
    }
}
