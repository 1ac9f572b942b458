//! Addresses that move between nodes, in networks that the tests make of namespaces and take away again.
//!
//! How long clients were without an answer is printed, never judged: a busy machine is no fault. Judged is who has the
//! addresses, and in which order.

mod capture;
mod clients;
mod figures;
mod keepalived;
mod pair;
mod probe;
mod site;
mod upgrade;
