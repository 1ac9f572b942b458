//! A datagram protocol whose messages carry a transaction id.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use crate::facts::Facts;
use crate::key::KeyKind;
use crate::refusal::Unavailable;
use crate::route::Route;

/// Requests and answers as single datagrams that carry an id, as DNS over UDP does.
///
/// The core owns sockets, batching, the ids towards the servers, source ports, time-outs and retries. Everything
/// here is synchronous, allocates nothing in the common case and is total on all bytes: the laws of
/// [`crate::conversation::Conversation`] hold with *datagram* for *bytes*. One value serves all workers at once.
///
/// `out` is always at least [`DATAGRAM`] bytes long; what stood in it before means nothing.
pub trait Exchange: fmt::Debug + Send + Sync {
    /// Reads a client's datagram.
    fn request(&self, datagram: &[u8], facts: &Facts, now: Instant, out: &mut [u8]) -> Request;

    /// The id in a server's datagram, without deciding anything else: the core finds the waiting request by it.
    fn id(&self, datagram: &[u8]) -> Option<u32>;

    /// Whether a server's datagram answers what was asked, and what becomes of it.
    fn answer(&self, datagram: &[u8], asked: &Asked<'_>, now: Instant, out: &mut [u8]) -> Answer;

    /// Answers, into `out`, a request that waited for the answer to an equal one ([`Forward::share`]), from what is
    /// known since; `None`: it is asked for by itself. Nothing that [`Exchange::request`] counted is counted again.
    fn known(&self, request: &[u8], facts: &Facts, now: Instant, out: &mut [u8]) -> Option<usize> {
        let _ = (request, facts, now, out);
        None
    }

    /// Writes what the client of `request` is told into `out` and says how long it is; `None` for silence.
    fn refuse(
        &self,
        request: &[u8],
        facts: &Facts,
        why: Unavailable,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize>;

    /// Says what a line of the access log tells of a request and its answer, which is empty if there is none. Called
    /// only where such lines are written.
    fn describe(&self, request: &[u8], answer: &[u8]) -> Option<Described> {
        let _ = (request, answer);
        None
    }

    /// The route of a client that an operator describes (`sekisho explain`): its address, and by kind what it says, in
    /// the words that people use. `None`: its keys are those words as they stand, and more is not known of the route.
    ///
    /// # Errors
    /// A phrase: which word is wrong, or why such a client gets no server.
    fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        let _ = (client, said);
        Ok(None)
    }
}

/// The longest datagram: the payload of the largest UDP packet over IPv6, and more than IPv4 has.
pub const DATAGRAM: usize = 65_535;

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
#[expect(clippy::large_enum_variant, reason = "made once per datagram and taken apart at once")]
pub enum Request {
    /// It goes to a server.
    Forward(Forward),
    /// The gateway answers itself, with so many bytes of `out`; the label is for the metric.
    Answer(usize, &'static str),
    /// Silence; the label is for the metric.
    Ignore(&'static str),
}

/// A request on its way to a server.
#[derive(Debug)]
pub struct Forward {
    /// Who it is and which pool is meant.
    pub route: Route,
    /// Where the id stands, to be replaced towards the server and restored towards the client.
    pub id: IdPlace,
    /// What an answer must match.
    pub fingerprint: Fingerprint,
    /// Two numbers of the protocol's own, given back in [`Asked::memo`].
    pub memo: [u64; 2],
    /// So many bytes of `out` go to the server instead of the datagram; the id stands in the same place.
    pub written: Option<usize>,
    /// Whether a second server may be asked while the first is silent. A server that refuses the datagram has not
    /// seen it: another one is asked in any case.
    pub repeatable: bool,
    /// Requests with an equal number, asked while one of them is on its way, wait for its answer and are then put to
    /// [`Exchange::known`].
    pub share: Option<u64>,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The client's datagram, as it came.
    pub request: &'a [u8],
    /// [`Forward::fingerprint`].
    pub fingerprint: Fingerprint,
    /// [`Forward::memo`].
    pub memo: [u64; 2],
}

/// What becomes of a server's datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answers nothing that was asked: it is dropped, and whoever waits goes on waiting for the true one.
    Stray,
    /// It goes to the client.
    Deliver(Delivery),
    /// The server says that it cannot. Another one is asked while there is one that was not; else this goes to the
    /// client.
    Another(Delivery),
}

/// An answer on its way to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where the id stands, to be restored.
    pub id: IdPlace,
    /// So many bytes of `out` go to the client instead of the datagram; the id stands in the same place.
    pub written: Option<usize>,
}

/// What a line of the access log tells of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What kind of request it is; for DNS the type that is asked for.
    pub method: Box<str>,
    /// What it is about; for DNS the name, escaped.
    pub host: Box<str>,
    /// What the answer says of itself; for DNS the response code. 0 without an answer.
    pub status: u16,
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
