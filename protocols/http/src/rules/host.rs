//! Hosts by name: whole, or everything below a domain.

/// A host that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// This name, in lower case.
    Exactly(Box<str>),
    /// Every name below this domain, which begins with its dot: `.example.org` for `*.example.org`.
    Below(Box<str>),
}

impl HostPattern {
    /// Reads `www.example.org`, `*.example.org` or an address; `None` for what can be neither.
    pub(super) fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (below, name) = match lower.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, &*lower),
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let fits = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok() && !below,
            None => {
                !name.is_empty() && name.len() <= 253 && name.bytes().all(in_name) && !name.starts_with('.')
            }
        };
        fits.then(|| match below {
            true => Self::Below(format!(".{name}").into()),
            false => Self::Exactly(name.into()),
        })
    }

    /// Whether a valid Host field means it: without regard to case, to a port, and to the dot that ends a full name.
    pub(super) fn matches(&self, host: &[u8]) -> bool {
        let name = name(host);
        match self {
            Self::Exactly(wanted) => name.eq_ignore_ascii_case(wanted.as_bytes()),
            Self::Below(domain) => {
                let at = name.len().checked_sub(domain.len()).filter(|&at| at > 0);
                let tail = at.and_then(|at| name.get(at..));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(domain.as_bytes()))
            }
        }
    }
}

/// A Host field without its port and without the dot that ends a full name.
pub(super) fn name(host: &[u8]) -> &[u8] {
    let name = match host.first() {
        Some(b'[') => host.iter().position(|&b| b == b']').and_then(|end| host.get(..=end)).unwrap_or(host),
        _ => host.split(|&b| b == b':').next().unwrap_or_default(),
    };
    name.strip_suffix(b".").unwrap_or(name)
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        HostPattern::read(pattern).unwrap().matches(host.as_bytes())
    }

    #[test]
    fn name_is_compared_without_case_port_and_last_dot() {
        for host in ["www.example.org", "WWW.Example.ORG", "www.example.org:8443", "www.example.org."] {
            assert!(matches("www.example.org", host), "{host}");
        }
        for host in ["example.org", "xwww.example.org", "www.example.org.evil", ""] {
            assert!(!matches("www.example.org", host), "{host}");
        }
        assert!(matches("[2001:db8::1]", "[2001:DB8::1]:80"));
        assert!(matches("192.0.2.1", "192.0.2.1:80"));
    }

    #[test]
    fn star_means_every_name_below_and_not_the_domain_itself() {
        assert!(matches("*.example.org", "a.example.org"));
        assert!(matches("*.example.org", "a.b.EXAMPLE.org:80"));
        for host in ["example.org", ".example.org", "badexample.org"] {
            assert!(!matches("*.example.org", host), "{host}");
        }
    }

    #[test]
    fn what_can_be_no_host_is_refused() {
        for text in ["", "*", "*.", "a b", "http://a", "a/b", "a:80", "*.*.org", "[::1", ".org"] {
            assert_eq!(HostPattern::read(text), None, "{text}");
        }
    }
}
