//! What must hold of all bytes: shared by tests and the fuzz target.

use sekisho_api::Facts;
use sekisho_config::ProxyVersion;

use super::parse::{LONGEST_READ, parse};

/// Reads `data` as what a proxy sends: where it is cut does not matter, nor does what follows, and whom it names survives
/// being written again.
///
/// # Panics
/// If a law does not hold.
pub fn header(data: &[u8]) {
    let whole = parse(data);
    let Ok(Some(found)) = whole else {
        // What is wrong stays so, and what is unfinished is no longer than a header.
        assert!(whole.is_err() || data.len() < LONGEST_READ, "a header without end");
        return;
    };
    assert!(found.length <= data.len().min(LONGEST_READ), "a header longer than what is there");
    let (own, _) = data.split_at(found.length);
    assert_eq!(parse(own), Ok(Some(found)), "what follows changes a header");
    for cut in 0..own.len() {
        let (beginning, _) = own.split_at(cut);
        assert_eq!(parse(beginning), Ok(None), "a header that is cut after {cut} bytes");
    }
    // What it says beyond addresses is bounded text, whatever its TLVs hold.
    let _ = super::Introduction::new(&found, data);
    let Some((client, local)) = found.told else { return };
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let written = super::stream(version, &[], &Facts::plain(client, local));
        let again = parse(&written).ok().flatten().and_then(|header| header.told);
        assert_eq!(again, Some((client, local)), "another client when written again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_hold_of_headers_with_any_byte_changed_or_missing() {
        let address = |text: &str| text.parse().unwrap();
        let facts = [
            Facts::plain(address("192.0.2.7:49152"), address("203.0.113.10:443")),
            Facts::plain(address("[2001:db8::7]:49152"), address("203.0.113.10:443")),
        ];
        let mut headers: Vec<Vec<u8>> = vec![b"PROXY UNKNOWN\r\n".to_vec()];
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            headers.push(super::super::own(version).to_vec());
            headers.extend(facts.iter().map(|facts| super::super::stream(version, &[], facts)));
        }
        for good in headers {
            header(&[&good[..], b"GET / HTTP/1.1"].concat());
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad.remove(at);
                header(&bad);
                for byte in [0, 1, 0x11, 0x21, b' ', b'\r', b'\n', b'9', b':', 0xff] {
                    let mut bad = good.clone();
                    bad[at] = byte;
                    header(&bad);
                }
            }
        }
    }
}
