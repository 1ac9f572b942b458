//! The messages of an MCS domain (T.125, section 7, in aligned PER): users attach and join channels, and send.

use super::reader::Reader;
use super::writer;
use super::{Malformed, packet};

/// One message, taken apart as far as the connection sequence needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mcs {
    /// A client's first word.
    ErectDomain,
    /// A client asks for its user identifier.
    AttachUserRequest,
    /// The user identifier, from a server.
    AttachUserConfirm {
        /// It.
        user: u16,
    },
    /// A client asks for a channel.
    ChannelJoinRequest {
        /// Who.
        user: u16,
        /// Which one.
        channel: u16,
    },
    /// A server gives a channel.
    ChannelJoinConfirm {
        /// Which one.
        channel: u16,
    },
    /// A client says something.
    SendDataRequest {
        /// Where.
        channel: u16,
        /// The place in the packet at which it begins. It goes on to the packet's end.
        data: usize,
    },
    /// A server says something.
    SendDataIndication {
        /// Where.
        channel: u16,
        /// As in `SendDataRequest`.
        data: usize,
    },
    /// One side leaves.
    Disconnect,
    /// Something else, by the number of its kind.
    Other(u8),
}

/// User identifiers begin there; what is written is the distance from it.
const USERS: u16 = 1001;

const ERECT_DOMAIN: u8 = 1;
const DISCONNECT: u8 = 8;
const ATTACH_USER_REQUEST: u8 = 10;
const ATTACH_USER_CONFIRM: u8 = 11;
const CHANNEL_JOIN_REQUEST: u8 = 14;
const CHANNEL_JOIN_CONFIRM: u8 = 15;
pub(super) const SEND_DATA_REQUEST: u8 = 25;
pub(super) const SEND_DATA_INDICATION: u8 = 26;
/// Of high priority, first and last piece of its data.
const WHOLE: u8 = 0x70;
const FIRST_AND_LAST: u8 = 0x30;

/// Reads a whole packet.
///
/// # Errors
/// If it is not of MCS, is cut or comes in pieces, or if the server refuses.
pub(crate) fn mcs(tpkt: &[u8]) -> Result<Mcs, Malformed> {
    let mut reader = packet::data(tpkt)?;
    let first = reader.u8()?;
    Ok(match first >> 2 {
        ERECT_DOMAIN => Mcs::ErectDomain,
        DISCONNECT => Mcs::Disconnect,
        ATTACH_USER_REQUEST => Mcs::AttachUserRequest,
        ATTACH_USER_CONFIRM => {
            granted(first, &mut reader)?;
            Mcs::AttachUserConfirm { user: user(&mut reader)? }
        }
        CHANNEL_JOIN_REQUEST => {
            Mcs::ChannelJoinRequest { user: user(&mut reader)?, channel: reader.u16_be()? }
        }
        CHANNEL_JOIN_CONFIRM => {
            granted(first, &mut reader)?;
            user(&mut reader)?;
            let requested = reader.u16_be()?;
            match reader.u16_be()? {
                channel if channel == requested => Mcs::ChannelJoinConfirm { channel },
                _ => return Err(Malformed::Channels),
            }
        }
        SEND_DATA_REQUEST => {
            let (channel, data) = sent(tpkt, reader)?;
            Mcs::SendDataRequest { channel, data }
        }
        SEND_DATA_INDICATION => {
            let (channel, data) = sent(tpkt, reader)?;
            Mcs::SendDataIndication { channel, data }
        }
        other => Mcs::Other(other),
    })
}

/// A result, of four bits behind the kind and a bit that says whether an identifier follows.
fn granted(first: u8, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let second = reader.u8()?;
    if first & 1 == 0 && second >> 5 == 0 && first & 2 != 0 { Ok(()) } else { Err(Malformed::Refused) }
}

fn user(reader: &mut Reader<'_>) -> Result<u16, Malformed> {
    reader.u16_be()?.checked_add(USERS).ok_or(Malformed::Channels)
}

/// Channel, and where the data begins.
fn sent(tpkt: &[u8], mut reader: Reader<'_>) -> Result<(u16, usize), Malformed> {
    user(&mut reader)?;
    let channel = reader.u16_be()?;
    if reader.u8()? & FIRST_AND_LAST != FIRST_AND_LAST {
        return Err(Malformed::Unexpected);
    }
    let length = reader.per_length()?;
    if length != reader.0.len() {
        return Err(Malformed::Length);
    }
    Ok((channel, tpkt.len() - length))
}

/// A client's first word, with the heights and intervals that clients write.
pub(crate) fn erect_domain() -> Vec<u8> {
    writer::data(&[&[ERECT_DOMAIN << 2, 1, 0, 1, 0]])
}

/// Asks for a user identifier.
pub(crate) fn attach_user_request() -> Vec<u8> {
    writer::data(&[&[ATTACH_USER_REQUEST << 2]])
}

/// Gives a user identifier, which is above 1001.
pub(crate) fn attach_user_confirm(user: u16) -> Vec<u8> {
    writer::data(&[&[ATTACH_USER_CONFIRM << 2 | 2, 0], &distance(user)])
}

/// Asks for a channel.
pub(crate) fn channel_join_request(user: u16, channel: u16) -> Vec<u8> {
    writer::data(&[&[CHANNEL_JOIN_REQUEST << 2], &distance(user), &channel.to_be_bytes()])
}

/// Gives a channel.
pub(crate) fn channel_join_confirm(user: u16, channel: u16) -> Vec<u8> {
    let channel = channel.to_be_bytes();
    writer::data(&[&[CHANNEL_JOIN_CONFIRM << 2 | 2, 0], &distance(user), &channel, &channel])
}

/// Says something to a client.
pub(super) fn send_data_indication(user: u16, channel: u16, parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    let head = [&[SEND_DATA_INDICATION << 2][..], &distance(user), &channel.to_be_bytes(), &[WHOLE]].concat();
    writer::data(&[&head, &writer::per_length(data.len()), &data])
}

pub(super) fn distance(user: u16) -> [u8; 2] {
    user.saturating_sub(USERS).to_be_bytes()
}
