//! Whether an answer belongs to a question, when all that is kept of the question is a keyed hash.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::header::{Header, Rcode, opcode};
use super::query::{Query, Question};

/// A keyed hash of the question, the name in lower case: a server may change the case, and whoever does not know the
/// key cannot look for another name with the same hash.
///
/// Eight octets at a time: this is done twice for every query.
pub(crate) fn lower_hash((k0, k1): (u64, u64), question: &Question<'_>) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(k0, k1);
    let (words, rest) = question.name.as_chunks();
    for &word in words {
        hasher.write_u64(lower(u64::from_le_bytes(word)));
    }
    let rest = rest.iter().rfold(0, |word, &octet| word << 8 | u64::from(octet));
    hasher.write_u64(lower(rest));
    // A name ends with its only empty label, so that zeros behind it make no other name of it.
    hasher.write_u64(u64::from(question.kind) << 16 | u64::from(question.class));
    hasher.finish()
}

/// Eight octets with A to Z in lower case.
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // The high bit of each octet says: at least A, more than Z, ASCII.
    let low = word & !HIGH;
    let letter = low + (0x80 - b'A' as u64) * EACH;
    let beyond = low + (0x7f - b'Z' as u64) * EACH;
    word | (letter & !beyond & !word & HIGH) >> 2
}

/// What an answer to `query` must match; a request without a question has a fingerprint too.
pub(crate) fn fingerprint(key: (u64, u64), query: &Query<'_>) -> u64 {
    query.question.as_ref().map_or_else(|| nothing(key), |question| lower_hash(key, question))
}

/// Whether `answer` answers the request with this opcode and fingerprint.
///
/// One without a question is taken if it is an error that is no statement about a name, and in the opcodes where
/// servers may leave the question out (UPDATE: RFC 2136, section 3.8).
pub(crate) fn answers(answer: &[u8], opcode: u8, fingerprint: u64, key: (u64, u64)) -> bool {
    let Some(header) = Header::read(answer).filter(|header| header.qr() && header.opcode() == opcode) else {
        return false;
    };
    match header.counts {
        [0, ..] => {
            opcode == opcode::UPDATE
                || !matches!(header.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN)
                || fingerprint == nothing(key)
        }
        [questions, ..] => {
            (questions == 1 || opcode != opcode::QUERY)
                && Question::read(answer).is_some_and(|question| lower_hash(key, &question) == fingerprint)
        }
    }
}

/// The fingerprint of a request without a question.
fn nothing((k0, k1): (u64, u64)) -> u64 {
    SipHasher13::new_with_keys(k0, k1).finish()
}
