//! Where clients connect, as an operator writes it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host, and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// A name or an address; IPv6 in brackets.
    host: String,
    /// None: that of the VIP.
    port: Option<u16>,
}

impl Place {
    /// Reads `HOST`, `HOST:PORT`, an IPv6 address, or one in brackets with a port.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(IpAddr::V6(address)) = text.parse() {
            return Ok(Self { host: format!("[{address}]"), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let usable = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains(NEVER_IN_A_HOST),
        };
        if !usable || host.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("expected a host and perhaps a port, such as desktop.example.org:3389".to_owned());
        }
        let number = |port: &str| port.parse().map_err(|_| format!("`{port}` is no port"));
        Ok(Self { host: host.to_owned(), port: port.map(number).transpose()? })
    }

    /// The same with this port if it has none; none if both have none.
    pub(crate) fn with_port(&self, port: Option<u16>) -> Option<Self> {
        self.port.or(port).map(|port| Self { host: self.host.clone(), port: Some(port) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

const NEVER_IN_A_HOST: [char; 5] = [':', '[', ']', '/', '@'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_a_host_and_perhaps_a_port() {
        let read = |text| Place::parse(text).ok().map(|place| place.to_string());
        for text in ["desktop.example.org", "192.0.2.1:3390", "[2001:db8::1]:3390", "[2001:db8::1]"] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(read("2001:db8::1").as_deref(), Some("[2001:db8::1]"));
        for text in
            ["", ":3389", "host:", "host:port", "host:65536", "a b", "a\r\nb:s:c", "[host]:1", "a:b:1"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn port_that_is_said_comes_before_any_other() {
        let with = |text, port| Place::parse(text).unwrap().with_port(port).map(|place| place.to_string());
        assert_eq!(with("host:1", Some(2)).as_deref(), Some("host:1"));
        assert_eq!(with("2001:db8::1", Some(2)).as_deref(), Some("[2001:db8::1]:2"));
        assert_eq!(with("host", None), None);
    }
}
