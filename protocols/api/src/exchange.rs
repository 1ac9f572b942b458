//! A datagram protocol whose messages carry a transaction id.

use std::fmt;

use crate::facts::Facts;
use crate::refusal::Unavailable;
use crate::route::Route;

/// Requests and answers as single datagrams that carry an id, as DNS over UDP does.
///
/// The core owns sockets, batching, the ids towards the servers, source ports, time-outs and retries. Everything
/// here is synchronous, allocates nothing and is total on all bytes: the laws of [`crate::conversation::Conversation`]
/// hold with *datagram* for *bytes*.
pub trait Exchange: fmt::Debug + Send + Sync {
    /// Reads a client's datagram.
    fn request(&self, datagram: &[u8], facts: &Facts) -> Request;

    /// Whether a server's datagram answers the request of this fingerprint; where its id stands.
    /// `None`: it does not, and the request goes on waiting.
    fn answer(&self, datagram: &[u8], fingerprint: Fingerprint) -> Option<IdPlace>;

    /// The id in `datagram`, without deciding anything else: the core finds the waiting request by it.
    fn id(&self, datagram: &[u8]) -> Option<u32>;

    /// Writes the refusal of `request` into `out` and says how long it is; `None` for silence.
    fn refuse(&self, request: &[u8], why: Unavailable, out: &mut [u8]) -> Option<usize>;
}

/// A keyed hash of what must come back in an answer (for DNS: the lower-cased question).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

/// Where the transaction id stands in a datagram: `width` bytes, big-endian, from `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdPlace {
    /// Bytes before the id.
    pub offset: usize,
    /// Width of the id: 1 to 4 bytes.
    pub width: usize,
}

impl IdPlace {
    /// Reads the id; `None` if the datagram is too short.
    pub fn read(self, datagram: &[u8]) -> Option<u32> {
        let bytes = datagram.get(self.offset..self.offset.checked_add(self.width)?)?;
        (1..=4).contains(&self.width).then(|| bytes.iter().fold(0, |id, &b| id << 8 | u32::from(b)))
    }

    /// Writes the low `width` bytes of `id`; false if the datagram is too short.
    pub fn write(self, datagram: &mut [u8], id: u32) -> bool {
        let Some(end) = self.offset.checked_add(self.width) else { return false };
        let Some(bytes) = datagram.get_mut(self.offset..end).filter(|_| (1..=4).contains(&self.width)) else {
            return false;
        };
        for (byte, value) in bytes.iter_mut().rev().zip(id.to_le_bytes()) {
            *byte = value;
        }
        true
    }
}

/// What becomes of a client's datagram.
#[derive(Debug)]
pub enum Request {
    /// It goes to a server.
    Forward {
        /// Who it is and which pool is meant.
        route: Route,
        /// Where the id stands, to be replaced towards the server and restored towards the client.
        id: IdPlace,
        /// What an answer must match.
        fingerprint: Fingerprint,
        /// Whether sending it twice does no harm.
        repeatable: bool,
    },
    /// The gateway answers itself, with these bytes.
    Answer(smallvec::SmallVec<[u8; 64]>),
    /// Silence; the label is for the metric.
    Ignore(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_read_and_written_big_endian_inside_the_datagram_only() {
        let mut datagram = [0x12, 0x34, 9];
        let place = IdPlace { offset: 0, width: 2 };
        assert_eq!(place.read(&datagram), Some(0x1234));
        assert!(place.write(&mut datagram, 0xabcd));
        assert_eq!(datagram, [0xab, 0xcd, 9]);
        for bad in [IdPlace { offset: 2, width: 2 }, IdPlace { offset: usize::MAX, width: 2 }] {
            assert_eq!(bad.read(&datagram), None);
            assert!(!bad.write(&mut datagram, 1));
        }
    }
}
