//! What a certificate says of whom, names as RFC 4514 text.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use sekisho_api::ClientCertificate;
use x509_parser::asn1_rs::Any;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// The subject of a certificate: `CN=alice,O=Example`, the most particular first.
///
/// `None` for what is no certificate, an empty subject, and one that is absurdly long.
pub(super) fn subject(der: &[u8]) -> Option<Box<str>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    name(certificate.subject())
}

/// All else of a client's certificate; `None` for what is no certificate.
pub(super) fn client(der: &[u8]) -> Option<ClientCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let issuer = name(certificate.issuer()).unwrap_or_default();
    let number = certificate.raw_serial();
    // DER has a zero before a number whose first bit is set (X.690, section 8.3).
    let number = number.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(number);
    let mut serial = String::with_capacity(number.len() * 2);
    for byte in number {
        let _ = write!(serial, "{byte:02X}");
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, der).as_ref());
    Some(ClientCertificate { der: der.into(), issuer, serial: serial.into(), fingerprint })
}

fn name(name: &X509Name<'_>) -> Option<Box<str>> {
    let rdns: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for rdn in rdns.into_iter().rev() {
        for (position, attribute) in rdn.iter().enumerate() {
            if !text.is_empty() {
                text.push(if position == 0 { ',' } else { '+' });
            }
            let oid = attribute.attr_type().to_id_string();
            let value = attribute.attr_value();
            match short_name(&oid).zip(string(value)) {
                Some((name, value)) => {
                    text.push_str(name);
                    text.push('=');
                    escape(&mut text, value);
                }
                None => hexadecimal(&mut text, &oid, value),
            }
        }
    }
    (!text.is_empty() && text.len() <= LONGEST).then(|| text.into())
}

/// Until when a certificate holds; `None` for what is no certificate.
pub(super) fn not_after(der: &[u8]) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The short names of RFC 4514, section 3.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        _ => return None,
    })
}

/// The text of a value whose type holds UTF-8 or a part of it.
fn string<'a>(value: &Any<'a>) -> Option<&'a str> {
    // UTF8String, NumericString, PrintableString, IA5String.
    matches!(value.tag().0, 12 | 18 | 19 | 22).then(|| std::str::from_utf8(value.data).ok()).flatten()
}

/// RFC 4514, section 2.4; control characters are escaped as well, for the text goes to logs and headers.
fn escape(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (position, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            ' ' if position == 0 || position == last => text.push_str("\\ "),
            '#' if position == 0 => text.push_str("\\#"),
            c if c.is_control() => {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(text, "\\{byte:02x}");
                }
            }
            c => text.push(c),
        }
    }
}

/// A type without a short name: its number, and the value as BER in hexadecimal (section 2.4, first case).
fn hexadecimal(text: &mut String, oid: &str, value: &Any<'_>) {
    let _ = write!(text, "{oid}=#{:02x}", value.tag().0 & 0x1f);
    match value.data.len() {
        short @ 0..=0x7f => {
            let _ = write!(text, "{short:02x}");
        }
        long @ 0x80..=0xff => {
            let _ = write!(text, "81{long:02x}");
        }
        longer => {
            let _ = write!(text, "82{:04x}", longer & 0xffff);
        }
    }
    for byte in value.data {
        let _ = write!(text, "{byte:02x}");
    }
}

/// A longer name is not handed on: headers have limits.
const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn subject_of(pairs: &[(rcgen::DnType, &str)]) -> Option<Box<str>> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in pairs {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        subject(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn subject_stands_most_particular_first() {
        use rcgen::DnType::{CommonName, CountryName, OrganizationName};
        let text = subject_of(&[(CountryName, "AT"), (OrganizationName, "Example"), (CommonName, "alice")]);
        assert_eq!(text.as_deref(), Some("CN=alice,O=Example,C=AT"));
    }

    #[test]
    fn special_characters_are_escaped() {
        use rcgen::DnType::CommonName;
        for (raw, expected) in [
            ("Smith, John", "CN=Smith\\, John"),
            ("a+b=c", "CN=a\\+b=c"),
            ("#1", "CN=\\#1"),
            (" edge ", "CN=\\ edge\\ "),
            ("line\r\nbreak", "CN=line\\0d\\0abreak"),
            ("Jörg", "CN=Jörg"),
            ("a\"b\\c<d>;", "CN=a\\\"b\\\\c\\<d\\>\\;"),
        ] {
            assert_eq!(subject_of(&[(CommonName, raw)]).as_deref(), Some(expected));
        }
    }

    #[test]
    fn unnamed_types_are_hexadecimal() {
        let kind = rcgen::DnType::CustomDnType(vec![2, 5, 4, 5]);
        assert_eq!(subject_of(&[(kind, "42")]).as_deref(), Some("2.5.4.5=#0c023432"));
    }

    #[test]
    fn end_of_validity_is_read() {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(1_927_843_200);
        assert_eq!(not_after(certificate.der()), Some(expected));
        assert_eq!(not_after(b"garbage"), None);
    }

    #[test]
    fn clients_certificate_is_known_by_issuer_serial_and_fingerprint() {
        use rcgen::DnType::{CommonName, OrganizationName};
        for (number, serial) in
            [(&[0x0a, 0xbc][..], "0ABC"), (&[0xff; 20], &"FF".repeat(20)), (&[1], "01"), (&[0x80], "80")]
        {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(OrganizationName, "Example, Inc.");
            params.distinguished_name.push(CommonName, "authority");
            params.serial_number = Some(number.to_vec().into());
            let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            let read = client(certificate.der()).unwrap();
            assert_eq!((&*read.issuer, &*read.serial), ("CN=authority,O=Example\\, Inc.", serial));
            assert_eq!(*read.der, **certificate.der());
            assert_eq!(read.fingerprint, digest(&SHA256, certificate.der()).as_ref());
        }
        assert_eq!(client(b"garbage"), None);
    }

    #[test]
    fn what_is_no_certificate_or_empty_has_no_subject() {
        assert_eq!(subject(b"garbage"), None);
        assert_eq!(subject_of(&[]), None);
    }
}
