//! What both sides say (MS-RDPBCGR, section 2.2.1), in the smallest form that others take.

use std::io::{self, Error, Read, Write};

/// What a [`DesktopClient`](super::DesktopClient) says of itself.
#[derive(Clone, Debug)]
pub struct DesktopLogin {
    /// The line of its first packet; empty: none.
    pub line: String,
    /// The protocols that it offers: TLS 1, CredSSP 2.
    pub protocols: u32,
    /// How many static channels it asks for.
    pub channels: u16,
    /// Its build: 18363, or that of a client that does not survive a redirection, 2600.
    pub build: u32,
    /// As it was typed.
    pub domain: String,
    /// As it was typed.
    pub user: String,
    /// As it was typed.
    pub password: String,
}

impl DesktopLogin {
    /// A client whose cookie says this user, too, with two channels and the password `secret`.
    pub fn of(domain: &str, user: &str) -> Self {
        Self {
            line: format!("Cookie: mstshash={user}"),
            protocols: 1,
            channels: 2,
            build: 18_363,
            domain: domain.to_owned(),
            user: user.to_owned(),
            password: "secret".to_owned(),
        }
    }
}

/// One packet: TPKT or fast path.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet)?;
    let mut more = |packet: &mut Vec<u8>, to: usize| {
        let from = packet.len();
        packet.resize(to.max(from), 0);
        stream.read_exact(&mut packet[from..])
    };
    let length = match packet[..] {
        [3, _] => {
            more(&mut packet, 4)?;
            usize::from(u16::from_be_bytes([packet[2], packet[3]]))
        }
        [_, short @ ..=0x7f] => short.into(),
        _ => {
            more(&mut packet, 3)?;
            usize::from(packet[1] & 0x7f) << 8 | usize::from(packet[2])
        }
    };
    more(&mut packet, length)?;
    Ok(packet)
}

/// The MCS message of a packet.
pub(super) fn read_mcs(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let packet = read(stream)?;
    match packet.strip_prefix(&[3, 0]).and_then(|rest| rest.get(2..)?.strip_prefix(&[2, 0xf0, 0x80])) {
        Some(message) => Ok(message.to_vec()),
        None => Err(Error::other(format!("no MCS: {packet:02x?}"))),
    }
}

pub(super) fn write_mcs(stream: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
    let message = parts.concat();
    let length = u16::try_from(message.len() + 7).unwrap().to_be_bytes();
    stream.write_all(&[&[3, 0], &length[..], &[2, 0xf0, 0x80], &message].concat())?;
    stream.flush()
}

/// Data of a user on a channel: request 0x64 of a client, indication 0x68 of a server.
pub(super) fn data(kind: u8, user: u16, channel: u16, data: &[u8]) -> Vec<u8> {
    let length = (u16::try_from(data.len()).unwrap() | 0x8000).to_be_bytes();
    [&[kind], &user_id(user)[..], &channel.to_be_bytes(), &[0x70], &length, data].concat()
}

/// Kind, user, channel and data.
pub(super) fn read_data(message: &[u8]) -> Option<(u8, u16, u16, &[u8])> {
    let &[kind @ (0x64 | 0x68), a, b, c, d, _, first, ref rest @ ..] = message else { return None };
    let rest = if first & 0x80 == 0 { rest } else { rest.get(1..)? };
    Some((kind, u16::from_be_bytes([a, b]) + 1001, u16::from_be_bytes([c, d]), rest))
}

pub(super) fn user_id(user: u16) -> [u8; 2] {
    (user - 1001).to_be_bytes()
}

/// A block of settings.
pub(super) fn block(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap();
    [&kind.to_le_bytes(), &length.to_le_bytes()[..], body].concat()
}

/// The blocks behind `Duca` or `McDn`: kinds and bodies.
pub(super) fn blocks(message: &[u8], mark: &[u8; 4]) -> io::Result<Vec<(u16, Vec<u8>)>> {
    let wrong = || Error::other(format!("no blocks: {message:02x?}"));
    let at = message.windows(4).position(|four| four == mark).ok_or_else(wrong)?;
    let mut rest = match &message[at + 4..] {
        [0x80..=0xff, _, rest @ ..] | [..=0x7f, rest @ ..] => rest,
        _ => return Err(wrong()),
    };
    let mut blocks = Vec::new();
    while let [a, b, c, d, ..] = *rest {
        let length = usize::from(u16::from_le_bytes([c, d]));
        let body = rest.get(4..length).ok_or_else(wrong)?;
        blocks.push((u16::from_le_bytes([a, b]), body.to_vec()));
        rest = &rest[length..];
    }
    Ok(blocks)
}

/// A length in PER, and one in BER, both of two bytes.
pub(super) fn per(length: usize) -> [u8; 2] {
    (u16::try_from(length).unwrap() | 0x8000).to_be_bytes()
}

pub(super) fn ber(length: usize) -> [u8; 3] {
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    [0x82, high, low]
}
