//! VRRPv3.
//!
//! ```text
//! packet, checksum   adverts as bytes
//! announce           gratuitous ARP and unsolicited neighbour advertisements as bytes
//! machine/           the state machine, on a virtual clock
//! io/                sockets, addresses and links of the kernel
//! plan, channel      what the gateway and the speaker say to each other, and how
//! speaker/           the process that speaks
//! keeper/            the gateway's side
//! ```

mod announce;
mod channel;
mod checksum;
mod io;
mod keeper;
mod machine;
mod oracle;
mod packet;
mod plan;
mod speaker;

pub use keeper::{Redundancy, RedundancyError, RedundancyView, Spawn, check_rights, start};
pub use machine::{State, Why};
pub use oracle::packets;
pub use plan::{PeerStatus, TableStatus};
pub use speaker::speak;
