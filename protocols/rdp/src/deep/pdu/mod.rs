//! What Remote Desktop says between its first packet and the login (MS-RDPBCGR, sections 2.2.1.1 to 2.2.1.11), inside
//! TLS: Connection Confirm, MCS, GCC and Client Info.
//!
//! Everything here is a pure function on bytes: total on all of them, and nothing is allocated by a length that the
//! wire claims. A reader takes one whole packet, of which [`packet`] tells the length; a writer gives one.

mod answers;
mod connect_initial;
mod connect_response;
mod error;
mod gcc;
mod ids;
mod info;
mod mcs;
mod negotiation;
mod oracle;
mod packet;
mod reader;
mod writer;

pub(crate) use answers::{disconnect_ultimatum, license_valid_client, redirection, set_error_info};
pub(crate) use connect_initial::ConnectInitial;
pub(crate) use connect_response::{connect_response, read_connect_response};
pub(crate) use error::Malformed;
pub(crate) use ids::{Ids, ServerIds};
pub(crate) use info::{ClientInfo, client_info};
pub(crate) use mcs::{
    Mcs, attach_user_confirm, attach_user_request, channel_join_confirm, channel_join_request, erect_domain,
    mcs,
};
pub(crate) use negotiation::{
    Answer, Confirm, connection_confirm, negotiation_failure, read_connection_confirm,
};
pub(crate) use packet::{Packet, packet};

pub use oracle::oracle;

#[cfg(test)]
mod tests;
