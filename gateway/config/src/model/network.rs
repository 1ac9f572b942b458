//! Where clients, gateway and servers are, and how packets find their way back.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::defaults;

/// How packets to clients' addresses come back to the sockets of the gateway that have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    /// Whether the gateway puts in what the kernel needs; otherwise somebody else has.
    pub manage: bool,
    /// The bits of a packet's mark.
    pub mark: u32,
    /// The table of routes.
    pub table: u32,
    /// The priority of the rule that leads there.
    pub priority: u32,
}

impl Default for ReturnPath {
    fn default() -> Self {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            manage: true,
            mark: number(defaults::MARK),
            table: number(defaults::ROUTES),
            priority: number(defaults::PRIORITY),
        }
    }
}

/// Where the servers are, for the commands that make their answers come back through the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// On how many sides of the gateway clients and servers are.
    pub arms: Arms,
    /// Where servers send their answers: the gateway's address among them, at most one of each family. With several
    /// nodes it is one that moves.
    pub next_hop: Vec<IpAddr>,
    /// The nodes' own addresses among the servers, from which their probes come.
    pub nodes: Vec<IpAddr>,
    /// The nodes' own MACs among the servers, and those of addresses that move where they have others.
    pub macs: Vec<Mac>,
    /// The servers' interface.
    pub interface: String,
}

/// On how many sides of the gateway clients and servers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arms {
    /// The gateway is between clients and servers: their default route.
    #[default]
    Two,
    /// The gateway is beside the servers, which have another default route.
    One(Flavour),
}

/// How a server beside the gateway knows which of its answers go there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// The gateway connects to an address of the server that nobody else uses.
    #[default]
    Addr,
    /// The connection's packets came from the gateway's MAC.
    Mac,
}

/// A MAC of Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut bytes = [0; 6];
        let mut written = text.split(':');
        for byte in &mut bytes {
            let two = written.next().filter(|two| two.len() == 2 && !two.starts_with('+')).ok_or(())?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| ())?;
        }
        if written.next().is_some() { Err(()) } else { Ok(Self(bytes)) }
    }
}
