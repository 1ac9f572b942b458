//! Whether an answer belongs to a question, when all that is kept of the question is a keyed hash.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::header::{Header, Rcode, opcode};
use super::name::NAME;
use super::query::{Query, Question};

/// A keyed hash of the question, the name in lower case: a server may change the case, and whoever does not know the
/// key cannot look for another name with the same hash.
pub(crate) fn lower_hash(key: (u64, u64), question: &Question<'_>) -> u64 {
    let mut buf = [0; NAME + 4];
    let lower = buf.get_mut(..question.wire.len()).unwrap_or_default();
    lower.copy_from_slice(question.wire.get(..lower.len()).unwrap_or_default());
    if let Some((name, _)) = lower.split_last_chunk_mut::<4>() {
        name.make_ascii_lowercase();
    }
    hash(key, lower)
}

/// What an answer to `query` must match; a request without a question has a fingerprint too.
pub(crate) fn fingerprint(key: (u64, u64), query: &Query<'_>) -> u64 {
    query.question.as_ref().map_or_else(|| hash(key, &[]), |question| lower_hash(key, question))
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
                || fingerprint == hash(key, &[])
        }
        [questions, ..] => {
            (questions == 1 || opcode != opcode::QUERY)
                && Question::read(answer).is_some_and(|question| lower_hash(key, &question) == fingerprint)
        }
    }
}

fn hash((k0, k1): (u64, u64), octets: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(k0, k1);
    hasher.write(octets);
    hasher.finish()
}
