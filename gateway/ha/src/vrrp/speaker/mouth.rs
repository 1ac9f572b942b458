//! A voice with its sockets.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::vrrp::announce::{self, Role};
use crate::vrrp::io::ethernet::Ethernet;
use crate::vrrp::io::kernel::{self, Kernel};
use crate::vrrp::io::raw::RawSocket;
use crate::vrrp::machine::Moment;
use crate::vrrp::packet::{Advert, Centiseconds, Datagram, GROUP_V4, GROUP_V6, Invalid, Outgoing};
use crate::vrrp::plan::VoicePlan;

/// How often one voice complains of packets that it does not believe.
const COMPLAIN: Duration = Duration::from_secs(60);
/// The most packets read before something else gets its turn.
const BATCH: usize = 64;

/// What a voice has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) invalid: u64,
}

/// An advert that was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) from: IpAddr,
    pub(super) priority: u8,
    pub(super) interval: Centiseconds,
}

/// Why a packet is not believed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Disbelief {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("the sender is none of the peers")]
    Stranger,
    #[error("it came to one address, where multicast is spoken")]
    NotMulticast,
}

#[derive(Debug)]
pub(super) struct Mouth {
    pub(super) plan: VoicePlan,
    pub(super) counts: Counts,
    /// Whether a partner advertises other addresses.
    pub(super) differs: bool,
    socket: Option<RawSocket>,
    ethernet: Option<Ethernet>,
    pub(super) link: Option<u32>,
    complained: Option<Moment>,
    /// Whether the last attempt to speak failed, so that each failure is told once.
    mute: bool,
}

impl Mouth {
    pub(super) fn new(plan: &VoicePlan) -> Self {
        Self {
            plan: plan.clone(),
            counts: Counts::default(),
            differs: false,
            socket: None,
            ethernet: None,
            link: None,
            complained: None,
            mute: false,
        }
    }

    pub(super) fn socket(&self) -> Option<&RawSocket> {
        self.socket.as_ref()
    }

    /// Looks whether its link can be spoken on, and from which address. Gives that, if it has changed.
    pub(super) fn look(&mut self, kernel: &Kernel, moving: &HashSet<IpAddr>) -> Option<Option<IpAddr>> {
        let before = self.socket.as_ref().map(|socket| (socket.link(), socket.own()));
        let link = kernel.link(&self.plan.interface);
        self.link = link.map(|link| link.index);
        let like = self.plan.peers.first().copied();
        let own = link.filter(|link| link.carries).and_then(|link| {
            let moving = |address| moving.contains(&address);
            let own = kernel.own(link.index, like, self.plan.is_ipv6(), before.map(|(_, own)| own), &moving);
            Some((link, own?))
        });
        if before == own.map(|(link, own)| (link.index, own)) {
            return None;
        }
        self.socket = None;
        self.ethernet = None;
        let Some((link, own)) = own else { return Some(None) };
        match RawSocket::open(&link.name, link.index, own) {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                // Once: it is tried again when something changes, which may be often.
                if !std::mem::replace(&mut self.mute, true) {
                    let (vrrp, interface) = (&*self.plan.table, &*self.plan.interface);
                    tracing::error!(vrrp, interface, %error, "VRRP cannot be spoken (it needs CAP_NET_RAW)");
                }
                return before.map(|_| None);
            }
        }
        self.mute = false;
        self.ethernet = Ethernet::open(link.index).ok();
        Some(Some(own))
    }

    /// What was heard. Packets of other virtual routers are none of its business.
    pub(super) fn receive(&mut self, now: Moment) -> Vec<Said> {
        let mut heard = Vec::new();
        let Some(socket) = self.socket.take() else { return heard };
        for _ in 0..BATCH {
            let mut take = |datagram: Option<Datagram<'_>>| match datagram
                .map_or(Err(Invalid::Length.into()), |datagram| self.hear(&datagram, socket.own()))
            {
                Ok(said) => heard.extend(said),
                Err(disbelief) => self.complain(disbelief, datagram.map(|of| of.source), now),
            };
            if !matches!(socket.receive(&mut take), Ok(true)) {
                break;
            }
        }
        self.socket = Some(socket);
        heard
    }

    fn hear(&mut self, datagram: &Datagram<'_>, own: IpAddr) -> Result<Option<Said>, Disbelief> {
        // The second byte is the virtual router in all versions: others may speak another one.
        if datagram.source == own || datagram.payload.get(1) != Some(&self.plan.router) {
            return Ok(None);
        }
        let advert = datagram.advert()?;
        if self.plan.peers.is_empty() {
            if !datagram.destination.is_multicast() {
                return Err(Disbelief::NotMulticast);
            }
        } else if !self.plan.peers.contains(&datagram.source) {
            return Err(Disbelief::Stranger);
        }
        self.counts.received += 1;
        self.compare(&advert, datagram.source);
        let Advert { priority, interval, .. } = advert;
        Ok(Some(Said { from: datagram.source, priority, interval }))
    }

    /// Nodes that do not agree on what they answer for leave addresses to nobody, or to both.
    fn compare(&mut self, advert: &Advert<'_>, peer: IpAddr) {
        let own: HashSet<IpAddr> = self.plan.addresses.iter().map(|(address, _)| *address).collect();
        let differs = advert.addresses().collect::<HashSet<_>>() != own;
        if differs && !self.differs {
            let vrrp = &*self.plan.table;
            tracing::warn!(vrrp, %peer, "The partner advertises other addresses than are configured here");
        }
        self.differs = differs;
    }

    fn complain(&mut self, disbelief: Disbelief, from: Option<IpAddr>, now: Moment) {
        self.counts.invalid += 1;
        if self.complained.is_none_or(|last| now >= last + COMPLAIN) {
            self.complained = Some(now);
            let (vrrp, from) = (&*self.plan.table, from.map(tracing::field::display));
            tracing::warn!(vrrp, from, reason = %disbelief, "A VRRP packet is not believed");
        }
    }

    /// Sends an advert to the group, or to each peer.
    pub(super) fn send(&mut self, priority: u8) {
        let Some(socket) = &self.socket else { return };
        let addresses: Vec<IpAddr> = self.plan.addresses.iter().map(|(address, _)| *address).collect();
        let VoicePlan { router, interval, checksum, .. } = self.plan;
        let advert = Outgoing { router, priority, interval, addresses: &addresses, checksum };
        let group = if self.plan.is_ipv6() { GROUP_V6.into() } else { GROUP_V4.into() };
        let to = if self.plan.peers.is_empty() { std::slice::from_ref(&group) } else { &*self.plan.peers };
        for destination in to {
            match socket.send(*destination, &advert.encode(socket.own(), *destination)) {
                Ok(()) => {
                    self.counts.sent += 1;
                    self.mute = false;
                }
                Err(error) if !self.mute => {
                    self.mute = true;
                    tracing::warn!(vrrp = &*self.plan.table, %error, %destination, "An advert is not sent");
                }
                Err(_) => {}
            }
        }
    }

    /// Tells the link where the addresses are: at its Ethernet address of now, which a bond changes with its link.
    pub(super) fn announce(&self, kernel: &Kernel) {
        let mac = kernel.link(&self.plan.interface).and_then(|link| link.mac);
        let Some((ethernet, mac)) = self.ethernet.as_ref().zip(mac) else { return };
        let role = if kernel::forwards(&self.plan.interface) { Role::Router } else { Role::Host };
        for (address, _) in &self.plan.addresses {
            // Said again soon, and neighbours ask.
            let _ = ethernet.send(&announce::frame(*address, mac, role));
        }
    }

    /// Adds its addresses, or gives them more time. What cannot be is told by the caller.
    pub(super) fn take(&self, kernel: &mut Kernel) -> std::io::Result<()> {
        let Some(link) = self.link else { return Ok(()) };
        let mut all = Ok(());
        for (address, prefix) in &self.plan.addresses {
            all = kernel.add(link, *address, *prefix).and(all);
        }
        all
    }

    /// The addresses that it moves on this node: none that are here for good.
    pub(super) fn moved<'a>(&'a self, kernel: &'a Kernel) -> impl Iterator<Item = IpAddr> + 'a {
        self.plan.addresses.iter().map(|of| of.0).filter(|address| !kernel.has_for_good(*address))
    }

    /// Removes its addresses, but those that `stay`.
    pub(super) fn release(&self, kernel: &mut Kernel, stay: &dyn Fn(&(IpAddr, u8)) -> bool) {
        let Some(link) = self.link else { return };
        for of in self.plan.addresses.iter().filter(|of| !stay(of)) {
            if let Err(error) = kernel.remove(link, of.0, of.1) {
                let (vrrp, address) = (&*self.plan.table, of.0);
                tracing::error!(vrrp, %address, %error, "An address cannot be removed (it needs CAP_NET_ADMIN)");
            }
        }
    }

    /// Removes what a process before this one left behind, and warns of what somebody else has put there for good.
    pub(super) fn tidy(&mut self, kernel: &mut Kernel) {
        self.link = kernel.link(&self.plan.interface).map(|link| link.index);
        for (address, _) in self.plan.addresses.iter().filter(|(address, _)| kernel.has_for_good(*address)) {
            let vrrp = &*self.plan.table;
            tracing::warn!(vrrp, %address, "The address is configured on this node for good: two nodes will have it");
        }
        let for_good: HashSet<IpAddr> = self
            .plan
            .addresses
            .iter()
            .map(|of| of.0)
            .filter(|address| kernel.has_for_good(*address))
            .collect();
        self.release(kernel, &|(address, _)| for_good.contains(address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::packet::{Checksum, HOP_LIMIT};

    #[test]
    fn other_virtual_routers_of_the_link_are_none_of_its_business_in_any_version() {
        let plan = VoicePlan {
            table: "web".to_owned(),
            interface: "eth0".to_owned(),
            router: 51,
            priority: 100,
            interval: Centiseconds::MAX,
            checksum: Checksum::Plain,
            peers: Vec::new(),
            addresses: vec![("203.0.113.10".parse().unwrap(), 32)],
        };
        let mut mouth = Mouth::new(&plan);
        let source: IpAddr = "192.0.2.2".parse().unwrap();
        let mut heard = |payload: &[u8]| {
            let datagram = Datagram { source, destination: GROUP_V4.into(), hop_limit: HOP_LIMIT, payload };
            mouth.hear(&datagram, "192.0.2.1".parse().unwrap()).map(|said| said.is_some())
        };
        // VRRPv2, of the other and of this virtual router.
        assert!(matches!(heard(&[0x21, 52, 100, 1, 0, 1, 0, 0, 203, 0, 113, 9]), Ok(false)));
        assert!(heard(&[0x21, 51, 100, 1, 0, 1, 0, 0, 203, 0, 113, 9]).is_err());
        assert!(matches!(heard(&[]), Ok(false)));
    }
}
