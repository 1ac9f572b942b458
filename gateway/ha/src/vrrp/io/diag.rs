//! Connections of an address, in the kernel's words: sock_diag(7), as bytes.
//!
//! Source: Linux, `include/uapi/linux/inet_diag.h` and `sock_diag.h`. Numbers are in the machine's own order, but for
//! addresses and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{self, ACK, DUMP, Message};

/// `SOCK_DIAG_BY_FAMILY` and `SOCK_DESTROY`.
const LOOK: u16 = 20;
const DESTROY: u16 = 21;
/// `struct inet_diag_sockid`: ports, addresses, interface and cookie.
const ID: usize = 48;
/// `INET_DIAG_REQ_BYTECODE`, and `INET_DIAG_BC_S_COND` in it: the socket's own address is this one.
const CODE: u16 = 1;
const OWN_ADDRESS: u8 = 7;
/// Of `struct inet_diag_bc_op` and the `struct inet_diag_hostcond` behind it, without the address.
const CONDITION: usize = 12;
/// States of connections (tcp_states.h): all but `TIME_WAIT`, `CLOSE`, `LISTEN` and requests that are no sockets yet.
const CONNECTED: u32 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11;
const TCP: u8 = libc::IPPROTO_TCP as u8;

/// A connection, as the kernel names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    family: u8,
    id: [u8; ID],
}

impl Connection {
    /// Its own address.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let octets = self.id.get(4..20)?;
        if self.family == family(false) {
            return Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into());
        }
        Some(IpAddr::from(Ipv6Addr::from(*octets.first_chunk::<16>()?)).to_canonical())
    }
}

/// Asks for the connections of an address among the sockets of a version of IP; those of version 6 have clients of
/// version 4, too.
pub(super) fn list(sequence: u32, sockets_v6: bool, address: IpAddr) -> Vec<u8> {
    let head = head(family(sockets_v6), CONNECTED, &[0; ID]);
    netlink::request(LOOK, DUMP, sequence, &head, &[(CODE, &condition(address))])
}

/// Asks to end a connection, and to tell the other end so.
pub(super) fn destroy(sequence: u32, connection: &Connection) -> Vec<u8> {
    let head = head(connection.family, u32::MAX, &connection.id);
    netlink::request(DESTROY, ACK, sequence, &head, &[])
}

/// The connection that a message tells of.
pub(super) fn connection(message: &Message<'_>) -> Option<Connection> {
    let (family, id) = (message.body.first()?, message.body.get(4..)?.first_chunk::<ID>()?);
    (message.kind == LOOK).then_some(Connection { family: *family, id: *id })
}

/// `struct inet_diag_req_v2`.
fn head(family: u8, states: u32, id: &[u8; ID]) -> Vec<u8> {
    [&[family, TCP, 0, 0][..], &states.to_ne_bytes(), id].concat()
}

/// What the kernel lets through: sockets with this address of their own.
fn condition(address: IpAddr) -> Vec<u8> {
    let (octets, bits) = match address {
        IpAddr::V4(address) => (address.octets().to_vec(), 32),
        IpAddr::V6(address) => (address.octets().to_vec(), 128),
    };
    let length = u8::try_from(CONDITION + octets.len()).unwrap_or(u8::MAX);
    // Where it does not hold the code goes on behind its end, which is a no.
    let no = (u16::from(length) + 4).to_ne_bytes();
    let any_port = (-1_i32).to_ne_bytes();
    let family = family(address.is_ipv6());
    [&[OWN_ADDRESS, length][..], &no, &[family, bits, 0, 0], &any_port, &octets].concat()
}

fn family(v6: bool) -> u8 {
    u8::try_from(if v6 { libc::AF_INET6 } else { libc::AF_INET }).unwrap_or_default()
}
