//! Names, types and response codes as people write them (RFC 1035, section 5.1).

mod kind;
mod name;
mod rcode;

pub(crate) use kind::{kind, show_kind};
pub(crate) use name::{name, show_name};
pub(crate) use rcode::{rcode, show_rcode};
