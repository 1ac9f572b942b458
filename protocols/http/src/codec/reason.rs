//! The reason phrase of an answer, where it is not the usual one.

use bytes::Bytes;

/// A phrase on its way from a server to a client, among the extensions of a message.
#[derive(Clone, Debug)]
pub(super) struct Reason(Bytes);

impl Reason {
    /// `None`: bytes that no phrase may have (RFC 9112, section 4).
    pub(super) fn new(phrase: &[u8]) -> Option<Self> {
        let plain = |b: &u8| matches!(b, b'\t' | b' '..=b'~' | 0x80..);
        phrase.iter().all(plain).then(|| Self(Bytes::copy_from_slice(phrase)))
    }

    /// The phrase.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
