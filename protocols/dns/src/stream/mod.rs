//! DNS over streams: clients over TCP and TLS, and the connections to the servers that they share.
//!
//! What is pure stands in `framing`, `ids`, `table`, `soa` and `sniff`; what one query goes through in `call` and `front`; the
//! two kinds of connection in `client` and `upstream`. Every connection is one task, which reads all there is, hands
//! it on and writes all that has gathered with one call: so the tasks that a batch of messages wakes each cost one
//! read and one write, however many messages that are.

mod alarm;
mod bell;
mod budget;
mod call;
mod client;
mod conn;
mod course;
mod dispatch;
mod ending;
mod framing;
mod front;
mod ids;
mod inbound;
mod line;
mod outbound;
mod record;
mod rewound;
mod scratch;
mod service;
mod sniff;
mod soa;
mod table;
mod task;
mod transfer;
mod upstream;

#[cfg(test)]
mod tests;

pub(crate) use alarm::within;
pub(crate) use rewound::Rewound;
pub(crate) use service::DnsService;
