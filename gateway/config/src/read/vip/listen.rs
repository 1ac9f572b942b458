//! `listen`: addresses as people write them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sekisho_api::settings::{Problem, Section, Span};

use super::super::context::Context;
use crate::defaults;

/// Every address of the list, port ranges spread out, with the place it was written at.
pub(super) fn read(section: &mut Section<'_>, context: &Context<'_>) -> Vec<(SocketAddr, Span)> {
    const EXAMPLE: &str = "write addresses and ports: \"192.0.2.1:443\", \"[2001:db8::1]:443\", \"*:443\", \"192.0.2.1:5000-5009\"";
    if !section.has("listen") {
        section.missing("listen", EXAMPLE);
    }
    let mut found: Vec<(SocketAddr, Span)> = Vec::new();
    let Some(written) = section.texts("listen") else { return found };
    let before = context.errors.len();
    for item in &written {
        match addresses(item.value) {
            Ok((_, ports)) if found.len() + ports.len() > defaults::LISTEN_MAX => {
                let message = format!("a VIP listens on at most {} addresses", defaults::LISTEN_MAX);
                let label = format!("{} before and {} here", found.len(), ports.len());
                context.error(Problem::new(item.span.clone(), message, label));
                return found;
            }
            Ok((address, ports)) => {
                found.extend(ports.map(|port| (SocketAddr::new(address, port), item.span.clone())));
            }
            Err(reason) => {
                let message = format!("`{}` is not an address to listen on", item.value);
                context.error(Problem::new(item.span.clone(), message, reason).help(EXAMPLE));
            }
        }
    }
    if found.is_empty() && context.errors.len() == before {
        let problem =
            Problem::new(section.place("listen"), "`listen` is empty", "at least one address is needed");
        context.error(problem.help(EXAMPLE));
    }
    found
}

/// Address and ports: `ADDRESS:PORT` or `ADDRESS:FROM-TO`; ADDRESS is IPv4, `[IPv6]`, or `*` for both.
fn addresses(text: &str) -> Result<(IpAddr, std::ops::RangeInclusive<u16>), &'static str> {
    let (host, ports) = text.rsplit_once(':').ok_or("the port is missing")?;
    let address = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => IpAddr::V6(inner.parse().map_err(|_| "this is no IPv6 address")?),
        // A socket of the unspecified IPv6 address takes IPv4 clients as well.
        None if host == "*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        None if host.contains(':') => return Err("an IPv6 address stands in brackets"),
        None if host.is_empty() => return Err("the address is missing; `*` means every one"),
        None => IpAddr::V4(host.parse().map_err(|_| "this is no IP address")?),
    };
    let port = |text: &str| text.parse::<u16>().map_err(|_| "the port is no number from 0 to 65535");
    match ports.split_once('-') {
        None => port(ports).map(|only| (address, only..=only)),
        Some((from, to)) => match (port(from)?, port(to)?) {
            (0, _) => Err("a range begins at port 1 or later"),
            (from, to) if from > to => Err("the range ends before it begins"),
            (from, to) => Ok((address, from..=to)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_documented_form() {
        let check = |text: &str, address: &str, from, to| {
            assert_eq!(addresses(text), Ok((address.parse().unwrap(), from..=to)), "{text}");
        };
        check("192.0.2.1:443", "192.0.2.1", 443, 443);
        check("[2001:db8::1]:443", "2001:db8::1", 443, 443);
        check("*:80", "::", 80, 80);
        check("127.0.0.1:0", "127.0.0.1", 0, 0);
        check("192.0.2.1:5000-5009", "192.0.2.1", 5000, 5009);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", ":80", "443", "::1:80", "[::1]", "192.0.2.1", "host:80", "*:", "*:70000", "*:9-1", "*:0-5"]
        {
            assert!(addresses(text).is_err(), "{text}");
        }
    }
}
