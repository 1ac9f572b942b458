//! The configuration as used: only valid values, nothing left to check.

mod admin;
mod gateway;
mod l4;
mod log;
mod network;
mod peers;
mod pool;
mod store;
mod tls;
mod vip;
mod vrrp;

use std::net::IpAddr;
use std::sync::Arc;

use sekisho_api::IdentityRules;
use sekisho_scheduler::TableSpec;

pub use self::admin::{Admin, Scope, Token};
pub use self::gateway::Gateway;
pub use self::l4::{OnStop, VipMode};
pub use self::log::{AccessLog, Facility, LineFormat, LinePiece, LogField, LogFormat, LogTo, SyslogAddress};
pub use self::network::{Arms, Flavour, Mac, ReturnPath, Topology};
pub use self::peers::{PeerKeyForm, PeerNode, PeerTable, Peers};
pub use self::pool::{Pool, ProbeSpec, ProxyTlv, ProxyVersion, Source};
pub use self::store::SharedStore;
pub use self::tls::{CertificateFiles, ClientAuth, ClientTls, ServerTls, TlsMode, TlsVersion};
pub use self::vip::{Limits, Timeouts, Vip};
pub use self::vrrp::{Track, Vrrp, VrrpChecksum, VrrpMode};

/// A whole configuration. Immutable: a reload builds another one.
#[derive(Clone, Debug)]
pub struct Config {
    /// What concerns the whole process.
    pub gateway: Gateway,
    /// How operators reach the gateway.
    pub admin: Admin,
    /// The VIPs, in the order of the file, names unique, no address listed twice.
    pub vips: Vec<Arc<Vip>>,
    /// The pools, in the order of the file, names unique.
    pub pools: Vec<Arc<Pool>>,
    /// The persistence domains; `default` is always there.
    pub domains: Vec<Domain>,
    /// Addresses that move between nodes, in the order of the file, names unique, no address listed twice.
    pub vrrp: Vec<Vrrp>,
    /// Nodes that share what clients they know; none: this one is alone.
    pub peers: Option<Peers>,
    /// Where what clients are known is shared; none: nowhere.
    pub store: Option<SharedStore>,
    /// How packets to clients' addresses come back.
    pub network: ReturnPath,
    /// Where the servers are, and how their answers reach the gateway.
    pub topology: Topology,
}

impl Config {
    /// Whether an address moves between nodes, so that it may not be here yet.
    pub fn moves(&self, address: IpAddr) -> bool {
        self.vrrp.iter().any(|vrrp| vrrp.addresses.iter().any(|(moving, _)| *moving == address))
    }
}

/// The file of a state directory in which a generated secret is kept.
pub const KEPT_SECRET: &str = "secret";

/// A persistence domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its table.
    pub table: TableSpec,
    /// How user names become identities in it.
    pub identity: IdentityRules,
}
