//! Bytes read from their front, with the lengths of ASN.1.

use super::Malformed;

/// What is left of some bytes. Every read is checked; a failed one leaves the reader where nobody looks at it again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// As MCS writes numbers.
    pub(super) fn u16_be(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// As Remote Desktop writes numbers.
    pub(super) fn u16_le(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32_le(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Passes over what can only be this.
    pub(super) fn expect(&mut self, constant: &[u8]) -> Result<(), Malformed> {
        self.0 = self.0.strip_prefix(constant).ok_or(Malformed::Unexpected)?;
        Ok(())
    }

    /// The contents of a BER value with this tag (X.690, section 8.1). Nothing here is longer than 64 KiB.
    pub(super) fn ber(&mut self, tag: &[u8]) -> Result<Self, Malformed> {
        self.expect(tag)?;
        let length = match self.u8()? {
            short @ ..=0x7f => usize::from(short),
            0x81 => usize::from(self.u8()?),
            0x82 => usize::from(self.u16_be()?),
            _ => return Err(Malformed::Length),
        };
        self.take(length).map(Self)
    }

    /// A length in aligned PER (X.691, section 11.9), short or of 14 bits; fragments are nothing that anybody sends.
    pub(super) fn per_length(&mut self) -> Result<usize, Malformed> {
        match self.u8()? {
            short @ ..=0x7f => Ok(usize::from(short)),
            high @ 0x80..=0xbf => Ok(usize::from(high & 0x3f) << 8 | usize::from(self.u8()?)),
            _ => Err(Malformed::Length),
        }
    }

    /// That nothing is left.
    pub(super) const fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Length) }
    }
}
