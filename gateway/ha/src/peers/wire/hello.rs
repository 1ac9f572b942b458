//! The first lines of a connection, from whoever connects, and the answer.
//!
//! ```text
//! hello  = "HAProxyS" SP version LF · name of whom it is for LF · name of who connects SP process SP 1 LF
//! status = three digits LF
//! ```

use super::WireError;

/// A version of the protocol. From 2.1 on an update may say how long its entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V2_0,
    V2_1,
}

/// Who connects to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello<'a> {
    pub(crate) version: Version,
    /// Whom it is for.
    pub(crate) to: &'a str,
    /// Who connects.
    pub(crate) from: &'a str,
}

impl<'a> Hello<'a> {
    /// Appends it.
    pub(crate) fn write(&self, process: u32, out: &mut Vec<u8>) {
        let version = match self.version {
            Version::V2_0 => "2.0",
            Version::V2_1 => "2.1",
        };
        let text = format!("{PROTOCOL} {version}\n{}\n{} {process} 1\n", self.to, self.from);
        out.extend_from_slice(text.as_bytes());
    }

    /// The hello at the beginning, and how many bytes it takes; none if it is not complete yet.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, WireError> {
        let Some((first, rest)) = line(bytes)? else { return Ok(None) };
        let version = first.strip_prefix(PROTOCOL).and_then(|rest| rest.strip_prefix(' '));
        let version = match version.ok_or(WireError::NotPeers)? {
            "2.0" => Version::V2_0,
            "2.1" => Version::V2_1,
            _ => return Err(WireError::Version),
        };
        let Some((to, rest)) = line(rest)? else { return Ok(None) };
        let Some((last, rest)) = line(rest)? else { return Ok(None) };
        let (from, _) = last.split_once(' ').ok_or(WireError::Malformed)?;
        Ok(Some((Self { version, to, from }, bytes.len() - rest.len())))
    }
}

/// The answer to a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16);

impl Status {
    pub(crate) const WELCOME: Self = Self(200);
    /// There is a connection already.
    pub(crate) const LATER: Self = Self(300);
    pub(crate) const NOT_PEERS: Self = Self(501);
    pub(crate) const VERSION: Self = Self(502);
    /// The hello is for somebody else.
    pub(crate) const OTHER_NAME: Self = Self(503);
    /// Nobody of this name, or from this address, is known.
    pub(crate) const UNKNOWN: Self = Self(504);

    /// Appends it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}\n", self.0).as_bytes());
    }

    /// The status at the beginning, and how many bytes it takes; none if it is not complete yet.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, WireError> {
        let Some((text, rest)) = line(bytes)? else { return Ok(None) };
        let code = text.parse().map_err(|_| WireError::NotPeers)?;
        Ok(Some((Self(code), bytes.len() - rest.len())))
    }
}

/// The line at the beginning, and what follows it.
fn line(bytes: &[u8]) -> Result<Option<(&str, &[u8])>, WireError> {
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|&byte| byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE { Ok(None) } else { Err(WireError::TooLong) };
    };
    let (text, rest) = bytes.split_at_checked(end).ok_or(WireError::Malformed)?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|_| WireError::NotPeers)?;
    Ok(Some((text, rest.get(1..).unwrap_or_default())))
}

const PROTOCOL: &str = "HAProxyS";
/// The longest line, in bytes.
const LONGEST_LINE: usize = 512;
