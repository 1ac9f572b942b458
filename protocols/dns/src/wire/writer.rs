//! Room to write a message into.

/// Writes from the start of a slice; `None` where the room ends.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What is written so far.
    pub(super) fn written(&mut self) -> &mut [u8] {
        self.out.get_mut(..self.len).unwrap_or_default()
    }

    pub(super) fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.len.checked_add(octets.len())?;
        self.out.get_mut(self.len..end)?.copy_from_slice(octets);
        self.len = end;
        Some(())
    }

    pub(super) fn put_u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    /// Overwrites two octets that are written already.
    pub(super) fn set_u16(&mut self, at: usize, value: u16) -> Option<()> {
        *self.written().get_mut(at..)?.first_chunk_mut()? = value.to_be_bytes();
        Some(())
    }
}
