//! A gateway in this process, between scripted servers and clients.

mod desktop;
mod dns_server;
mod gateway;
mod http_server;
mod imap_server;
mod line_server;
mod listener;
mod login_desktop;
mod script_server;
mod tls;
mod until;
mod web_socket;

pub use desktop::{Desktop, Manner};
pub use dns_server::{
    DnsOver, DnsReply, DnsSeen, DnsServer, dns_answer, dns_head, dns_name, dns_query, framed, loopback,
    read_framed,
};
pub use gateway::Rig;
pub use http_server::{HttpServer, Seen};
pub use imap_server::{ImapServer, ImapTalk};
pub use line_server::LineServer;
pub use login_desktop::{DesktopClient, DesktopLogin, DesktopSeen, DesktopStage, DesktopTalk, LoginDesktop};
pub use script_server::{Script, ScriptServer};
pub use tls::{Authority, tls_client};
pub use until::until;
pub use web_socket::{Opcode, WebSocket, WebSocketServer, masked};
