//! The first packet for a server that is to select TLS.

use crate::first::First;

/// The protocol TLS (MS-RDPBCGR, section 2.2.1.1.1).
pub(super) const TLS: u32 = 1;

/// The first packet of a client, with its line, that offers TLS and nothing else: what a client says inside it then is
/// what it would say to this server. The correlation of the client's own request is left out with its protocols.
pub(super) fn for_server(first: &First<'_>) -> Vec<u8> {
    const NEGOTIATION: [u8; 4] = [1, 0, 8, 0];
    let line = first.line.map(|line| [line, b"\r\n"].concat()).unwrap_or_default();
    // INVARIANT: no more than what the line stood in, 259 bytes.
    let length = u16::try_from(11 + line.len() + 8).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let indicator = u8::try_from(length.saturating_sub(5)).unwrap_or(u8::MAX);
    let head = [3, 0, high, low, indicator, 0xe0, 0, 0, 0, 0, 0];
    [first.preconnection, &head, &line, &NEGOTIATION, &TLS.to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first_packet;

    #[test]
    fn request_for_a_server_keeps_line_and_preconnection_pdu_and_offers_tls_alone() {
        let preconnection = sekisho_testkit::hex("10000000 00000000 01000000 2a000000").unwrap();
        let correlation = [&[6, 0, 36, 0][..], &[7; 32]].concat();
        for (before, line) in [(&preconnection[..], &b"Cookie: mstshash=alice\r\n"[..]), (b"", b"")] {
            let variable = [line, &[1, 8, 8, 0, 0x0b, 0, 0, 0], &correlation].concat();
            let length = 11 + variable.len() as u8;
            let head = [3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0];
            let asked = [before, &head, &variable].concat();
            let asked = first_packet(&asked).unwrap().unwrap();
            let request = for_server(&asked);
            let first = first_packet(&request).unwrap().unwrap();
            assert_eq!((first.bytes.len(), first.line), (request.len(), asked.line));
            assert_eq!(first.preconnection, before);
            let offer = first.negotiation.unwrap();
            assert_eq!((offer.flags, offer.protocols), (0, TLS));
        }
    }
}
