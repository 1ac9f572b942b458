//! Telling the server about the client's TLS: its certificate above all.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::TRAILER;
use http::{HeaderMap, HeaderName, HeaderValue};
use sekisho_api::settings::{Found, Problem, Section, Value};
use sekisho_api::{Facts, TlsFacts};
use smallvec::SmallVec;

use crate::forward::Own;
use crate::reserved;
use crate::text::Text;

/// The fields of a VIP, each with what stands in it. None of them ever comes from a client.
#[derive(Debug, Default)]
pub(crate) struct TlsFields(Box<[(HeaderName, Fact)]>);

/// Something about the client's TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Version,
    Cipher,
    ServerName,
    Alpn,
    /// `SUCCESS` or `NONE`.
    Verify,
    Subject,
    Issuer,
    Serial,
    /// As HTTP writes dates.
    NotAfter,
    /// SHA-256, hexadecimal in small letters.
    Fingerprint,
    /// As RFC 9440 has it, section 2.1: a byte sequence of structured fields.
    Certificate,
}

impl TlsFields {
    /// Reads `tls-headers`, a table of fields and facts, none of which is that of the requests' numbers. What is wrong is
    /// recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, number: Option<&HeaderName>) -> Self {
        let Some(table) = section.table("tls-headers") else { return Self::default() };
        let mut fields = Vec::new();
        for (text, span, node) in table.entries() {
            let name = reserved::read(&table, Found { value: text, span: span.clone() }, "a fact");
            if let Some(number) = number
                && same(number.as_str().as_bytes(), text.as_bytes())
            {
                let message = format!("`{text}` can be no field for a fact");
                let problem = Problem::new(span, message, "the number of a request stands in it");
                table.problem(problem.help("give one of them another name, see `request-id-header`"));
            }
            let word = if let Value::Text(word) = &node.value { word } else { "" };
            let fact = FACTS.iter().find(|(known, _)| *known == word).map(|(_, fact)| *fact);
            if fact.is_none() {
                let known: Vec<&str> = FACTS.iter().map(|(word, _)| *word).collect();
                let problem = Problem::new(
                    node.span.clone(),
                    format!("`{text}` is told nothing known"),
                    "not known here",
                );
                table.problem(problem.help(format!("one of: {}", known.join(", "))));
            }
            fields.extend(name.zip(fact));
        }
        Self(fields.into())
    }

    /// Writes the fields of one request, and removes what its client wrote in their place.
    pub(crate) fn write(&self, headers: &mut HeaderMap, facts: &Facts, own: &Own) {
        self.remove(headers);
        let Some(tls) = facts.tls.as_ref().filter(|_| !self.0.is_empty()) else { return };
        let values = own.tls.get_or_init(|| self.0.iter().map(|(_, fact)| fact.value(tls)).collect());
        for ((name, _), value) in self.0.iter().zip(values) {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }

    /// Whether a server may take a field of this name for one of these.
    fn has(&self, name: &[u8]) -> bool {
        self.0.iter().any(|(own, _)| same(own.as_str().as_bytes(), name))
    }

    /// Removes the fields, and those that a server takes for them: many read `_` as `-`.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        for (name, _) in &self.0 {
            headers.remove(name);
        }
        let disguised =
            |name: &&HeaderName| name.as_str().contains('_') && self.has(name.as_str().as_bytes());
        let disguised: SmallVec<[HeaderName; 2]> = headers.keys().filter(disguised).cloned().collect();
        for name in disguised {
            headers.remove(name);
        }
        // Trailers pass where they are announced, and a server may take them for fields.
        let mut announced =
            headers.get_all(TRAILER).iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
        if announced.any(|name| self.has(name.trim_ascii())) {
            headers.remove(TRAILER);
        }
    }
}

/// Whether two names are one to a server that reads `_` as `-`.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.iter().map(plain).eq(other.iter().map(plain))
}

impl Fact {
    fn value(self, tls: &TlsFacts) -> Option<HeaderValue> {
        let certificate = tls.client_certificate.as_deref();
        let mut text = Text::new();
        match self {
            Self::Version => text.push(tls.version.as_bytes()),
            Self::Cipher => text.push(tls.cipher?.as_bytes()),
            Self::ServerName => text.push(tls.server_name.as_deref()?.as_bytes()),
            Self::Alpn => text.push(tls.alpn.as_deref()?),
            // A proxy that tells of a certificate names its subject alone.
            Self::Verify => {
                let verified = certificate.is_some() || tls.client_subject.is_some();
                text.push(if verified { b"SUCCESS" } else { b"NONE" });
            }
            Self::Subject => text.push(tls.client_subject.as_deref()?.as_bytes()),
            Self::Issuer => text.push(certificate?.issuer.as_bytes()),
            Self::Serial => text.push(certificate?.serial.as_bytes()),
            Self::NotAfter => {
                certificate?;
                text.push(httpdate::fmt_http_date(tls.not_after?).as_bytes());
            }
            Self::Fingerprint => {
                for byte in certificate?.fingerprint {
                    let _ = write!(text, "{byte:02x}");
                }
            }
            Self::Certificate => {
                text.push(b":");
                text.push(STANDARD.encode(&certificate?.der).as_bytes());
                text.push(b":");
            }
        }
        text.value()
    }
}

const FACTS: [(&str, Fact); 11] = [
    ("version", Fact::Version),
    ("cipher", Fact::Cipher),
    ("server-name", Fact::ServerName),
    ("alpn", Fact::Alpn),
    ("verify", Fact::Verify),
    ("subject", Fact::Subject),
    ("issuer", Fact::Issuer),
    ("serial", Fact::Serial),
    ("not-after", Fact::NotAfter),
    ("fingerprint", Fact::Fingerprint),
    ("certificate", Fact::Certificate),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use sekisho_api::ClientCertificate;

    use super::*;

    fn tls(certificate: bool) -> TlsFacts {
        let client = ClientCertificate {
            der: [0x30, 0x03, 0x02, 0x01, 0xff].into(),
            issuer: "CN=authority".into(),
            serial: "0A1B".into(),
            fingerprint: [0xab; 32],
        };
        TlsFacts {
            server_name: Some("www.example.org".into()),
            alpn: Some((*b"h2").into()),
            version: "TLSv1.3",
            cipher: Some("TLS_AES_128_GCM_SHA256"),
            client_subject: certificate.then(|| "CN=J\u{f6}rg,O=Example\\, Inc.".into()),
            client_certificate: certificate.then(|| Arc::new(client)),
            not_after: certificate.then(|| UNIX_EPOCH + Duration::from_secs(784_111_777)),
        }
    }

    /// All facts, each in a field `x-FACT`, as the server sees them.
    fn written(tls: Option<TlsFacts>, lines: &[(&str, &str)]) -> Vec<(String, String)> {
        let name = |word: &str| HeaderName::from_bytes(format!("x-{word}").as_bytes()).unwrap();
        let fields = TlsFields(FACTS.iter().map(|(word, fact)| (name(word), *fact)).collect());
        let mut headers: HeaderMap = lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let facts = Facts {
            tls: tls.map(Arc::new),
            ..Facts::plain("192.0.2.1:1".parse().unwrap(), "192.0.2.2:443".parse().unwrap())
        };
        fields.write(&mut headers, &facts, &Own::default());
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    fn is(found: &[(String, String)], name: &str) -> Option<String> {
        let mut values = found.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice");
        value
    }

    #[test]
    fn server_is_told_what_the_certificate_says() {
        let found = written(Some(tls(true)), &[("accept", "*/*")]);
        for (name, expected) in [
            ("accept", "*/*"),
            ("x-version", "TLSv1.3"),
            ("x-cipher", "TLS_AES_128_GCM_SHA256"),
            ("x-server-name", "www.example.org"),
            ("x-alpn", "h2"),
            ("x-verify", "SUCCESS"),
            ("x-subject", "CN=J\u{f6}rg,O=Example\\, Inc."),
            ("x-issuer", "CN=authority"),
            ("x-serial", "0A1B"),
            ("x-not-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("x-fingerprint", &"ab".repeat(32)),
            ("x-certificate", ":MAMCAf8=:"),
        ] {
            assert_eq!(is(&found, name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn client_without_a_certificate_has_no_facts_of_one() {
        let found = written(Some(tls(false)), &[]);
        assert_eq!(is(&found, "x-verify").as_deref(), Some("NONE"));
        assert_eq!(is(&found, "x-version").as_deref(), Some("TLSv1.3"));
        for name in ["x-subject", "x-issuer", "x-serial", "x-not-after", "x-fingerprint", "x-certificate"] {
            assert_eq!(is(&found, name), None, "{name}");
        }
    }

    #[test]
    fn what_a_client_writes_into_such_a_field_never_reaches_the_server() {
        let spoof = [
            ("x-subject", "CN=admin"),
            ("x-subject", "CN=root"),
            ("X_Subject", "CN=admin"),
            ("x-not_after", "never"),
            ("x_verify", "SUCCESS"),
            ("x-verify", "SUCCESS"),
            ("x_other", "stays"),
        ];
        for tls in [None, Some(tls(false))] {
            let found = written(tls, &spoof);
            assert!(
                found
                    .iter()
                    .all(|(_, value)| !["CN=admin", "CN=root", "SUCCESS", "never"].contains(&&**value))
            );
            assert_eq!(is(&found, "x_other").as_deref(), Some("stays"));
        }
    }
}
