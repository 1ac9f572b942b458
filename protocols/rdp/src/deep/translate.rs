//! One direction of two sides that number their channels differently.

use super::pdu::{Malformed, Packet, packet};

/// Where one direction stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Direction {
    /// Bytes of a packet whose beginning has been dealt with.
    left: usize,
    /// They are for nobody.
    lost: bool,
}

/// Identifiers stand in the first bytes of a packet, whatever its length (see [`super::pdu::Ids`]).
const HEAD: usize = 12;

impl Direction {
    /// Puts the other side's identifiers into what is offered: how much of it is consumed, and what goes on instead.
    /// `put` says whether the other side has the channel that a packet is for.
    ///
    /// # Errors
    /// If what stands there is no packet.
    pub(super) fn translate(
        &mut self,
        bytes: &[u8],
        put: impl Fn(&mut [u8]) -> bool,
    ) -> Result<(usize, Vec<u8>), Malformed> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        loop {
            let (taken, behind) = rest.split_at(self.left.min(rest.len()));
            if !self.lost {
                out.extend_from_slice(taken);
            }
            self.left -= taken.len();
            rest = behind;
            if self.left > 0 {
                break;
            }
            match packet(rest)? {
                None => break,
                Some(Packet::FastPath(length)) => (self.left, self.lost) = (length, false),
                Some(Packet::Tpkt(length)) => {
                    let Some((head, behind)) = rest.split_at_checked(length.min(HEAD)) else { break };
                    let start = out.len();
                    out.extend_from_slice(head);
                    self.lost = !put(out.get_mut(start..).unwrap_or_default());
                    if self.lost {
                        out.truncate(start);
                    }
                    self.left = length - head.len();
                    rest = behind;
                }
            }
        }
        Ok((bytes.len() - rest.len(), out))
    }
}
