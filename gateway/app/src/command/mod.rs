//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod documents;
pub(crate) mod explain;
mod find;
pub(crate) mod net;
pub(crate) mod new_protocol;
pub(crate) mod operator;
pub(crate) mod rdp_file;
pub(crate) mod run;
pub(crate) mod speak;
pub(crate) mod token;
pub(crate) mod watch;
