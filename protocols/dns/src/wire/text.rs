//! Names and types as texts, for configuration and logs.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::name::{NAME, labels};

/// A name as master files write it (RFC 1035, section 5.1), without the dot of the root, which alone is `.`.
///
/// Dots and backslashes in labels are escaped by a backslash, whatever else is not printable ASCII by three decimal
/// digits: nothing that a client sends can break a line or imitate another name.
pub(crate) fn name_text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for label in labels(name) {
        if !text.is_empty() {
            text.push('.');
        }
        for &octet in label {
            match octet {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                    text.push('\\');
                    text.push(char::from(octet));
                }
                0x21..=0x7e => text.push(char::from(octet)),
                _ => _ = write!(text, "\\{octet:03}"),
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

/// The name that [`name_text`] or a person wrote, uncompressed, with the root label; a dot at the end may be left
/// out. `None` if a label is empty or too long, or the name is.
pub(crate) fn name_from_text(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len() + 2);
    let mut label = Vec::new();
    let mut rest = if text == "." { &[] } else { text.as_bytes() };
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        match (octet, behind) {
            (b'.', _) => close_label(&mut name, &mut label)?,
            (b'\\', &[a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ref behind @ ..]) => {
                let value =
                    [a, b, c].iter().fold(0, |value: u16, digit| value * 10 + u16::from(digit - b'0'));
                label.push(u8::try_from(value).ok()?);
                rest = behind;
            }
            (b'\\', &[escaped, ref behind @ ..]) if !escaped.is_ascii_digit() => {
                label.push(escaped);
                rest = behind;
            }
            (b'\\', _) => return None,
            _ => label.push(octet),
        }
    }
    if !label.is_empty() {
        close_label(&mut name, &mut label)?;
    }
    name.push(0);
    (!text.is_empty() && name.len() <= NAME).then_some(name)
}

fn close_label(name: &mut Vec<u8>, label: &mut Vec<u8>) -> Option<()> {
    name.push(u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?);
    name.append(label);
    Some(())
}

/// A type's name in the registry of IANA, or `TYPE65280` for one without (RFC 3597, section 5).
pub(crate) fn type_text(kind: u16) -> Cow<'static, str> {
    match TYPES.binary_search_by_key(&kind, |&(number, _)| number).ok().and_then(|index| TYPES.get(index)) {
        Some(&(_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("TYPE{kind}")),
    }
}

/// The type of a name, in any case, or of `TYPE` and a number.
pub(crate) fn type_from_text(text: &str) -> Option<u16> {
    if let Some(&(kind, _)) = TYPES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
        return Some(kind);
    }
    let (prefix, number) = text.split_at_checked(4)?;
    let digits = number.bytes().all(|octet| octet.is_ascii_digit());
    number.parse().ok().filter(|_| digits && prefix.eq_ignore_ascii_case("TYPE"))
}

/// By number.
const TYPES: [(u16, &str); 68] = [
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
