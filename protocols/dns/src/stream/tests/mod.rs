//! The worker between scripted clients and scripted servers.

mod clients;
mod core;
mod limits;
mod messages;
mod origin;
mod rig;
mod servers;
mod transfers;
