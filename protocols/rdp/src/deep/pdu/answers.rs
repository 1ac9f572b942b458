//! What the gateway says in a server's place, once it knows the user: a licence, and then where to go or why not.

use super::ids::IO_CHANNEL;
use super::mcs::send_data_indication;
use super::writer;

/// The user that a server is itself, and the source that it names in its packets.
const SERVER: u16 = 1002;

/// No licence is needed (MS-RDPBCGR, section 2.2.1.12.1): an error alert that means success.
pub(crate) fn license_valid_client() -> Vec<u8> {
    // Security header; message 0xff of version 3 and 16 bytes; STATUS_VALID_CLIENT, no transition, an empty blob.
    const LICENSE: &[u8] = &[0x80, 0, 0, 0, 0xff, 3, 16, 0, 7, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0];
    send_data_indication(SERVER, IO_CHANNEL, &[LICENSE])
}

/// Sends the client back to the address that it came to, with `line` in place of its cookie (MS-RDPBCGR, sections
/// 2.2.13.1 and 2.2.13.3.1). The line comes without its CR LF, and fits into a first packet.
pub(crate) fn redirection(line: &[u8]) -> Vec<u8> {
    /// Of protocol version 0, unlike every other packet behind such a header.
    const TYPE: u16 = 0x0a;
    const SECURITY_SERVER_REDIRECTION: u16 = 0x0400;
    const LOAD_BALANCE_INFO: u32 = 2;
    let line = [line, b"\r\n"].concat();
    // Its own header and the line's length; not the padding behind.
    let length = 16 + line.len();
    let packet = [
        &SECURITY_SERVER_REDIRECTION.to_le_bytes()[..],
        &le16(length),
        &[0; 4], // The session is the server's to find.
        &LOAD_BALANCE_INFO.to_le_bytes(),
        &le16(line.len()),
        &[0; 2],
        &line,
    ]
    .concat();
    let control = [le16(SHARE_CONTROL + 2 + length + 1), TYPE.to_le_bytes(), SERVER.to_le_bytes()].concat();
    send_data_indication(SERVER, IO_CHANNEL, &[&control, &[0; 2], &packet, &[0]])
}

/// Tells why the connection is about to end (MS-RDPBCGR, section 2.2.5.1.1): 0x408, for example, for a pool without a
/// server.
pub(crate) fn set_error_info(code: u32) -> Vec<u8> {
    const TYPE: u16 = 0x17;
    const SET_ERROR_INFO: u8 = 0x2f;
    const LOW_PRIORITY: u8 = 1;
    let control = [le16(SHARE_CONTROL + 16), TYPE.to_le_bytes(), SERVER.to_le_bytes()].concat();
    // Share 0, for there is none yet; eight bytes from the type on, not compressed.
    let data = [0, 0, 0, 0, 0, LOW_PRIORITY, 8, 0, SET_ERROR_INFO, 0, 0, 0];
    send_data_indication(SERVER, IO_CHANNEL, &[&control, &data, &code.to_le_bytes()])
}

/// Ends the connection, at the wish of the provider (T.125, section 7).
pub(crate) fn disconnect_ultimatum() -> Vec<u8> {
    writer::data(&[&[0x21, 0x80]])
}

const SHARE_CONTROL: usize = 6;

/// What fits into a first packet is shorter than 259 bytes.
fn le16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}
