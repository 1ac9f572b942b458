//! MCS Connect-Response: what a server grants (T.125, section 7; MS-RDPBCGR, section 2.2.1.4).

use smallvec::SmallVec;

use super::gcc::{Blocks, CHANNELS_MAX, CREATE_RESPONSE, KEY, SC_CORE, SC_NET, SC_SECURITY, only};
use super::reader::Reader;
use super::writer;
use super::{Malformed, ServerIds, packet};

const CONNECT_RESPONSE: &[u8] = &[0x7f, 0x66];
/// Success, connect identifier 0, and the parameters that other servers grant: 34 channels, 3 users, no tokens, packets
/// of up to 65,528 bytes.
const GRANTED: &[u8] = &[
    0x0a, 1, 0, 2, 1, 0, 0x30, 26, 2, 1, 34, 2, 1, 3, 2, 1, 0, 2, 1, 1, 2, 1, 0, 2, 1, 1, 2, 3, 0, 0xff,
    0xf8, 2, 1, 2,
];
const OCTET_STRING: u8 = 0x04;
/// The length of the rest as Windows writes it whatever follows, which every client ignores (MS-RDPBCGR, section 4.1.4).
/// One byte, because rdesktop expects the settings at a fixed place.
const IGNORED: &[u8] = &[42];
/// RDP 5.0 and later, as every server since says.
const VERSION: u32 = 0x0008_0004;

/// Grants what a client asks for, with the identifiers of [`ServerIds::ours`], no encryption beside TLS, neither a
/// message channel nor UDP. `requested_protocols`: those of the client's own first packet, which it finds here again.
pub(crate) fn connect_response(requested_protocols: u32, channels: usize) -> Vec<u8> {
    let ids = ServerIds::ours(channels);
    let mut blocks = Vec::with_capacity(128);
    block(&mut blocks, SC_CORE, &[VERSION, requested_protocols, 0].map(u32::to_le_bytes).concat());
    block(&mut blocks, SC_SECURITY, &[0; 8]);
    let count = u16::try_from(ids.channels.len()).unwrap_or(0);
    let mut net: Vec<u8> =
        [ids.io, count].iter().chain(&ids.channels).flat_map(|id| id.to_le_bytes()).collect();
    // The block's length is a multiple of four.
    net.resize(net.len().next_multiple_of(4), 0);
    block(&mut blocks, SC_NET, &net);

    let blocks_length = writer::per_length(blocks.len());
    let conference = KEY.len() + IGNORED.len() + CREATE_RESPONSE.len() + blocks_length.len() + blocks.len();
    let conference_length = writer::ber_length(conference);
    let body = GRANTED.len() + 1 + conference_length.len() + conference;
    writer::data(&[
        CONNECT_RESPONSE,
        &writer::ber_length(body),
        GRANTED,
        &[OCTET_STRING],
        &conference_length,
        &KEY,
        IGNORED,
        CREATE_RESPONSE,
        &blocks_length,
        &blocks,
    ])
}

fn block(blocks: &mut Vec<u8>, kind: u16, body: &[u8]) {
    blocks.extend(kind.to_le_bytes());
    blocks.extend(u16::try_from(body.len() + 4).unwrap_or(u16::MAX).to_le_bytes());
    blocks.extend(body);
}

/// Reads the channels that a server grants, from a whole packet.
///
/// # Errors
/// If it is anything else, the server refuses or wants to encrypt, or one identifier stands for two channels.
pub(crate) fn read_connect_response(tpkt: &[u8]) -> Result<ServerIds, Malformed> {
    let mut reader = packet::data(tpkt)?;
    let mut body = reader.ber(CONNECT_RESPONSE)?;
    reader.end()?;
    if body.ber(&[0x0a])?.0 != [0] {
        return Err(Malformed::Refused);
    }
    body.ber(&[2])?;
    body.ber(&[0x30])?;
    let mut conference = body.ber(&[OCTET_STRING])?;
    body.end()?;
    conference.expect(&KEY)?;
    // Windows writes 42 here, whatever follows: no reader may rely on it.
    conference.per_length()?;
    conference.expect(&[0x14])?;
    conference.u16_be()?;
    let tag = usize::from(conference.u8()?);
    conference.take(tag)?;
    conference.expect(b"\x00\x01\xc0\x00McDn")?;
    let length = conference.per_length()?;
    let blocks = Blocks(conference.take(length)?);

    if let Some(security) = only(blocks, SC_SECURITY)?
        && Reader(security).take(8)?.iter().any(|&byte| byte != 0)
    {
        return Err(Malformed::Encryption);
    }
    let mut net = Reader(only(blocks, SC_NET)?.ok_or(Malformed::Unexpected)?);
    let (io, count) = (net.u16_le()?, usize::from(net.u16_le()?));
    if count > CHANNELS_MAX {
        return Err(Malformed::Channels);
    }
    let channels = (0..count).map(|_| net.u16_le()).collect::<Result<SmallVec<_>, _>>()?;
    ServerIds::new(io, channels)
}
