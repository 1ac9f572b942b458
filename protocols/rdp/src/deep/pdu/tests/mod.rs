//! The rules of these packets.
