//! A gateway in this process, between scripted servers and clients.

mod desktop;
mod dns_server;
mod folder;
mod gateway;
mod http_server;
mod imap_server;
mod line_client;
mod line_server;
mod listener;
mod login_desktop;
mod loopback;
mod pool;
mod script_server;
mod tls;
mod until;
mod web_socket;

pub use desktop::{Desktop, Manner, desktop_request};
pub use dns_server::{
    DnsOver, DnsReply, DnsSeen, DnsServer, dns_answer, dns_head, dns_name, dns_query, framed, read_framed,
};
pub use folder::folder;
pub use gateway::Rig;
pub use http_server::{HttpServer, Seen};
pub use imap_server::{ImapServer, ImapTalk};
pub use line_client::{LineClient, connect_from};
pub use line_server::LineServer;
pub use login_desktop::{DesktopClient, DesktopLogin, DesktopSeen, DesktopStage, DesktopTalk, LoginDesktop};
pub use loopback::loopback;
pub use pool::{named, numbered};
pub use script_server::{Script, ScriptServer};
pub use tls::{Authority, tls_client};
pub use until::until;
pub use web_socket::{Opcode, WebSocket, WebSocketServer, masked};
