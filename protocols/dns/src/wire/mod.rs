//! DNS messages as they travel (RFC 1035, section 4): read where they stand, and rewritten byte by byte.
//!
//! Everything here is a pure function on bytes: total on all of them, bounded, without allocation except for texts.
//! A message that is relayed is never built anew; what is not understood stays as it came.

mod edns;
mod header;
mod matching;
mod name;
mod opt;
mod oracle;
mod query;
mod record;
mod reply;
mod rewrite;
mod ttl;
mod writer;

pub(crate) use edns::{Edns, masked};
pub(crate) use header::{HEADER, Header, Rcode, opcode};
pub(crate) use matching::{answers, fingerprint, lower_hash};
pub(crate) use name::lower_name;
pub(crate) use query::{Query, Question, Unreadable, is_transfer, payload, query};
pub(crate) use record::{Record, Section, records};
pub(crate) use reply::{error, rcode, truncated};
pub(crate) use rewrite::{answer_without, with_subnet};
pub(crate) use ttl::{Summary, ttls};

pub use oracle::oracle;

#[cfg(test)]
mod tests;
