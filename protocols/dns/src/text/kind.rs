//! The names of types (IANA, Domain Name System Parameters, Resource Record TYPEs).

use std::borrow::Cow;

/// A type by its name in any case, by `TYPE` and its number (RFC 3597, section 5), or by the number alone.
pub(crate) fn kind(text: &str) -> Option<u16> {
    let known = KINDS.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
    known.map(|(number, _)| *number).or_else(|| {
        let prefix = text.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("TYPE"));
        let digits = prefix.and_then(|_| text.get(4..)).unwrap_or(text);
        digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// The type's name, or `TYPE` and its number.
pub(crate) fn show_kind(number: u16) -> Cow<'static, str> {
    match KINDS.binary_search_by_key(&number, |(known, _)| *known).ok().and_then(|at| KINDS.get(at)) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("TYPE{number}")),
    }
}

/// By number.
const KINDS: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAP-PTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (39, "DNAME"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (256, "URI"),
    (257, "CAA"),
    (258, "AVC"),
    (32769, "DLV"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_name_and_by_number() {
        assert!(KINDS.is_sorted_by_key(|(number, _)| *number));
        for (text, number) in [("aaaa", 28), ("HTTPS", 65), ("TYPE65", 65), ("type4711", 4711), ("255", 255)]
        {
            assert_eq!(kind(text), Some(number), "{text}");
        }
        for bad in ["", "TYPE", "AAAAA", "65536", "TYPE-1", "+1", "TYPE+1"] {
            assert_eq!(kind(bad), None, "{bad}");
        }
        assert_eq!((&*show_kind(65), &*show_kind(4711)), ("HTTPS", "TYPE4711"));
    }
}
