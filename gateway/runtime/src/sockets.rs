//! Which sockets a configuration needs beyond those that are there.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_config::Config;

use crate::worker::{NewSocket, Socket};
use crate::{StartError, listen};

/// The addresses that are listened on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses(Vec<Address>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    vip: Arc<str>,
    configured: SocketAddr,
    bound: SocketAddr,
}

/// What changes when a configuration comes into force.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// All addresses afterwards.
    pub(crate) addresses: Addresses,
    /// The new sockets of each worker.
    pub(crate) sockets: Vec<Vec<NewSocket>>,
    pub(crate) opened: Vec<SocketAddr>,
    pub(crate) closed: Vec<SocketAddr>,
}

impl Addresses {
    /// The addresses of a VIP.
    pub(crate) fn of(&self, vip: &str) -> Vec<SocketAddr> {
        let mut all: Vec<_> = self.0.iter().filter(|a| &*a.vip == vip).map(|a| a.bound).collect();
        all.dedup();
        all
    }

    /// Binds what `config` needs and what is not there yet, for each of `workers`.
    ///
    /// # Errors
    /// The first address that cannot be bound; the sockets made until then are closed again.
    pub(crate) fn change(&self, config: &Config, workers: usize) -> Result<Changes, StartError> {
        let mut changes = Changes::default();
        changes.sockets.resize_with(workers, Vec::new);
        for vip in &config.vips {
            for &configured in &vip.listen {
                let there = self.0.iter().find(|a| a.vip == vip.name && a.configured == configured);
                if let Some(there) = there {
                    changes.addresses.0.push(there.clone());
                    continue;
                }
                let refused =
                    |source| StartError::Listen { vip: vip.name.to_string(), address: configured, source };
                let mut bound = configured;
                if vip.transport.tcp() {
                    let tcp = listen::tcp(bound, workers, vip.timeouts.keepalive).map_err(refused)?;
                    bound = tcp.address;
                    let sockets = tcp.sockets.into_iter().map(Socket::Tcp);
                    changes.add(&vip.name, configured, bound, sockets);
                }
                if vip.transport.udp() {
                    let udp = listen::udp(bound, workers).map_err(refused)?;
                    bound = udp.address;
                    let sockets = udp.sockets.into_iter().map(Socket::Udp);
                    changes.add(&vip.name, configured, bound, sockets);
                }
                changes.opened.push(bound);
                changes.addresses.0.push(Address { vip: vip.name.clone(), configured, bound });
            }
        }
        let gone = self.0.iter().filter(|a| !changes.addresses.0.contains(a));
        changes.closed = gone.map(|a| a.bound).collect();
        Ok(changes)
    }
}

impl Changes {
    fn add(
        &mut self,
        vip: &Arc<str>,
        configured: SocketAddr,
        bound: SocketAddr,
        sockets: impl Iterator<Item = Socket>,
    ) {
        for (worker, socket) in self.sockets.iter_mut().zip(sockets) {
            worker.push(NewSocket { vip: vip.clone(), configured, bound, socket });
        }
    }
}
