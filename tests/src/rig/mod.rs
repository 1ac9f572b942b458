//! A gateway in this process, between scripted servers and clients.

mod gateway;
mod http_server;
mod line_server;
mod listener;
mod tls;
mod until;

pub use gateway::Rig;
pub use http_server::{HttpServer, Seen};
pub use line_server::LineServer;
pub use tls::{Authority, tls_client};
pub use until::until;
