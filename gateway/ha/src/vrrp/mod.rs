//! VRRPv3.
//!
//! ```text
//! packet, checksum   adverts as bytes
//! announce           gratuitous ARP and unsolicited neighbour advertisements as bytes
//! machine/           the state machine, on a virtual clock
//! io/                sockets, addresses and links of the kernel
//! ```

mod announce;
mod checksum;
mod io;
mod machine;
mod oracle;
mod packet;

pub use oracle::packets;
