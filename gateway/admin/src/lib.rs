//! What an operator sees of a running gateway over HTTP, and changes in it.
//!
//! [`Admin`] has two doors, each with a thread of its own beside the workers, so that whoever asks never stands in a
//! client's way: an address where metrics are read, in the form of Prometheus, and where nothing can be changed; and
//! a unix socket for the operator alone, where servers, users and connections are listed and changed.
//!
//! ```text
//! doors             where it can be reached, as configured; bound before anything is started or changed
//! socket            the operator's socket: made for its owner alone, taken from nobody, removed at the end
//! endpoint          a door's thread: few connections, small requests, short deadlines
//! request, answer   HTTP/1.1 as far as it is needed here
//! metrics/          the page of numbers
//! upgrade           another process in this one's place
//! nodes             addresses that move between nodes, as whoever moves them tells of them
//! api/              what the operator asks, and does
//! ```

mod admin;
mod answer;
mod api;
mod doors;
mod endpoint;
mod metrics;
mod nodes;
mod request;
mod socket;
mod upgrade;

pub use admin::{Admin, Change};
pub use doors::{AdminError, Bound, Doors, HandedDoors, bind, take};
pub use nodes::{Nodes, VrrpPeer, VrrpTable};
pub use upgrade::{Upgrade, Upgraded};
