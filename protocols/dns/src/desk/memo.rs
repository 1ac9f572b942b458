//! What is remembered of a query while its answer is awaited.

use super::Over;

/// What is remembered of a query while its answer is awaited: two numbers, which the core keeps for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memo {
    /// What the answer is kept under in the pool's cache; none: it is not kept.
    pub(super) key: Option<u64>,
    /// The most bytes of an answer that the client takes.
    pub(super) limit: usize,
    /// The OPT record is the gateway's own: the client gets none.
    pub(super) own_opt: bool,
    /// The client subnet is not the client's: it gets none.
    pub(super) own_subnet: bool,
    /// The pool, by its index.
    pub(super) pool: usize,
}

impl Memo {
    pub(super) fn pack(self) -> [u64; 2] {
        let flags = u64::from(self.own_opt) << 16 | u64::from(self.own_subnet) << 17;
        let limit = u16::try_from(self.limit).unwrap_or(u16::MAX);
        [self.key.unwrap_or(0), u64::from(limit) | flags | (self.pool as u64) << 32]
    }

    pub(super) fn unpack([key, rest]: [u64; 2]) -> Self {
        Self {
            key: Some(key).filter(|key| *key != 0),
            limit: usize::from(rest as u16),
            own_opt: rest & 1 << 16 != 0,
            own_subnet: rest & 1 << 17 != 0,
            pool: (rest >> 32) as usize,
        }
    }
}

/// The most bytes that a client takes: over UDP what it says, elsewhere the longest message.
pub(super) fn limit(query: &crate::wire::Query<'_>, over: Over) -> usize {
    if over == Over::Udp { crate::wire::payload(query) } else { usize::from(u16::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for memo in [
            Memo { key: None, limit: 512, own_opt: false, own_subnet: false, pool: 0 },
            Memo { key: Some(u64::MAX), limit: 65_535, own_opt: true, own_subnet: false, pool: 7 },
            Memo { key: Some(1), limit: 1232, own_opt: false, own_subnet: true, pool: 70_000 },
        ] {
            assert_eq!(Memo::unpack(memo.pack()), memo);
        }
    }
}
