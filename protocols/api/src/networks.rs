//! Networks: whose word is taken for a client's address, and whatever else a list of addresses decides.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::settings::{Problem, Section};

/// Networks, in the order of the configuration. None at all is an empty list, in which no address is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Box<[Network]>);

impl Networks {
    /// Whether `address` is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether there is none of them.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the list under `key`; what is wrong is recorded and left out. `None` if the key is not written.
    pub fn read(section: &mut Section<'_>, key: &'static str) -> Option<Self> {
        let mut networks = Vec::new();
        for text in section.texts(key)? {
            match text.value.parse::<Network>() {
                Ok(network) => networks.push(network),
                Err(error) => {
                    let message = format!("`{}` is not a network", text.value);
                    section.problem(
                        Problem::new(text.span, message, error.to_string()).help(match error {
                            NetworkError::Beyond(network) => format!("write \"{network}\""),
                            _ => {
                                "write an address and a prefix length, such as \"10.0.0.0/8\" or \"fd00::/8\""
                                    .to_owned()
                            }
                        }),
                    );
                }
            }
        }
        Some(Self(networks.into()))
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<T: IntoIterator<Item = Network>>(networks: T) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// A network in CIDR notation (RFC 4632, section 3.1); an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// INVARIANT: only the first `bits` bits are set.
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` belongs to it. An IPv4-mapped IPv6 address counts as the IPv4 address that it is.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// What stands before the slash is no address.
    #[error("this is no IP address")]
    Address,
    /// What stands behind it is no number.
    #[error("the prefix length is no number")]
    Length,
    /// The address has fewer bits than that.
    #[error("the prefix is longer than the address")]
    TooLong,
    /// An address inside the network stands where the network's own should: perhaps a slip, of one or the other.
    #[error("the address has bits beyond its prefix")]
    Beyond(Network),
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| NetworkError::Length)?;
        if bits > width {
            return Err(NetworkError::TooLong);
        }
        let network = Self { address: masked(address, bits), bits };
        if network.address == address { Ok(network) } else { Err(NetworkError::Beyond(network)) }
    }
}

/// `address` with nothing but its first `bits` bits.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(a) => (a.to_bits() & u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0))
            .to_be_bytes()
            .into(),
        IpAddr::V6(a) => (a.to_bits() & u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0))
            .to_be_bytes()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Node, Problems, Table, Value};

    #[test]
    fn network_holds_the_addresses_of_its_prefix_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", NetworkError::Address),
            ("example.org", NetworkError::Address),
            ("10.0.0.0/-1", NetworkError::Length),
            ("10.0.0.0/8/8", NetworkError::Length),
            ("10.0.0.0/33", NetworkError::TooLong),
            ("::/129", NetworkError::TooLong),
            ("10.1.2.3/8", NetworkError::Beyond("10.0.0.0/8".parse().unwrap())),
        ] {
            assert_eq!(text.parse::<Network>(), Err(reason), "{text}");
        }
    }

    #[test]
    fn written_list_is_told_from_none_even_when_it_is_empty() {
        let entry = ("networks".to_owned(), 0..1, Node { span: 1..2, value: Value::List(Vec::new()) });
        let (table, problems) = (Table { entries: vec![entry] }, Problems::new());
        let mut section = Section::new(&table, 0..1, &problems);
        assert_eq!(Networks::read(&mut section, "networks"), Some(Networks::default()));
        assert_eq!(Networks::read(&mut section, "others"), None);
        assert!(problems.is_empty());
    }
}
