//! Sockets, addresses and links of the kernel.
//!
//! ```text
//! netlink    links and addresses as bytes
//! kernel     links and addresses as they are, and changes in them
//! raw        adverts sent and received
//! ethernet   frames that announce an address
//! rights     what the process may do
//! ```

pub(super) mod ethernet;
pub(super) mod kernel;
pub(super) mod netlink;
pub(super) mod raw;
pub(super) mod rights;
