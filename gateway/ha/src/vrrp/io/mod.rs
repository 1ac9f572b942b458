//! Sockets, addresses and links of the kernel.

pub(super) mod netlink;
