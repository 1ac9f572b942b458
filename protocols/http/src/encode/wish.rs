//! What a client takes.

use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Version, request};

use super::encoder::Algorithm;
use super::options::Compression;
use crate::hop::has_token;

/// What a request says about how its answer may be coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing is coded on this VIP.
    #[default]
    Off,
    /// Answers are.
    On {
        /// How, for this client; none: as the server has it.
        algorithm: Option<Algorithm>,
        /// It has a copy whose tag is weak, as those of coded answers are.
        weak: bool,
    },
}

impl Compression {
    /// What a request wishes. Where the gateway is the only one to code, the server hears nothing of it.
    pub(crate) fn wish(&self, head: &mut request::Parts) -> Wish {
        let headers = &head.headers;
        // The length of a coded answer shows in its last chunk only: HTTP/1.0 would need the connection's end.
        let may = ![Method::HEAD, Method::CONNECT].contains(&head.method)
            && head.version >= Version::HTTP_11
            && !has_token(headers, &CACHE_CONTROL, b"no-transform");
        let algorithm = if may { choose(headers, &self.algorithms) } else { None };
        let weak = headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .any(|value| value.as_bytes().windows(3).any(|part| part == b"W/\""));
        if self.offload {
            head.headers.remove(ACCEPT_ENCODING);
        }
        Wish::On { algorithm, weak }
    }
}

/// The algorithm that the client likes best, the first of `known` among equals (RFC 9110, section 12.5.3). A client
/// that says nothing may understand nothing.
fn choose(headers: &HeaderMap, known: &[Algorithm]) -> Option<Algorithm> {
    let (mut any, mut identity) = (None, None);
    let mut liked: [Option<u16>; Algorithm::COUNT] = [None; Algorithm::COUNT];
    for (coding, quality) in headers.get_all(ACCEPT_ENCODING).iter().flat_map(members) {
        let place = match coding {
            b"*" => &mut any,
            coding if coding.eq_ignore_ascii_case(b"identity") => &mut identity,
            coding => match Algorithm::of(coding).and_then(|found| liked.get_mut(found as usize)) {
                Some(place) => place,
                None => continue,
            },
        };
        // Who says it twice means the more cautious.
        *place = Some(place.map_or(quality, |before: u16| before.min(quality)));
    }
    let quality = |of: &Algorithm| liked.get(*of as usize).copied().flatten().or(any).unwrap_or(0);
    let mut best: Option<(u16, Algorithm)> = None;
    for algorithm in known {
        let quality = quality(algorithm);
        if quality > best.map_or(0, |(best, _)| best) {
            best = Some((quality, *algorithm));
        }
    }
    best.filter(|(quality, _)| identity.is_none_or(|identity| identity <= *quality))
        .map(|(_, algorithm)| algorithm)
}

/// The codings of a line with their weights, in thousandths. One whose weight is no weight is passed over.
fn members(line: &HeaderValue) -> impl Iterator<Item = (&[u8], u16)> {
    line.as_bytes().split(|&b| b == b',').filter_map(|member| {
        let mut parts = member.split(|&b| b == b';').map(<[u8]>::trim_ascii);
        let coding = parts.next().filter(|coding| !coding.is_empty())?;
        match parts.next() {
            None => Some((coding, 1000)),
            Some(weight) => Some((coding, thousandths(weight)?)),
        }
    })
}

/// `q=0.5` (RFC 9110, section 12.4.2).
fn thousandths(weight: &[u8]) -> Option<u16> {
    let (name, value) = weight.split_at_checked(2)?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let (whole, rest) = value.split_first()?;
    let fraction = match rest.split_first() {
        None => &[][..],
        Some((b'.', fraction)) if fraction.len() <= 3 => fraction,
        Some(_) => return None,
    };
    let mut thousandths = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    for (digit, place) in fraction.iter().zip([100, 10, 1]) {
        thousandths += u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?) * place;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::Zstd, Algorithm::Brotli, Algorithm::Gzip];

    fn chosen(lines: &[&'static str]) -> Option<Algorithm> {
        let lines = lines.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_static(line)));
        choose(&lines.collect(), &ALL)
    }

    #[test]
    fn clients_weight_counts_before_the_configured_order() {
        for (line, expected) in [
            ("gzip, deflate, br, zstd", Some(Algorithm::Zstd)),
            ("gzip, deflate, br", Some(Algorithm::Brotli)),
            ("gzip", Some(Algorithm::Gzip)),
            ("X-GZIP", Some(Algorithm::Gzip)),
            ("gzip;q=1.0, br;q=0.9, zstd;q=0.1", Some(Algorithm::Gzip)),
            ("gzip ; Q=0.5 , br;q=0.501", Some(Algorithm::Brotli)),
            ("*", Some(Algorithm::Zstd)),
            ("*;q=0.1, gzip;q=0.2", Some(Algorithm::Gzip)),
            ("zstd;q=0, *", Some(Algorithm::Brotli)),
            ("gzip;q=0, br;q=0.000, zstd;q=0", None),
            ("identity;q=0, gzip;q=0.001", Some(Algorithm::Gzip)),
            ("identity, gzip;q=0.9", None),
            ("identity;q=0.9, gzip;q=0.9", Some(Algorithm::Gzip)),
            ("identity;q=0", None),
            ("*;q=0", None),
            ("deflate, compress", None),
            ("gzip;q=1.001", None),
            ("gzip;q=0.1234, br;q=x, zstd;level=3", None),
            ("gzip, gzip;q=0", None),
            ("", None),
            (",,;q=1", None),
        ] {
            assert_eq!(chosen(&[line]), expected, "{line}");
        }
        assert_eq!(chosen(&["br;q=0.5", "gzip"]), Some(Algorithm::Gzip));
    }

    #[test]
    fn client_that_says_nothing_gets_what_the_server_has() {
        assert_eq!(chosen(&[]), None);
    }
}
