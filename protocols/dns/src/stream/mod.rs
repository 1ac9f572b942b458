//! DNS over streams: clients over TCP and TLS, and the connections to the servers that they share.
//!
//! Every connection is one task, which reads all there is, hands it on and writes all that has gathered with one call:
//! so the tasks that a batch of messages wakes each cost one read and one write, however many messages that are.
//!
//! | module | idea |
//! |---|---|
//! | `framing`, `ids`, `table`, `soa`, `budget` | pure: messages in a stream, ids, what is under way, where a zone ends, how much is asked twice |
//! | `front` | where queries come in: of streams, of HTTPS, of handed-over datagrams |
//! | `call`, `dispatch`, `course`, `ending` | one query: what it is, how it finds a server, what befalls it there, how it ends |
//! | `client`, `conn` | a client's connection: its task, and what those see of it who answer |
//! | `task`, `upstream`, `line` | a connection to a server: its task, what is under way on it, and all those to one server |
//! | `transfer` | a zone on its way |
//! | `service`, `sniff` | the service, and what is spoken on a connection |
//! | `inbound`, `outbound`, `scratch`, `bell`, `alarm`, `record` | reading, writing, buffers, waking, time, the access log |

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
pub(crate) use service::DnsService;
