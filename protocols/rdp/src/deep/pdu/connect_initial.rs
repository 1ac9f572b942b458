//! MCS Connect-Initial: what a client asks for (T.125, section 7; MS-RDPBCGR, section 2.2.1.3).

use super::Malformed;
use super::gcc::{
    Blocks, CHANNELS_MAX, CREATE_REQUEST, CS_CLUSTER, CS_CORE, CS_MCS_MSGCHANNEL, CS_MULTITRANSPORT, CS_NET,
    KEY, only,
};
use super::packet;
use super::reader::Reader;
use super::writer;

/// A client's Connect-Initial, where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectInitial<'a> {
    /// Selectors and domain parameters, with their tags.
    parameters: &'a [u8],
    blocks: Blocks<'a>,
    channels: usize,
    /// The number of the client's build: 2600, for example, of those of Windows XP.
    build: u32,
    /// Flags of CS_CLUSTER; 0 without that block.
    cluster: u32,
}

const CONNECT_INITIAL: &[u8] = &[0x7f, 0x65];
const OCTET_STRING: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
const SEQUENCE: u8 = 0x30;

/// Name, keyboard and screen: what CS_CORE has at least.
const CORE_LEAST: usize = 128;
const CORE_BUILD: usize = 16;
const CORE_EARLY_CAPABILITIES: usize = 140;
/// What needs the message channel, or leaves channel joins out: network detection 0x80, heartbeat 0x400,
/// skipped channel joins 0x800.
const NOT_REPLAYED: u16 = 0x0c80;

const REDIRECTION_SUPPORTED: u32 = 1;
/// Bits 2 to 5: the version of the redirection packet, less one.
const REDIRECTION_VERSION: u32 = 0x3c;
/// The least version whose packets may come without encryption of their own, as TLS needs it.
const REDIRECTION_VERSION_4: u32 = 3 << 2;
/// rdesktop says that it follows redirections and that it is Windows XP; it does not survive one.
const BUILD_XP: u32 = 2600;

impl<'a> ConnectInitial<'a> {
    /// Reads a whole packet.
    ///
    /// # Errors
    /// If it is anything else, has no CS_CORE, one block twice, or more than 31 channels.
    pub(crate) fn read(tpkt: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = packet::data(tpkt)?;
        let mut body = reader.ber(CONNECT_INITIAL)?;
        reader.end()?;
        let start = body.0;
        for tag in [OCTET_STRING, OCTET_STRING, BOOLEAN, SEQUENCE, SEQUENCE, SEQUENCE] {
            body.ber(&[tag])?;
        }
        let parameters = start.get(..start.len() - body.0.len()).unwrap_or(start);
        let mut conference = body.ber(&[OCTET_STRING])?;
        body.end()?;
        conference.expect(&KEY)?;
        let length = conference.per_length()?;
        let mut request = Reader(conference.take(length)?);
        conference.end()?;
        request.expect(CREATE_REQUEST)?;
        let length = request.per_length()?;
        let blocks = Blocks(request.take(length)?);
        request.end()?;
        Self::of(parameters, blocks)
    }

    fn of(parameters: &'a [u8], blocks: Blocks<'a>) -> Result<Self, Malformed> {
        let core = only(blocks, CS_CORE)?.filter(|core| core.len() >= CORE_LEAST);
        let mut build = Reader(core.ok_or(Malformed::Unexpected)?);
        build.take(CORE_BUILD)?;
        let cluster = only(blocks, CS_CLUSTER)?.map_or(Ok(0), |body| Reader(body).u32_le())?;
        let channels = only(blocks, CS_NET)?.map_or(Ok(0), channels)?;
        Ok(Self { parameters, blocks, channels, build: build.u32_le()?, cluster })
    }

    /// How many static channels it asks for, at most 31.
    pub(crate) const fn channels(&self) -> usize {
        self.channels
    }

    /// Whether the client follows a redirection inside TLS.
    pub(crate) const fn redirection(&self) -> bool {
        self.cluster & REDIRECTION_SUPPORTED != 0
            && self.cluster & REDIRECTION_VERSION >= REDIRECTION_VERSION_4
            && self.build > BUILD_XP
    }

    /// The same for a server that is to say nothing beyond the channels that the client has from the gateway: neither
    /// the message channel nor UDP is asked for, nor what needs them.
    pub(crate) fn for_server(&self) -> Vec<u8> {
        let mut blocks = Vec::with_capacity(self.blocks.0.len());
        for block in self.blocks.flatten() {
            if matches!(block.kind, CS_MCS_MSGCHANNEL | CS_MULTITRANSPORT) {
                continue;
            }
            let start = blocks.len();
            blocks.extend(block.whole);
            if block.kind == CS_CORE {
                without_early_capabilities(blocks.get_mut(start + 4..).unwrap_or_default());
            }
        }
        let blocks_length = writer::per_length(blocks.len());
        let request = CREATE_REQUEST.len() + blocks_length.len() + blocks.len();
        let request_length = writer::per_length(request);
        let conference = KEY.len() + request_length.len() + request;
        let conference_length = writer::ber_length(conference);
        let body = self.parameters.len() + 1 + conference_length.len() + conference;
        writer::data(&[
            CONNECT_INITIAL,
            &writer::ber_length(body),
            self.parameters,
            &[OCTET_STRING],
            &conference_length,
            &KEY,
            &request_length,
            CREATE_REQUEST,
            &blocks_length,
            &blocks,
        ])
    }
}

/// Takes out of a CS_CORE what is not replayed. Old clients' ends before these flags.
fn without_early_capabilities(core: &mut [u8]) {
    let flags = core.get_mut(CORE_EARLY_CAPABILITIES..CORE_EARLY_CAPABILITIES + 2);
    if let Some([low, high]) = flags {
        [*low, *high] = (u16::from_le_bytes([*low, *high]) & !NOT_REPLAYED).to_le_bytes();
    }
}

/// How many channels a CS_NET names; each has a name of 8 bytes and options of 4.
fn channels(body: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader(body);
    let count = usize::try_from(reader.u32_le()?).ok().filter(|&count| count <= CHANNELS_MAX);
    let count = count.ok_or(Malformed::Channels)?;
    reader.take(count * 12)?;
    Ok(count)
}
