//! Packets put together, with the lengths of ASN.1.

/// X.224 Data, all of it in one piece (X.224, section 13.7).
pub(super) const X224_DATA: [u8; 3] = [2, 0xf0, 0x80];

/// A TPKT packet with X.224 Data (RFC 1006, section 6).
///
/// INVARIANT: what the gateway writes is far shorter than 64 KiB, so that its lengths fit. The one thing of a client's
/// that goes in is a Connect-Initial, whose parts are bounded by 14 bits of PER.
pub(super) fn data(parts: &[&[u8]]) -> Vec<u8> {
    packet(&X224_DATA, parts)
}

/// A TPKT packet.
pub(super) fn packet(head: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let length = 4 + head.len() + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut packet = Vec::with_capacity(length);
    packet.extend([3, 0]);
    packet.extend(be16(length));
    packet.extend(head);
    parts.iter().for_each(|part| packet.extend(*part));
    packet
}

/// A BER length of two bytes, which is valid for any (X.690, section 8.1.3.5) and what clients and servers write.
pub(super) fn ber_length(length: usize) -> [u8; 3] {
    let [high, low] = be16(length);
    [0x82, high, low]
}

/// A PER length of 14 bits, which readers take for any, too.
pub(super) fn per_length(length: usize) -> [u8; 2] {
    let [high, low] = be16(length);
    [high | 0x80, low]
}

/// A length that fits, by the invariant of [`data`].
fn be16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}
