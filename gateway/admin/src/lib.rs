//! What an operator sees of a running gateway over HTTP, and changes in it.
//!
//! [`Admin`] has three doors, each with a thread of its own beside the workers, so that whoever asks never stands in a
//! client's way: an address where metrics are read, in the form of Prometheus, and where nothing can be changed; a unix
//! socket for the operator alone; and an address, with tokens, certificates or both, where the same can be asked as at
//! the socket.
//!
//! ```text
//! doors             where it can be reached, as configured; bound before anything is started or changed
//! socket            the operator's socket: made for its owner alone, taken from nobody, removed at the end
//! secured           the TLS of the operator's address
//! endpoint          a door's thread: few connections, small requests, short deadlines
//! places            who is in, and who makes way for whom
//! request, answer   HTTP/1.1 as far as it is needed here
//! caller            who asks, and what they may do
//! audit             who changed what; moment: when
//! metrics/          the page of numbers
//! upgrade           another process in this one's place
//! steering          the way to whoever can load a configuration
//! nodes             what nodes have in common (addresses, a store), as whoever knows tells of it
//! explained         why a client got its server, for programs
//! api/              what the operator asks, and does
//! page/             the same to look at and click on, in a browser
//! ```

mod admin;
mod answer;
mod api;
mod audit;
mod caller;
mod doors;
mod endpoint;
pub mod explained;
mod metrics;
mod moment;
mod nodes;
mod page;
mod places;
mod request;
mod secured;
mod socket;
mod steering;
mod upgrade;

pub use admin::{Admin, Change};
pub use doors::{AdminError, Bound, Doors, HandedDoors, bind, take};
pub use nodes::{Nodes, Peer, PeerTable, Peers, SharedStore, TableThere, VrrpPeer, VrrpTable};
pub use steering::{Done, InForce, Order, Refusal, Steering, Wish};
pub use upgrade::{Upgrade, Upgraded};
