//! How many bits of an address count.

use std::net::IpAddr;

use sekisho_api::settings::Section;

/// How many bits of an address count, of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefixes {
    /// 1 to 32.
    pub(crate) v4: u8,
    /// 1 to 128.
    pub(crate) v6: u8,
}

impl Prefixes {
    /// All of them.
    pub(crate) const WHOLE: Self = Self { v4: 32, v6: 128 };

    /// Reads the table `{ ipv4 = …, ipv6 = … }` under `key`.
    pub(crate) fn read(section: &mut Section<'_>, key: &'static str, default: Self) -> Self {
        let Some(mut table) = section.table(key) else { return default };
        let prefixes = Self::read_as(&mut table, ["ipv4", "ipv6"], default);
        table.finish();
        prefixes
    }

    /// Reads both from keys of the section itself.
    pub(crate) fn read_as(section: &mut Section<'_>, [v4, v6]: [&'static str; 2], default: Self) -> Self {
        let mut bits = |key, default: u8, most: u64| {
            let bits = section.integer(key, u64::from(default), 1..=most);
            u8::try_from(bits).unwrap_or(default)
        };
        Self { v4: bits(v4, default.v4, 32), v6: bits(v6, default.v6, 128) }
    }

    /// The address with nothing but the bits that count. An IPv4-mapped IPv6 address counts as the IPv4 address
    /// that it is.
    pub(crate) fn of(self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V4(a) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.v4.min(32))).unwrap_or(0);
                IpAddr::V4((a.to_bits() & mask).into())
            }
            IpAddr::V6(a) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.v6.min(128))).unwrap_or(0);
                IpAddr::V6((a.to_bits() & mask).into())
            }
        }
    }

    /// The bits that count of this address.
    pub(crate) fn bits(self, address: IpAddr) -> u8 {
        if address.to_canonical().is_ipv4() { self.v4 } else { self.v6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_bits_that_count_and_mapped_ones_are_ipv4() {
        let prefixes = Prefixes { v4: 24, v6: 56 };
        for (address, masked) in [
            ("192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2ff:3::4", "2001:db8:1:200::"),
        ] {
            assert_eq!(prefixes.of(address.parse().unwrap()), masked.parse::<IpAddr>().unwrap(), "{address}");
        }
        assert_eq!(Prefixes::WHOLE.of("::1".parse().unwrap()), "::1".parse::<IpAddr>().unwrap());
    }
}
