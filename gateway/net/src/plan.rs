//! The commands that a configuration asks of machines that are not the gateway's, and what it asks of the gateway's:
//! text, made of typed values alone.

use std::fmt::Write;
use std::net::IpAddr;

use sekisho_config::{Arms, Config, Flavour, ProxyVersion, Source, Topology, VrrpMode};

use crate::l4;
use crate::way::{self, Family};

/// Why there are no commands.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Servers of this version of IP would not know where to send their answers.
    #[error("`next-hop` of [network] names no {0} address: write where servers send their answers")]
    NoNextHop(&'static str),
    /// The gateway's packets cannot be told from others.
    #[error("`macs` of [network] is empty: write the MAC of each node among the servers")]
    NoMacs,
}

/// A right that the gateway needs, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    /// Its name in capabilities(7).
    pub(crate) name: &'static str,
    /// Its number.
    pub(crate) bit: u8,
    /// What for.
    pub(crate) reason: &'static str,
}

/// The rights that a gateway with this configuration needs.
pub(crate) fn rights(config: &Config) -> Vec<Right> {
    let client = way_back(config);
    let speaks = config.vrrp.iter().any(|vrrp| vrrp.mode == VrrpMode::BuiltIn);
    let low = config
        .vips
        .iter()
        .filter(|vip| !vip.mode.is_l4())
        .flat_map(|vip| &vip.listen)
        .any(|address| (1..1024).contains(&address.port()));
    let kernel = l4::serves(config).next().is_some();
    let raw = if speaks { "VRRP" } else { "clients' addresses" };
    let admin = match (speaks, kernel) {
        (true, _) => "addresses that move",
        (false, true) => "VIPs that the kernel serves",
        (false, false) => "the way back of clients' addresses",
    };
    [
        (low, Right { name: "CAP_NET_BIND_SERVICE", bit: 10, reason: "ports below 1024" }),
        // CAP_NET_ADMIN lets a process use others' addresses as well.
        (client && !config.network.manage || speaks, Right { name: "CAP_NET_RAW", bit: 13, reason: raw }),
        (
            client && config.network.manage || speaks || kernel,
            Right { name: "CAP_NET_ADMIN", bit: 12, reason: admin },
        ),
    ]
    .into_iter()
    .filter_map(|(needed, right)| needed.then_some(right))
    .collect()
}

/// The names of the pools whose servers see clients' addresses.
pub(crate) fn sees_clients(config: &Config) -> impl Iterator<Item = &str> {
    let seeing = config.pools.iter().filter(|pool| pool.source == Source::Client);
    seeing.map(|pool| &*pool.spec.name)
}

/// Whether sockets of the gateway's have clients' addresses, so that packets need a way back to them.
pub(crate) fn way_back(config: &Config) -> bool {
    sees_clients(config).any(|pool| !l4::alone(config, pool))
}

/// The commands for each server, and what the gateway's machine needs, as lines for a shell.
///
/// # Errors
/// What `[network]` does not say.
pub fn plan(config: &Config) -> Result<String, PlanError> {
    let mut text = String::new();
    gateway(config, &mut text);
    for host in hosts(config) {
        let (address, topology) = (host.address, &config.topology);
        let _ = write!(text, "\n# Server {address} ({})\n", host.names.join(", "));
        if host.sees_clients {
            server(address, topology, &mut text)?;
        } else {
            text.push_str("# It sees the gateway, and answers it without being told.\n");
        }
        if let Some(version) = host.told {
            told(version, topology, &mut text);
        }
    }
    Ok(text)
}

fn gateway(config: &Config, text: &mut String) {
    text.push_str("# Gateway, each node\n");
    let rights = rights(config);
    if rights.is_empty() {
        text.push_str("# It needs no capabilities.\n");
    }
    for right in &rights {
        let _ = writeln!(text, "# {} for {}", right.name, right.reason);
    }
    if !rights.is_empty() {
        let names: Vec<&str> = rights.iter().map(|right| right.name).collect();
        let _ = writeln!(text, "# In its unit of systemd: AmbientCapabilities={}", names.join(" "));
    }
    if let Some(vip) = l4::serves(config).next() {
        let _ = write!(
            text,
            "# The kernel serves VIP `{}`, for which it has to forward:\n\
             sysctl -w net.ipv4.ip_forward=1\n\
             sysctl -w net.ipv6.conf.all.forwarding=1\n",
            vip.name
        );
    }
    if !way_back(config) {
        return;
    }
    if config.topology.arms == Arms::Two && l4::serves(config).next().is_none() {
        text.push_str(
            "# The gateway itself does not forward. What servers send of their own accord to other networks it does only so:\n\
             sysctl -w net.ipv4.ip_forward=1\n\
             sysctl -w net.ipv6.conf.all.forwarding=1\n",
        );
    }
    let path = &config.network;
    if path.manage {
        let _ = writeln!(
            text,
            "# `sekisho run` puts in nftables' table {}, rules of priority {} and routes in table {}.",
            way::nft_table(path),
            path.priority,
            path.table
        );
        return;
    }
    let _ = write!(text, "nft -f - <<'END'\n{}END\n", way::ruleset(path));
    for family in Family::ALL {
        let _ = writeln!(text, "ip {}", way::route(path, family, "replace").join(" "));
        let _ = writeln!(text, "ip {}", way::rule(path, family, "add").join(" "));
    }
}

/// A machine with servers.
struct Host {
    address: IpAddr,
    /// Its servers, as `POOL/SERVER`.
    names: Vec<String>,
    sees_clients: bool,
    told: Option<ProxyVersion>,
}

/// The machines in the order of the file.
fn hosts(config: &Config) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    for pool in &config.pools {
        for server in &pool.spec.servers {
            let (address, name) = (server.address.ip(), format!("{}/{}", pool.spec.name, server.name));
            let sees_clients = pool.source == Source::Client;
            match hosts.iter_mut().find(|host| host.address == address) {
                Some(host) => {
                    host.names.push(name);
                    host.sees_clients |= sees_clients;
                    host.told = host.told.or(pool.proxy_protocol);
                }
                None => {
                    let told = pool.proxy_protocol;
                    hosts.push(Host { address, names: vec![name], sees_clients, told });
                }
            }
        }
    }
    hosts
}

fn server(address: IpAddr, topology: &Topology, text: &mut String) -> Result<(), PlanError> {
    let four = address.is_ipv4();
    let family = if four { Family::V4 } else { Family::V6 };
    let (ip, interface) = (format!("ip {}", family.option()), &topology.interface);
    let hop = topology.next_hop.iter().find(|hop| hop.is_ipv4() == four);
    let hop = hop.ok_or(PlanError::NoNextHop(if four { "IPv4" } else { "IPv6" }))?;
    let Arms::One(flavour) = topology.arms else {
        let _ = writeln!(text, "{ip} route replace default via {hop} dev {interface}");
        return Ok(());
    };
    if flavour == Flavour::Mac {
        text.push_str(&marks(topology)?);
    } else {
        text.push_str(
            "# Only the gateway uses this address; everybody else reaches the server by its first one.\n",
        );
        let length = if four { 32 } else { 128 };
        let _ = writeln!(text, "{ip} address replace {address}/{length} dev {interface}");
    }
    for node in topology.nodes.iter().filter(|node| node.is_ipv4() == four) {
        let _ = writeln!(text, "{ip} rule add pref {DIRECT} to {node} lookup main");
    }
    let _ = match flavour {
        Flavour::Addr => writeln!(text, "{ip} rule add pref {BACK} from {address} lookup {ROUTES}"),
        Flavour::Mac => writeln!(text, "{ip} rule add pref {BACK} fwmark {MARK}/{MARK} lookup {ROUTES}"),
    };
    let _ = writeln!(text, "{ip} route replace default via {hop} dev {interface} table {ROUTES}");
    Ok(())
}

/// What marks a connection that came from the gateway, and every answer of it before its route is chosen.
fn marks(topology: &Topology) -> Result<String, PlanError> {
    if topology.macs.is_empty() {
        return Err(PlanError::NoMacs);
    }
    let macs: Vec<String> = topology.macs.iter().map(ToString::to_string).collect();
    let macs = macs.join(", ");
    Ok(format!(
        "nft -f - <<'END'
table inet sekisho_server {{}}
delete table inet sekisho_server
table inet sekisho_server {{
    chain prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        ether saddr {{ {macs} }} ct direction original ct mark set ct mark or {MARK}
    }}
    chain output {{
        type route hook output priority mangle; policy accept;
        ct mark and {MARK} == {MARK} meta mark set meta mark or {MARK}
    }}
}}
END
"
    ))
}

fn told(version: ProxyVersion, topology: &Topology, text: &mut String) {
    let version = match version {
        ProxyVersion::V1 => 1,
        ProxyVersion::V2 => 2,
    };
    let _ = writeln!(
        text,
        "# It is told of clients by a PROXY header of version {version}. For nginx, in its `server`:"
    );
    text.push_str("#   listen PORT proxy_protocol; real_ip_header proxy_protocol;");
    for node in &topology.nodes {
        let _ = write!(text, " set_real_ip_from {node};");
    }
    text.push('\n');
}

/// On servers: the priority of rules for the nodes themselves, which must come before that of the rest.
const DIRECT: u32 = 990;
/// On servers: the priority of the rule for what goes back by the gateway.
const BACK: u32 = 1000;
/// On servers: the table of the route that leads there.
const ROUTES: u32 = 5300;
/// On servers: the bit of marks.
const MARK: &str = "0x2000000";
