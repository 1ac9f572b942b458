//! A node that others stand in for: what servers answer to it must not go to the node that has the addresses.
//!
//! With one arm servers send to `next-hop` what they answer to the gateway, and so what they answer to the probes of a node
//! that does not have it. It then takes all servers for dead, and takes over late.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use sekisho_config::{Arms, Config};

use crate::doctor::Diagnosis;
use crate::way::Family;

/// This machine among the servers, where it is one of several nodes with one arm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standby<'a> {
    config: &'a Config,
}

impl<'a> Standby<'a> {
    /// None where answers come by the servers' own routes.
    pub(crate) fn of(config: &'a Config) -> Option<Self> {
        let one_arm = matches!(config.topology.arms, Arms::One(_));
        (one_arm && !config.topology.next_hop.is_empty()).then_some(Self { config })
    }

    /// Looks whether the servers are told of this machine.
    pub(crate) fn examine(self, servers: impl Iterator<Item = SocketAddr>, diagnosis: &mut Diagnosis) {
        let mut own: Vec<IpAddr> = servers.filter_map(address_towards).collect();
        own.sort_unstable();
        own.dedup();
        let topology = &self.config.topology;
        for address in own {
            if !topology.nodes.contains(&address) && !topology.next_hop.contains(&address) {
                diagnosis.find(
                    format!(
                        "`nodes` of [network] does not name {address}, this machine's own address among the servers: \
                         answers to its probes are lost while another node has `next-hop`"
                    ),
                    "add it, and run on the servers what `sekisho net plan` prints then",
                );
            }
        }
    }

    /// Whether a server's silence is because of this; then it is said.
    pub(crate) fn explains(self, name: &str, server: SocketAddr, diagnosis: &mut Diagnosis) -> bool {
        let family = Family::of(server.ip());
        let next_hop = self.config.topology.next_hop.iter().find(|hop| Family::of(**hop) == family);
        let (Some(next_hop), Some(own)) = (next_hop, address_towards(server)) else { return false };
        if is_here(*next_hop) {
            return false;
        }
        let (option, at) = (family.option(), server.ip());
        diagnosis.find(
            format!(
                "{name} ({server}) does not answer this machine, which does not have `next-hop` {next_hop}: what it answers \
                 may go to the node that has it"
            ),
            format!("run on {at}: ip {option} rule add pref 990 to {own} lookup main"),
        );
        true
    }
}

/// The address that this machine has before a server.
fn address_towards(server: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Nothing is sent.
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether an address is this machine's.
fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}
