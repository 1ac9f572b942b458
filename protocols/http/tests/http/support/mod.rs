//! A gateway of one worker, and peers that say and record exact bytes.

mod client;
mod core;
mod origin;
mod rig;
mod settings;

pub(crate) use client::{Answer, Client};
pub(crate) use origin::{Origin, Reply, Seen};
pub(crate) use rig::{Rig, Setup, test};
pub(crate) use settings::table;
