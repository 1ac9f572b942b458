//! What one VIP does with DNS messages, whatever they came over.

mod answer;
mod described;
mod memo;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sekisho_api::{Described, IdPlace};

pub(crate) use crate::over::Over;

use crate::keys::Keys;
use crate::limits::Limits;
use crate::options::{Options, Table};
use crate::pool::PoolRules;
use crate::rules::Rules;
use crate::text;
use crate::wire::{self, Query, opcode};

/// What one VIP does with DNS messages: one value for all workers, and for everything that clients speak over.
///
/// Nothing here waits, and nothing allocates but keys of more than 24 bytes and what a cache takes in. Wherever a
/// buffer `out` is asked for, [`sekisho_api::DATAGRAM`] bytes are enough.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) options: Options,
    keys: Keys,
    limits: Limits,
    rules: Rules,
    /// By the index of the pool in the VIP's list.
    pools: Box<[Arc<PoolRules>]>,
    /// Keys the fingerprints: whoever does not know it cannot make an answer to another question fit.
    seed: (u64, u64),
}

/// Where the id of every message stands.
const ID: IdPlace = IdPlace { offset: 0, width: 2 };

impl Desk {
    pub(crate) fn new(table: Table, pools: Box<[Arc<PoolRules>]>, seed: (u64, u64)) -> Self {
        let Table { options, keys, limits, rules } = table;
        Self { options, keys, limits, rules, pools, seed }
    }

    /// The id of a message.
    pub(crate) fn id(message: &[u8]) -> Option<u32> {
        ID.read(message)
    }

    /// What a line of the access log tells of a query and its answer, which is empty if there is none.
    pub(crate) fn describe(&self, request: &[u8], answer: &[u8]) -> Option<Described> {
        let query = wire::query(request).ok()?;
        let Query { header, question, .. } = &query;
        let kind = question.as_ref().map(|question| text::show_kind(question.kind));
        let method = match (header.opcode(), kind) {
            (opcode::QUERY, Some(kind)) => kind.into(),
            (4, _) => "NOTIFY".into(),
            (opcode::UPDATE, _) => "UPDATE".into(),
            (other, _) => format!("OPCODE{other}").into(),
        };
        let host = question.as_ref().map(|question| text::show_name(question.name)).unwrap_or_default();
        Some(Described { method, host: host.into(), status: wire::rcode(answer) })
    }
}
