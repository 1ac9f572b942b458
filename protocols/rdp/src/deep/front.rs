//! The front half: the gateway in a server's place, up to the login.

use bytes::Bytes;
use sekisho_api::{Blame, Fault, Step};
use zeroize::Zeroizing;

use super::login::Login;
use super::pdu::{
    ConnectInitial, Malformed, Mcs, Packet, ServerIds, attach_user_confirm, channel_join_confirm,
    client_info, connect_response, mcs, packet,
};

/// What a client says between its first packet and its login.
pub(super) struct Front {
    /// The protocols that it offered, which it finds again in what it is granted.
    protocols: u32,
    stage: Stage,
    /// How many packets it may still say.
    left: u8,
}

enum Stage {
    /// It hears that TLS was selected.
    Confirming,
    /// TLS begins.
    Securing,
    /// What it asks for comes next.
    Asking,
    /// It joins what it was given.
    Joining(Asked),
}

/// What the client asked for, in the form that a server hears.
struct Asked {
    initial: Vec<u8>,
    can_be_redirected: bool,
    ids: ServerIds,
}

/// What the client's words come to.
pub(super) enum Heard {
    /// This.
    Step(Step),
    /// It has logged in, with so many bytes.
    Login(usize, Login),
}

/// The longest packet before the login. Real ones have some 500 bytes, with 31 channels 800; a login has 4 KiB if all its
/// names are as long as they may be (MS-RDPBCGR, section 2.2.1.11.1.1).
const LONGEST: usize = 8 * 1024;

/// A domain, a user, 33 channels, the login, and some that are said twice.
const PACKETS: u8 = 48;

impl Front {
    pub(super) const fn new(protocols: u32) -> Self {
        Self { protocols, stage: Stage::Confirming, left: PACKETS }
    }

    /// TLS is up.
    pub(super) fn secured(&mut self) {
        self.stage = Stage::Asking;
    }

    /// The client's unconsumed bytes.
    pub(super) fn client(&mut self, bytes: &[u8]) -> Result<Heard, Fault> {
        match self.stage {
            Stage::Confirming => {
                self.stage = Stage::Securing;
                return Ok(Heard::Step(Step::StartTls(0)));
            }
            Stage::Securing => return Ok(Heard::Step(Step::Wait)),
            Stage::Asking | Stage::Joining(_) => {}
        }
        let Some(tpkt) = whole(bytes, LONGEST).map_err(client)? else {
            return Ok(Heard::Step(Step::NeedMore));
        };
        self.left = self.left.checked_sub(1).ok_or(Fault::client("rdp-too-many-packets"))?;
        match &mut self.stage {
            Stage::Joining(asked) => asked.joining(tpkt),
            _ => self.asking(tpkt).map_err(client),
        }
    }

    fn asking(&mut self, tpkt: &[u8]) -> Result<Heard, Malformed> {
        let asks = ConnectInitial::read(tpkt)?;
        let answer = connect_response(self.protocols, asks.channels());
        self.stage = Stage::Joining(Asked {
            initial: asks.for_server(),
            can_be_redirected: asks.redirection(),
            ids: ServerIds::ours(asks.channels()),
        });
        Ok(reply(tpkt, answer))
    }
}

impl Asked {
    fn joining(&mut self, tpkt: &[u8]) -> Result<Heard, Fault> {
        let user = self.ids.our_user();
        match mcs(tpkt).map_err(client)? {
            Mcs::ErectDomain => Ok(Heard::Step(Step::Drop(tpkt.len()))),
            Mcs::AttachUserRequest => Ok(reply(tpkt, attach_user_confirm(user))),
            Mcs::ChannelJoinRequest { user: who, channel } if who == user && self.has(channel) => {
                Ok(reply(tpkt, channel_join_confirm(user, channel)))
            }
            Mcs::ChannelJoinRequest { .. } => Err(client(Malformed::Channels)),
            Mcs::SendDataRequest { channel, data } if channel == self.ids.io => {
                let info = client_info(tpkt.get(data..).unwrap_or_default()).map_err(client)?;
                let user = info.ok_or(client(Malformed::Unexpected))?;
                Ok(Heard::Login(tpkt.len(), self.login(user, tpkt)))
            }
            Mcs::Disconnect => Ok(Heard::Step(Step::Close)),
            _ => Err(client(Malformed::Unexpected)),
        }
    }

    fn has(&self, channel: u16) -> bool {
        channel == self.ids.our_user() || channel == self.ids.io || self.ids.channels.contains(&channel)
    }

    fn login(&mut self, user: super::pdu::ClientInfo, tpkt: &[u8]) -> Login {
        Login {
            user,
            packet: Zeroizing::new(tpkt.to_vec()),
            initial: std::mem::take(&mut self.initial),
            ids: self.ids.clone(),
            can_be_redirected: self.can_be_redirected,
        }
    }
}

fn reply(tpkt: &[u8], answer: Vec<u8>) -> Heard {
    Heard::Step(Step::Reply(tpkt.len(), Bytes::from(answer)))
}

const fn client(malformed: Malformed) -> Fault {
    malformed.fault(Blame::Client)
}

/// The whole TPKT packet at the front; none: it is not there yet.
pub(super) fn whole(bytes: &[u8], longest: usize) -> Result<Option<&[u8]>, Malformed> {
    match packet(bytes)? {
        None => Ok(None),
        Some(Packet::FastPath(_)) => Err(Malformed::Unexpected),
        Some(Packet::Tpkt(length)) if length > longest => Err(Malformed::Length),
        Some(Packet::Tpkt(length)) => Ok(bytes.get(..length)),
    }
}
