//! Identifiers of channels and users, and those of one side put for those of the other.

use smallvec::SmallVec;

use super::Malformed;
use super::gcc::CHANNELS_MAX;
use super::mcs::{SEND_DATA_INDICATION, SEND_DATA_REQUEST, distance};

/// The channels that one server granted, in the order in which the client asked for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerIds {
    /// The channel of everything that is not of a static channel.
    pub(crate) io: u16,
    /// The static channels; 0: the server has none of that name.
    pub(crate) channels: SmallVec<[u16; CHANNELS_MAX]>,
}

impl ServerIds {
    /// What the gateway hands out: 1003 and the numbers behind it, as most servers do.
    pub(crate) fn ours(channels: usize) -> Self {
        let first = IO_CHANNEL + 1;
        Self { io: IO_CHANNEL, channels: (first..).take(channels.min(CHANNELS_MAX)).collect() }
    }

    /// The next number, which is the user's.
    pub(crate) fn our_user(&self) -> u16 {
        self.channels.last().copied().unwrap_or(self.io) + 1
    }

    pub(super) fn new(io: u16, channels: SmallVec<[u16; CHANNELS_MAX]>) -> Result<Self, Malformed> {
        let twice = |(place, id): (usize, &u16)| {
            *id != 0 && (*id == io || channels.iter().skip(place + 1).any(|other| other == id))
        };
        if io == 0 || channels.iter().enumerate().any(twice) {
            return Err(Malformed::Channels);
        }
        Ok(Self { io, channels })
    }
}

/// The channel of everything that is not of a static channel, as the gateway and most servers number it.
pub(super) const IO_CHANNEL: u16 = 1003;

/// Identifiers of the client's side beside those of the server's.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// Channels that both have: the client's, the server's.
    channels: SmallVec<[(u16, u16); CHANNELS_MAX + 2]>,
    users: (u16, u16),
    identity: bool,
}

impl Ids {
    /// Puts what the client was given beside what the server gave.
    ///
    /// # Errors
    /// If the server granted another number of channels, or a user with the identifier of a channel.
    pub(crate) fn new(
        client: &ServerIds,
        client_user: u16,
        server: &ServerIds,
        server_user: u16,
    ) -> Result<Self, Malformed> {
        let taken = server_user == server.io || server.channels.contains(&server_user);
        if taken || client.channels.len() != server.channels.len() {
            return Err(Malformed::Channels);
        }
        let own = [(client.io, server.io), (client_user, server_user)];
        let granted = client.channels.iter().copied().zip(server.channels.iter().copied());
        let pairs = own.into_iter().chain(granted);
        let identity = pairs.clone().all(|(client, server)| client == server);
        let channels = pairs.filter(|&(client, server)| client != 0 && server != 0).collect();
        Ok(Self { channels, users: (client_user, server_user), identity })
    }

    /// Whether both sides have the same, so that packets need not be looked at.
    pub(crate) const fn identity(&self) -> bool {
        self.identity
    }

    /// Puts the server's identifiers into a whole packet of the client. `false`: it is for a channel that the server
    /// does not have, and must not be sent.
    #[must_use]
    pub(crate) fn to_server(&self, packet: &mut [u8]) -> bool {
        let other = |channel| self.channels.iter().find(|pair| pair.0 == channel).map(|pair| pair.1);
        translate(packet, SEND_DATA_REQUEST, self.users, other)
    }

    /// Puts the client's identifiers into a whole packet of the server. `false`: it is for a channel that the client
    /// does not have, and must not be sent.
    #[must_use]
    pub(crate) fn to_client(&self, packet: &mut [u8]) -> bool {
        let other = |channel| self.channels.iter().find(|pair| pair.1 == channel).map(|pair| pair.0);
        translate(packet, SEND_DATA_INDICATION, (self.users.1, self.users.0), other)
    }
}

/// Only data carries identifiers once the channels are joined: behind TPKT and X.224, the kind, the sender and the
/// channel (T.125, section 7). Fast-path packets carry none.
fn translate(packet: &mut [u8], kind: u8, users: (u16, u16), other: impl Fn(u16) -> Option<u16>) -> bool {
    let [3, 0, _, _, 2, 0xf0, 0x80, first, from_high, from_low, to_high, to_low, ..] = packet else {
        return true;
    };
    if *first >> 2 != kind {
        return true;
    }
    let Some(channel) = other(u16::from_be_bytes([*to_high, *to_low])) else { return false };
    [*to_high, *to_low] = channel.to_be_bytes();
    // A server speaks for itself, too, by another user than the client's.
    if [*from_high, *from_low] == distance(users.0) {
        [*from_high, *from_low] = distance(users.1);
    }
    true
}
