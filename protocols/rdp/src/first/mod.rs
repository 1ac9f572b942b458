//! A client's first packet: an X.224 Connection Request, perhaps behind a preconnection PDU.

mod error;
mod preconnection;
mod request;

pub use error::Malformed;
pub use request::Negotiation;
use request::{HEADER, LONGEST};

/// A client's first packet, as far as the gateway reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct First<'a> {
    /// Everything, from the first byte of a preconnection PDU to the last of the request: what a server is sent.
    pub bytes: &'a [u8],
    /// The preconnection PDU at their front; mostly there is none.
    pub preconnection: &'a [u8],
    /// The line before CR LF: a cookie, a routing token or a hint (MS-RDPBCGR, section 2.2.1.1).
    pub line: Option<&'a [u8]>,
    /// The protocols that the client offers; none: standard RDP security only.
    pub negotiation: Option<Negotiation>,
}

impl First<'_> {
    /// The packet without its line.
    pub(crate) fn without_line(&self) -> Vec<u8> {
        let request = self.bytes.get(self.preconnection.len()..).unwrap_or_default();
        let line = self.line.map_or(0, |line| line.len() + 2);
        let [head, rest] =
            [request.get(5..HEADER), request.get(HEADER + line..)].map(Option::unwrap_or_default);
        // INVARIANT: no longer than the packet that was read, of 259 bytes at most.
        let length = u16::try_from(HEADER + rest.len()).unwrap_or(LONGEST);
        let ([high, low], [_, indicator]) = (length.to_be_bytes(), (length - 5).to_be_bytes());
        [self.preconnection, &[3, 0, high, low, indicator], head, rest].concat()
    }
}

/// Reads a client's first packet; `None`: cannot tell yet. The same for every segmentation; at most 1,283 bytes are
/// ever needed.
///
/// # Errors
/// What makes the bytes something else. No server may see them then.
pub fn first_packet(bytes: &[u8]) -> Result<Option<First<'_>>, Malformed> {
    let Some(before) = preconnection::length(bytes)? else { return Ok(None) };
    let Some(request) = bytes.get(before..) else { return Ok(None) };
    let Some(read) = request::request(request)? else { return Ok(None) };
    let whole = bytes.get(..before + read.length).unwrap_or(bytes);
    let preconnection = bytes.get(..before).unwrap_or_default();
    Ok(Some(First { bytes: whole, preconnection, line: read.line, negotiation: read.negotiation }))
}

#[cfg(test)]
mod tests;
