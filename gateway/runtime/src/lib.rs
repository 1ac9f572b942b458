//! Workers, listeners, TLS, timers, dialling, relaying, draining: the crate that knows sockets.
//!
//! [`start`] takes a checked configuration and gives a running [`Gateway`]. Inside there is one thread per core, each
//! with an event loop, listeners, buffers and server connections of its own, and one control thread for everything
//! that no client waits for.

mod accept;
mod access;
mod companions;
mod connection;
mod control;
mod converse;
mod counted;
mod decisions;
mod descriptors;
mod dial;
mod events;
mod gateway;
mod handover;
mod health;
mod io;
mod latency;
mod limits;
mod listen;
mod live;
mod origin;
mod plain;
mod proxy_header;
mod receiver;
mod relay;
mod roster;
#[cfg(test)]
mod scratch;
mod slot;
mod sockets;
mod store;
mod strikes;
mod ticker;
mod tls;
mod totals;
mod udp;
mod view;
mod vip;
mod worker;

pub use access::LogStatus;
pub use decisions::Decision;
pub use events::{Event, Happening};
pub use gateway::{Gateway, Options, Prepared, ReloadSummary, StartError, prepare, start};
pub use handover::{Handed, HandedSocket, Memory, RunSecret, TableNews};
pub use latency::{Distribution, Latencies};
pub use proxy_header::oracle as proxy_header_oracle;
pub use receiver::{LogCounts, LogReceiver, LogSender, Severity};
pub use roster::{Connection, Unanswered, Which};
pub use tls::{CertificateExpiry, ClientTlsError, DoorTls, client_tls, node_tls};
pub use totals::{Classes, Ends, ExchangeTotals, Totals};
pub use view::{Status, View, VipStatus};
