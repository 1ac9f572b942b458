//! The first twelve octets (RFC 1035, section 4.1.1).

/// Octets of a header: where the question begins.
pub(crate) const HEADER: usize = 12;

/// Bits of [`Header::flags`].
pub(super) mod flag {
    pub(in crate::wire) const QR: u16 = 0x8000;
    pub(in crate::wire) const OPCODE: u16 = 0x7800;
    pub(in crate::wire) const TC: u16 = 0x0200;
    pub(in crate::wire) const RD: u16 = 0x0100;
    pub(in crate::wire) const CD: u16 = 0x0010;
    pub(in crate::wire) const RCODE: u16 = 0x000f;
}

/// Kinds of request that are treated differently (RFC 6895, section 2.2).
pub(crate) mod opcode {
    pub(crate) const QUERY: u8 = 0;
    pub(crate) const UPDATE: u8 = 5;
}

/// A header, in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u16,
    /// Everything between the id and the counts.
    pub(crate) flags: u16,
    /// Questions, answers, authority, additional (in an UPDATE: zones, prerequisites, updates, additional). Claims.
    pub(crate) counts: [u16; 4],
}

impl Header {
    /// Reads it; `None` if the message is shorter than a header.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let &[a, b, c, d, e, f, g, h, i, j, k, l] = message.first_chunk::<HEADER>()?;
        let word = |high, low| u16::from_be_bytes([high, low]);
        Some(Self {
            id: word(a, b),
            flags: word(c, d),
            counts: [word(e, f), word(g, h), word(i, j), word(k, l)],
        })
    }

    /// As it travels.
    pub(super) fn octets(self) -> [u8; HEADER] {
        let [[a, b], [c, d]] = [self.id.to_be_bytes(), self.flags.to_be_bytes()];
        let [[e, f], [g, h], [i, j], [k, l]] = self.counts.map(u16::to_be_bytes);
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// Whether it says of itself that it is an answer.
    pub(crate) fn qr(self) -> bool {
        self.flags & flag::QR != 0
    }

    pub(crate) fn opcode(self) -> u8 {
        (self.flags >> 11 & 0xf) as u8
    }

    /// Whether it says that something is missing for lack of room.
    pub(crate) fn tc(self) -> bool {
        self.flags & flag::TC != 0
    }

    /// The low four bits of the response code; an OPT record may carry eight more ([`super::rcode`]).
    pub(crate) fn rcode(self) -> Rcode {
        Rcode(self.flags & flag::RCODE)
    }
}

/// A response code with its extension (RFC 6895, section 2.3): 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Rcode(pub(crate) u16);

impl Rcode {
    pub(crate) const NOERROR: Self = Self(0);
    pub(crate) const FORMERR: Self = Self(1);
    pub(crate) const SERVFAIL: Self = Self(2);
    pub(crate) const NXDOMAIN: Self = Self(3);
    pub(crate) const NOTIMP: Self = Self(4);
    pub(crate) const REFUSED: Self = Self(5);
}
