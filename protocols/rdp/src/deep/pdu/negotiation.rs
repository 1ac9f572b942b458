//! The answer to a Connection Request (MS-RDPBCGR, section 2.2.1.2).

use super::Malformed;
use super::reader::Reader;
use super::writer;

/// A Connection Confirm, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confirm {
    /// Extended client data 0x1, graphics 0x2, restricted admin 0x8, remote guard 0x10. 0 without [`Answer::Selected`].
    pub(crate) flags: u8,
    /// What it says.
    pub(crate) answer: Answer,
}

/// What a Connection Confirm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The protocol that the server selected: standard security 0, TLS 1, CredSSP 2, RDSTLS 4.
    Selected(u32),
    /// Why it takes none of those offered (section 2.2.1.2.2): 5, for example, if it wants CredSSP.
    Failure(u32),
    /// Nothing, as servers without negotiation do: standard security.
    Nothing,
}

/// X.224 Connection Confirm; the references are not used.
const HEAD: [u8; 7] = [14, 0xd0, 0, 0, 0x12, 0x34, 0];
const RESPONSE: u8 = 2;
const FAILURE: u8 = 3;

/// Confirms a request and selects `protocol`.
pub(crate) fn connection_confirm(flags: u8, protocol: u32) -> Vec<u8> {
    writer::packet(&HEAD, &[&[RESPONSE, flags, 8, 0], &protocol.to_le_bytes()])
}

/// Refuses what a client offers. 1: TLS is needed. Never 2 or 3 to someone who may try again: one client does for ever.
pub(crate) fn negotiation_failure(code: u32) -> Vec<u8> {
    writer::packet(&HEAD, &[&[FAILURE, 0, 8, 0], &code.to_le_bytes()])
}

/// Reads a whole Connection Confirm.
///
/// # Errors
/// If it is anything else.
pub(crate) fn read_connection_confirm(tpkt: &[u8]) -> Result<Confirm, Malformed> {
    let mut reader = Reader(tpkt);
    reader.expect(&[3, 0])?;
    let (length, indicator, code) = (reader.u16_be()?, reader.u8()?, reader.u8()?);
    if usize::from(length) != tpkt.len() || u16::from(indicator) + 5 != length {
        return Err(Malformed::Framing);
    }
    if code & 0xf0 != 0xd0 {
        return Err(Malformed::Unexpected);
    }
    reader.take(5)?;
    match *reader.0 {
        [] => Ok(Confirm { flags: 0, answer: Answer::Nothing }),
        [RESPONSE, flags, 8, 0, a, b, c, d] => {
            Ok(Confirm { flags, answer: Answer::Selected(u32::from_le_bytes([a, b, c, d])) })
        }
        [FAILURE, _, 8, 0, a, b, c, d] => {
            Ok(Confirm { flags: 0, answer: Answer::Failure(u32::from_le_bytes([a, b, c, d])) })
        }
        _ => Err(Malformed::Unexpected),
    }
}
