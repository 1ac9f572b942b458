//! The Connection Request (MS-RDPBCGR, section 2.2.1.1; RFC 1006, section 6; X.224, section 13.3).

use super::Malformed;

/// A Connection Request, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) length: usize,
    pub(super) line: Option<&'a [u8]>,
    pub(super) negotiation: Option<Negotiation>,
}

/// What a client offers (MS-RDPBCGR, section 2.2.1.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiation {
    /// Restricted admin 0x1, remote guard 0x2, correlation information follows 0x8.
    pub flags: u8,
    /// TLS 0x1, CredSSP 0x2, RDSTLS 0x4, CredSSP with early authorization 0x8, Entra ID 0x10.
    pub protocols: u32,
}

/// TPKT and X.224 headers.
pub(super) const HEADER: usize = 11;
/// The X.224 length is one byte and does not count itself nor the four bytes of TPKT before it.
pub(super) const LONGEST: u16 = 259;
/// Correlation information follows the negotiation request.
const CORRELATION_INFO: u8 = 0x08;

/// Reads a Connection Request; `None`: cannot tell yet.
pub(super) fn request(bytes: &[u8]) -> Result<Option<Request<'_>>, Malformed> {
    match bytes {
        [] | [3] | [3, 0] => return Ok(None),
        [3, 0, ..] => {}
        _ => return Err(Malformed::NotRdp),
    }
    let &[_, _, high, low, ref rest @ ..] = bytes else { return Ok(None) };
    let length = u16::from_be_bytes([high, low]);
    if !(HEADER as u16..=LONGEST).contains(&length) {
        return Err(Malformed::Length(length));
    }
    let Some(&indicator) = rest.first() else { return Ok(None) };
    if u16::from(indicator) + 5 != length {
        return Err(Malformed::Length(length));
    }
    let Some(&code) = rest.get(1) else { return Ok(None) };
    if code & 0xf0 != 0xe0 {
        return Err(Malformed::NotConnectionRequest(code));
    }
    let Some(variable) = bytes.get(HEADER..usize::from(length)) else { return Ok(None) };
    let (line, rest) = line(variable)?;
    Ok(Some(Request { length: usize::from(length), line, negotiation: negotiation(rest)? }))
}

/// The line, and what is behind it. A negotiation request stands alone and begins with 1.
fn line(variable: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Malformed> {
    if matches!(variable.first(), None | Some(1)) {
        return Ok((None, variable));
    }
    let end = variable.windows(2).position(|two| two == b"\r\n").ok_or(Malformed::Variable)?;
    let (line, rest) = variable.split_at(end);
    Ok((Some(line), rest.get(2..).unwrap_or_default()))
}

fn negotiation(rest: &[u8]) -> Result<Option<Negotiation>, Malformed> {
    let Some((&[kind, flags, 8, 0, a, b, c, d], correlation)) = rest.split_first_chunk() else {
        return if rest.is_empty() { Ok(None) } else { Err(Malformed::Variable) };
    };
    let whole = match correlation {
        [] => flags & CORRELATION_INFO == 0,
        // MS-RDPBCGR, section 2.2.1.1.2: type 6, no flags, 36 bytes in all.
        [6, 0, 36, 0, id_and_zeros @ ..] => flags & CORRELATION_INFO != 0 && id_and_zeros.len() == 32,
        _ => false,
    };
    if kind != 1 || !whole {
        return Err(Malformed::Variable);
    }
    Ok(Some(Negotiation { flags, protocols: u32::from_le_bytes([a, b, c, d]) }))
}
