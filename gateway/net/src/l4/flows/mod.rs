//! Flows of datagrams to servers that are down: connection tracking is told to forget them, so that the next datagram finds
//! a server that lives. A client that sends on from one port would keep them alive for ever.

mod message;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::way::Family;
use message::{Entry, Part};

/// Has connection tracking forget what there is of UDP between these addresses of a VIP and these servers; how much that was.
///
/// # Errors
/// The kernel does not say what it tracks.
pub(super) fn forget(
    family: Family,
    vips: &HashSet<SocketAddr>,
    servers: &HashSet<SocketAddr>,
) -> io::Result<usize> {
    let mut all = socket()?;
    all.write_all(&message::list(family))?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    'all: loop {
        let size = all.read(&mut buffer)?;
        for part in message::parts(buffer.get(..size).unwrap_or_default()) {
            match part {
                Part::Entry(entry) if is_between(&entry, vips, servers) => {
                    found.push(message::delete(family, &entry));
                }
                Part::Entry(_) => {}
                Part::End => break 'all,
                Part::Error(code) => return Err(io::Error::from_raw_os_error(code)),
            }
        }
    }
    // Of one that has ended by itself meanwhile the kernel says so, and nobody listens.
    let mut one = socket()?;
    found.iter().try_for_each(|request| one.write_all(request))?;
    Ok(found.len())
}

/// Whether an entry is of a VIP's with one of the servers, whoever was heard first.
fn is_between(entry: &Entry<'_>, vips: &HashSet<SocketAddr>, servers: &HashSet<SocketAddr>) -> bool {
    let Entry { original, reply, .. } = entry;
    let to_vip = vips.contains(&original.destination) && servers.contains(&reply.source);
    let adopted = servers.contains(&original.source) && vips.contains(&reply.destination);
    original.protocol == UDP && (to_vip || adopted)
}

fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::from(NETLINK), Type::RAW, Some(Protocol::from(NETFILTER)))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// `AF_NETLINK` and `NETLINK_NETFILTER` (netlink(7)).
const NETLINK: i32 = 16;
const NETFILTER: i32 = 12;
/// Its number among protocols of IP.
const UDP: u8 = 17;
/// The kernel answers in pieces of at most 32 KiB.
const BUFFER: usize = 64 * 1024;
/// The kernel answers at once, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(2);
