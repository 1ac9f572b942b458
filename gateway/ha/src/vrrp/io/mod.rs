//! Sockets, addresses and links of the kernel.
//!
//! ```text
//! diag       connections of an address, as bytes
//! reset      connections of an address that has gone are ended
//! netlink    links and addresses as bytes
//! kernel     links and addresses as they are, and changes in them
//! raw        adverts sent and received
//! ethernet   frames that announce an address
//! rights     what the process may do
//! ```

mod diag;
pub(super) mod ethernet;
pub(super) mod kernel;
pub(super) mod netlink;
pub(super) mod raw;
pub(super) mod reset;
pub(super) mod rights;
