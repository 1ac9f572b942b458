//! Which certificate a client is shown: a pure look-up by the names they bear.

use std::collections::HashMap;
use std::net::IpAddr;

/// The names that certificates bear, each with the certificates that bear it, in the order of the configuration.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashMap<Box<str>, Vec<usize>>,
    /// `*.example.org` stands here as `example.org`.
    wildcard: HashMap<Box<str>, Vec<usize>>,
    addresses: HashMap<IpAddr, Vec<usize>>,
}

/// A name in a certificate's subject alternative names (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A DNS name, lower-case, perhaps with `*` as its first label.
    Dns(Box<str>),
    /// An address.
    Address(IpAddr),
}

impl Names {
    /// Adds the names of certificate number `index`.
    pub(super) fn add(&mut self, index: usize, names: &[Name]) {
        for name in names {
            match name {
                Name::Address(address) => self.addresses.entry(*address).or_default().push(index),
                Name::Dns(dns) => match dns.strip_prefix("*.") {
                    Some(parent) => self.wildcard.entry(parent.into()).or_default().push(index),
                    None => self.exact.entry(dns.clone()).or_default().push(index),
                },
            }
        }
    }

    /// The certificates for a client that asked for `name`, or, if it asked for none, that reached `local`.
    ///
    /// An exact name beats a wildcard; a wildcard stands for one label (RFC 9525, section 6.3). Empty: none fits.
    pub(super) fn find(&self, name: Option<&str>, local: IpAddr) -> &[usize] {
        let Some(name) = name else {
            return self.addresses.get(&local.to_canonical()).map_or(&[], Vec::as_slice);
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let wildcard = || {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(parent) }
        };
        self.exact.get(name.as_str()).or_else(wildcard).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(certificates: &[&[&str]]) -> Names {
        let mut names = Names::default();
        for (index, certificate) in certificates.iter().enumerate() {
            let parsed: Vec<_> = certificate
                .iter()
                .map(|name| name.parse().map_or_else(|_| Name::Dns((*name).into()), Name::Address))
                .collect();
            names.add(index, &parsed);
        }
        names
    }

    #[test]
    fn exact_beats_wildcard_and_a_wildcard_is_one_label() {
        let names = names(&[
            &["*.example.org", "192.0.2.1"],
            &["www.example.org", "2001:db8::1"],
            &["example.net", "www.example.org"],
        ]);
        let local = "198.51.100.1".parse().unwrap();
        for (asked, expected) in [
            ("www.example.org", &[1, 2][..]),
            ("WWW.Example.ORG", &[1, 2]),
            ("www.example.org.", &[1, 2]),
            ("mail.example.org", &[0]),
            ("a.mail.example.org", &[]),
            ("example.org", &[]),
            (".example.org", &[]),
            ("example.net", &[2]),
            ("www.example.net", &[]),
            ("", &[]),
            (".", &[]),
            ("*.example.org", &[0]),
        ] {
            assert_eq!(names.find(Some(asked), local), expected, "{asked}");
        }
    }

    #[test]
    fn address_reached_counts_only_without_a_name() {
        let names = names(&[&["a.example"], &["192.0.2.1"], &["2001:db8::1"]]);
        let find = |name, local: &str| names.find(name, local.parse().unwrap()).to_vec();
        assert_eq!(find(None, "192.0.2.1"), [1]);
        assert_eq!(find(None, "::ffff:192.0.2.1"), [1]);
        assert_eq!(find(None, "2001:db8::1"), [2]);
        assert_eq!(find(None, "192.0.2.2"), Vec::<usize>::new());
        assert_eq!(find(Some("b.example"), "192.0.2.1"), Vec::<usize>::new());
    }
}
