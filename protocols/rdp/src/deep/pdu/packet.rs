//! Where a packet ends.

use super::Malformed;
use super::reader::Reader;
use super::writer::X224_DATA;

/// A packet by its whole length in bytes, header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// TPKT, with X.224 inside (RFC 1006, section 6): 7 to 65,535 bytes.
    Tpkt(usize),
    /// Fast-path input or output (MS-RDPBCGR, sections 2.2.8.1.2 and 2.2.9.1.2): 2 to 32,767 bytes.
    FastPath(usize),
}

impl Packet {
    /// The whole length in bytes.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Tpkt(length) | Self::FastPath(length) => length,
        }
    }
}

/// What kind of packet stands at the front and how long it is; `None`: cannot tell yet. That its bytes have all
/// arrived, it does not say.
///
/// # Errors
/// If it is neither, or claims to be shorter than its header.
pub(crate) fn packet(bytes: &[u8]) -> Result<Option<Packet>, Malformed> {
    let packet = match *bytes {
        [] | [3] | [3, 0] | [3, 0, _] => return Ok(None),
        [3, 0, high, low, ..] => Packet::Tpkt(usize::from(u16::from_be_bytes([high, low]))),
        // The two lowest bits of a fast-path header are its action, which is zero.
        [first, ..] if first & 3 != 0 => return Err(Malformed::Framing),
        [_] => return Ok(None),
        [_, short @ ..0x80, ..] => Packet::FastPath(usize::from(short)),
        [_, _] => return Ok(None),
        [_, high, low, ..] => Packet::FastPath(usize::from(high & 0x7f) << 8 | usize::from(low)),
    };
    let header = match packet {
        Packet::Tpkt(_) => 7,
        Packet::FastPath(_) if matches!(bytes, [_, ..0x80, ..]) => 2,
        Packet::FastPath(_) => 3,
    };
    if packet.length() < header { Err(Malformed::Framing) } else { Ok(Some(packet)) }
}

/// What stands in the X.224 Data of a whole TPKT packet.
pub(super) fn data(tpkt: &[u8]) -> Result<Reader<'_>, Malformed> {
    let mut reader = Reader(tpkt);
    reader.expect(&[3, 0])?;
    if usize::from(reader.u16_be()?) != tpkt.len() {
        return Err(Malformed::Framing);
    }
    reader.expect(&X224_DATA)?;
    Ok(reader)
}
