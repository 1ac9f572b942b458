//! An OPT record, written (RFC 6891, section 6.1.2).

use super::record::kind;
use super::writer::Writer;

/// What stands before the options; version 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt {
    pub(super) payload: u16,
    /// The upper eight bits of the response code.
    pub(super) extended: u8,
    pub(super) dnssec_ok: bool,
}

impl Opt {
    /// Writes it without options and says where they go; [`close`] when they are written.
    pub(super) fn open(self, writer: &mut Writer<'_>) -> Option<usize> {
        writer.put(&[0])?;
        writer.put_u16(kind::OPT)?;
        writer.put_u16(self.payload)?;
        writer.put(&[self.extended, 0, if self.dnssec_ok { 0x80 } else { 0 }, 0])?;
        writer.put_u16(0)?;
        Some(writer.len())
    }
}

/// Writes an option, its data in pieces.
pub(super) fn put_option(writer: &mut Writer<'_>, code: u16, pieces: &[&[u8]]) -> Option<()> {
    writer.put_u16(code)?;
    writer.put_u16(u16::try_from(pieces.iter().map(|piece| piece.len()).sum::<usize>()).ok()?)?;
    pieces.iter().try_for_each(|piece| writer.put(piece))
}

/// Sets the length of an OPT record to what has been written since `options`.
pub(super) fn close(writer: &mut Writer<'_>, options: usize) -> Option<()> {
    let length = u16::try_from(writer.len().checked_sub(options)?).ok()?;
    writer.set_u16(options.checked_sub(2)?, length)
}
