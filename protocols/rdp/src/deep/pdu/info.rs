//! Client Info: who the user is (MS-RDPBCGR, section 2.2.1.11).

use std::fmt;

use super::Malformed;
use super::reader::Reader;

/// What a client says of its user. The password beside it is passed over, never copied.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClientInfo {
    /// The domain, as it was typed; often empty.
    pub(crate) domain: String,
    /// The user's name, as it was typed: perhaps with a domain of its own, perhaps empty.
    pub(crate) user: String,
    /// The server is to log in with what stands here, without asking.
    pub(crate) auto_logon: bool,
    /// What stands for the password is a smart card's PIN.
    pub(crate) smart_card: bool,
}

const SEC_INFO_PKT: u16 = 0x0040;
const SEC_ENCRYPT: u16 = 0x0008;
const INFO_AUTO_LOGON: u32 = 0x0000_0008;
const INFO_UNICODE: u32 = 0x0000_0010;
const INFO_PASSWORD_IS_SC_PIN: u32 = 0x0004_0000;
/// Bytes that a name may have, terminator included.
const NAME_MAX: usize = 512;

/// Reads the data of a Send-Data-Request; `None`: it is no Client Info.
///
/// # Errors
/// If a length does not fit, or a name is none.
pub(crate) fn client_info(data: &[u8]) -> Result<Option<ClientInfo>, Malformed> {
    let mut reader = Reader(data);
    let security = reader.u16_le()?;
    if security & SEC_INFO_PKT == 0 {
        return Ok(None);
    }
    if security & SEC_ENCRYPT != 0 {
        return Err(Malformed::Encryption);
    }
    reader.u16_le()?;
    // The code page matters to names of 8 bits only, and nobody sends those any more.
    reader.u32_le()?;
    let flags = reader.u32_le()?;
    let mut lengths = [0; 5];
    for length in &mut lengths {
        *length = usize::from(reader.u16_le()?);
    }
    let wide = flags & INFO_UNICODE != 0;
    let terminator = if wide { 2 } else { 1 };
    let [domain, user, rest @ ..] = lengths;
    let domain = name(reader.take(domain)?, wide)?;
    reader.take(terminator)?;
    let user = name(reader.take(user)?, wide)?;
    reader.take(terminator)?;
    // Password, shell, directory.
    for length in rest {
        reader.take(length)?;
        reader.take(terminator)?;
    }
    Ok(Some(ClientInfo {
        domain,
        user,
        auto_logon: flags & INFO_AUTO_LOGON != 0,
        smart_card: flags & INFO_PASSWORD_IS_SC_PIN != 0,
    }))
}

/// A name. One with a NUL in it would be another to a server that stops there.
fn name(bytes: &[u8], wide: bool) -> Result<String, Malformed> {
    if bytes.len() > NAME_MAX {
        return Err(Malformed::Name);
    }
    let name = match std::str::from_utf8(bytes) {
        _ if wide => utf_16(bytes)?,
        Ok(text) => text.to_owned(),
        // Latin-1.
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let name = name.trim_end_matches('\0');
    if name.contains('\0') { Err(Malformed::Name) } else { Ok(name.to_owned()) }
}

fn utf_16(bytes: &[u8]) -> Result<String, Malformed> {
    let (pairs, []) = bytes.as_chunks() else { return Err(Malformed::Name) };
    let units = pairs.iter().copied().map(u16::from_le_bytes);
    char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| Malformed::Name)
}

impl fmt::Debug for ClientInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut info = f.debug_struct("ClientInfo");
        info.field("auto_logon", &self.auto_logon).field("smart_card", &self.smart_card);
        info.finish_non_exhaustive()
    }
}
