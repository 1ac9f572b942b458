//! Links and addresses as they are, and changes in them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::netlink::{self, Address, Link};

/// How long an address outlives a process that does not refresh it. The kernel is coarse: shorter is not surely longer
/// than a refresh.
const LIFETIME: Duration = Duration::from_secs(3);
/// As much as the kernel writes at once.
const READ: usize = 64 * 1024;
/// The kernel answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// The groups of rtnetlink(7) that tell of changes.
const GROUPS: u32 = (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;

/// The kernel's links and addresses.
#[derive(Debug)]
pub(crate) struct Kernel {
    requests: OwnedFd,
    changes: OwnedFd,
    sequence: u32,
    links: BTreeMap<u32, Link>,
    addresses: Vec<Address>,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Looks, and notices changes from now on.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn open() -> io::Result<Self> {
        let mut this = Self {
            requests: socket(0, SocketFlags::CLOEXEC)?,
            changes: socket(GROUPS, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?,
            sequence: 0,
            links: BTreeMap::new(),
            addresses: Vec::new(),
            buffer: vec![0; READ],
        };
        sockopt::set_socket_timeout(&this.requests, sockopt::Timeout::Recv, Some(PATIENCE))?;
        this.look()?;
        Ok(this)
    }

    /// Readable when something has changed.
    pub(crate) fn changes(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// Takes note of what has changed.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn note(&mut self) -> io::Result<()> {
        let mut missed = false;
        loop {
            match rustix::net::recv(&self.changes, &mut *self.buffer, RecvFlags::empty()) {
                Ok((read, _)) => {
                    let bytes = self.buffer.get(..read).unwrap_or_default();
                    note(bytes, &mut self.links, &mut self.addresses);
                }
                // Not before what is kept has been read: it is older than what is missed.
                Err(Errno::AGAIN) if missed => return self.look(),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                // More has changed than the kernel could keep.
                Err(Errno::NOBUFS) => missed = true,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The link of this name.
    pub(crate) fn link(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// Whether an address is on any link.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|one| one.address == address)
    }

    /// Whether an address is on a link to stay, so that it was not [`add`](Self::add)ed here.
    pub(crate) fn has_for_good(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|one| one.address == address && one.permanent)
    }

    /// Whether it is on this link to stay: whoever put it there takes it away.
    fn is_anothers(&self, link: u32, address: IpAddr) -> bool {
        let mut here = self.addresses.iter().filter(|one| (one.index, one.address) == (link, address));
        here.any(|one| one.permanent)
    }

    /// The address of a link to speak from: one of its own, never one that moves.
    ///
    /// Over IPv6 it is the link-local one, unless the peers' are not. What was spoken from before is kept.
    pub(crate) fn own(
        &self,
        link: u32,
        like: Option<IpAddr>,
        ipv6: bool,
        before: Option<IpAddr>,
        moving: &dyn Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let fits = |address: IpAddr| match (address, like) {
            (IpAddr::V4(_), _) => !ipv6,
            (IpAddr::V6(own), Some(IpAddr::V6(peer))) => {
                ipv6 && own.is_unicast_link_local() == peer.is_unicast_link_local()
            }
            (IpAddr::V6(own), _) => ipv6 && own.is_unicast_link_local(),
        };
        let candidates = || {
            let here = self.addresses.iter().filter(|one| one.index == link && one.usable);
            here.map(|one| one.address).filter(|address| fits(*address) && !moving(*address))
        };
        candidates().find(|address| Some(*address) == before).or_else(|| candidates().next())
    }

    /// Adds an address, or refreshes it: three seconds later it goes by itself. One that is there for good stays so.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_ADMIN; what the kernel says.
    pub(crate) fn add(&mut self, link: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        if self.is_anothers(link, address) {
            return Ok(());
        }
        let sequence = self.next();
        self.ask(&netlink::add(sequence, link, address, prefix, LIFETIME), sequence).map(drop)
    }

    /// Removes an address; one that is not there is well, and so is one that is there for good.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn remove(&mut self, link: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        if self.is_anothers(link, address) {
            return Ok(());
        }
        let sequence = self.next();
        match self.ask(&netlink::remove(sequence, link, address, prefix), sequence) {
            Err(error) if is_gone(&error) => Ok(()),
            other => other.map(drop),
        }
    }

    fn look(&mut self) -> io::Result<()> {
        let (mut links, mut addresses) = (BTreeMap::new(), Vec::new());
        for request in [netlink::list_links, netlink::list_addresses] {
            let sequence = self.next();
            for bytes in self.ask(&request(sequence), sequence)? {
                note(&bytes, &mut links, &mut addresses);
            }
        }
        (self.links, self.addresses) = (links, addresses);
        Ok(())
    }

    fn next(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Everything that the kernel answers to a request.
    fn ask(&mut self, request: &[u8], sequence: u32) -> io::Result<Vec<Vec<u8>>> {
        rustix::net::send(&self.requests, request, SendFlags::empty())?;
        let mut all = Vec::new();
        loop {
            let read = match rustix::net::recv(&self.requests, &mut *self.buffer, RecvFlags::empty()) {
                Ok((read, _)) => read,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = self.buffer.get(..read).unwrap_or_default();
            // Answers to a request that was given up are passed over.
            let ours = netlink::messages(bytes).filter(|message| message.sequence == sequence);
            let end = ours.filter_map(|message| netlink::answer(&message)).next();
            all.push(bytes.to_vec());
            match end {
                Some(Ok(())) => return Ok(all),
                Some(Err(code)) => return Err(io::Error::from_raw_os_error(code)),
                None => {}
            }
        }
    }
}

/// Whether a node forwards packets of IPv6 that come over this link, which makes it a router for its neighbours.
pub(crate) fn forwards(link: &str) -> bool {
    // Interface names have no slash (dev_valid_name in the kernel's net/core/dev.c).
    let path = format!("/proc/sys/net/ipv6/conf/{link}/forwarding");
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() != "0")
}

/// Whether an IPv6 address is told apart by its link.
pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.is_multicast()
}

fn note(bytes: &[u8], links: &mut BTreeMap<u32, Link>, addresses: &mut Vec<Address>) {
    for message in netlink::messages(bytes) {
        if let Some(link) = netlink::link(&message) {
            if !link.there {
                addresses.retain(|address| address.index != link.index);
                links.remove(&link.index);
            } else {
                links.insert(link.index, link);
            }
        }
        if let Some(address) = netlink::address(&message) {
            let same = |one: &Address| {
                (one.index, one.address, one.prefix) == (address.index, address.address, address.prefix)
            };
            match (addresses.iter_mut().find(|one| same(one)), address.there) {
                (Some(place), true) => *place = address,
                (None, true) => addresses.push(address),
                (_, false) => addresses.retain(|one| !same(one)),
            }
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    let gone = [libc::EADDRNOTAVAIL, libc::ENODEV, libc::ENOENT, libc::ESRCH];
    error.raw_os_error().is_some_and(|code| gone.contains(&code))
}

fn socket(groups: u32, flags: SocketFlags) -> io::Result<OwnedFd> {
    let family = AddressFamily::NETLINK;
    // No protocol is protocol 0, NETLINK_ROUTE.
    let socket = rustix::net::socket_with(family, SocketType::RAW, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_its_addresses_are_found_without_any_right() {
        let kernel = Kernel::open().unwrap();
        let link = kernel.link("lo").unwrap();
        assert!(link.index > 0);
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(kernel.has(local) && kernel.has_for_good(local));
        assert_eq!(kernel.own(link.index, None, false, None, &|_| false), Some(local));
        assert_eq!(kernel.own(link.index, None, false, None, &|address| address == local), None);
        assert!(kernel.link("no-such-link").is_none());
    }

    #[test]
    fn address_that_somebody_has_put_there_for_good_is_neither_given_an_end_nor_removed() {
        let kernel = Kernel::open().unwrap();
        let link = kernel.link("lo").unwrap().index;
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(kernel.is_anothers(link, local));
        assert!(!kernel.is_anothers(link + 1, local), "another link may have it for itself");
        let mut kernel = kernel;
        let own = kernel.addresses.iter_mut().find(|one| one.address == local).unwrap();
        own.permanent = false;
        assert!(!kernel.is_anothers(link, local));
    }
}
