//! Reads fields one after the other and never past the end.

use crate::error::SniError;

/// The rest of a message.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], SniError> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(SniError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A big-endian number of `width` bytes, at most four.
    pub(crate) fn number(&mut self, width: usize) -> Result<usize, SniError> {
        Ok(self.take(width)?.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }

    /// A vector with a length of `width` bytes before it (RFC 8446, 3.4).
    pub(crate) fn vector(&mut self, width: usize) -> Result<Reader<'a>, SniError> {
        let length = self.number(width)?;
        self.take(length).map(Reader)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
