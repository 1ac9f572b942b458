//! The conference that MCS carries (T.124, section 8.7), and the blocks of settings in it.

use super::Malformed;
use super::reader::Reader;

/// The key of T.124, an object identifier, which begins every message of the conference.
pub(super) const KEY: [u8; 7] = [0, 5, 0, 0x14, 0x7c, 0, 1];
/// A client asks for a conference named `1`, with data of its own behind `Duca`.
pub(super) const CREATE_REQUEST: &[u8] = b"\x00\x08\x00\x10\x00\x01\xc0\x00Duca";
/// A server grants it: node 30,323, tag 1, success, with data of its own behind `McDn`. The numbers are those that
/// other servers send.
pub(super) const CREATE_RESPONSE: &[u8] = b"\x14\x76\x0a\x01\x01\x00\x01\xc0\x00McDn";

/// A client may have as many static channels (MS-RDPBCGR, section 2.2.1.3.4).
pub(crate) const CHANNELS_MAX: usize = 31;

/// What a client says of its screen, itself and what it can do.
pub(super) const CS_CORE: u16 = 0xc001;
pub(super) const CS_NET: u16 = 0xc003;
/// Whether the client follows a redirection.
pub(super) const CS_CLUSTER: u16 = 0xc004;
pub(super) const CS_MCS_MSGCHANNEL: u16 = 0xc006;
/// The client would take UDP, too.
pub(super) const CS_MULTITRANSPORT: u16 = 0xc00a;
pub(super) const SC_CORE: u16 = 0x0c01;
pub(super) const SC_SECURITY: u16 = 0x0c02;
pub(super) const SC_NET: u16 = 0x0c03;

/// Blocks one by one: type, and contents behind the header. Ends after the first that cannot be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = Reader(self.0);
        self.0 = &[];
        if reader.0.is_empty() {
            return None;
        }
        let whole = reader.0;
        let block = (|| {
            let (kind, length) = (reader.u16_le()?, usize::from(reader.u16_le()?));
            let body = reader.take(length.checked_sub(4).ok_or(Malformed::Length)?)?;
            self.0 = reader.0;
            Ok(Block { kind, body, whole: whole.get(..length).unwrap_or(whole) })
        })();
        Some(block)
    }
}

/// One block of settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) kind: u16,
    pub(super) body: &'a [u8],
    /// Header and body.
    pub(super) whole: &'a [u8],
}

/// The block of this kind. Two of one kind are refused: one reader would take the first and another the last.
pub(super) fn only<'a>(blocks: Blocks<'a>, kind: u16) -> Result<Option<&'a [u8]>, Malformed> {
    let mut found = None;
    for block in blocks {
        let block = block?;
        if block.kind == kind && found.replace(block.body).is_some() {
            return Err(Malformed::Unexpected);
        }
    }
    Ok(found)
}
