//! WebSockets (RFC 6455), as far as both ends of the demo need them: whole messages of at most 64 KiB.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What one end tells the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A message.
    Text(Vec<u8>),
    /// A question whether anybody is there, to be answered with the same bytes.
    Ping(Vec<u8>),
    /// The answer.
    Pong(Vec<u8>),
    /// The end.
    Close,
}

impl Frame {
    /// Reads one (RFC 6455, section 5.2).
    pub(super) async fn read(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let [first, second] = reader.read_u16().await?.to_be_bytes();
        let length = match second & !MASKED {
            LONG => usize::from(reader.read_u16().await?),
            LONGER => return Err(io::ErrorKind::FileTooLarge.into()),
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        if second & MASKED != 0 {
            reader.read_exact(&mut mask).await?;
        }
        let mut payload = vec![0; length];
        reader.read_exact(&mut payload).await?;
        apply(mask, &mut payload);
        match first {
            TEXT => Ok(Self::Text(payload)),
            PING => Ok(Self::Ping(payload)),
            PONG => Ok(Self::Pong(payload)),
            CLOSE => Ok(Self::Close),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// As bytes; clients write with a `mask` (section 5.3). A payload beyond 64 KiB is cut.
    pub(super) fn bytes(&self, mask: Option<[u8; 4]>) -> Vec<u8> {
        let (first, payload) = match self {
            Self::Text(payload) => (TEXT, payload.as_slice()),
            Self::Ping(payload) => (PING, payload.as_slice()),
            Self::Pong(payload) => (PONG, payload.as_slice()),
            Self::Close => (CLOSE, &[][..]),
        };
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let masked = if mask.is_some() { MASKED } else { 0 };
        let mut bytes = vec![first];
        match u8::try_from(length).ok().filter(|short| *short < LONG) {
            Some(short) => bytes.push(masked | short),
            None => {
                bytes.push(masked | LONG);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        let mut payload: Vec<u8> = payload.iter().copied().take(length.into()).collect();
        if let Some(mask) = mask {
            bytes.extend_from_slice(&mask);
            apply(mask, &mut payload);
        }
        bytes.append(&mut payload);
        bytes
    }
}

/// What a server answers to a client's key (section 4.2.2).
pub(super) fn accept(key: &str) -> String {
    let said = format!("{key}{GUID}");
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, said.as_bytes()))
}

fn apply(mask: [u8; 4], payload: &mut [u8]) {
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// First bytes of whole messages.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;
/// Lengths that say that the length follows, in two bytes or in eight.
const LONG: u8 = 126;
const LONGER: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Frame> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Frame::read(&mut &*bytes))
    }

    #[test]
    fn key_of_the_rfc_is_answered_as_in_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frame_is_read_as_it_was_written_masked_or_not() {
        for length in [0, 5, 125, 126, 1000, 65_535] {
            let frame = Frame::Text(vec![b'x'; length]);
            for mask in [None, Some([1, 2, 3, 4])] {
                assert_eq!(read(&frame.bytes(mask)).unwrap(), frame, "{length}");
            }
        }
        assert_eq!(read(&Frame::Close.bytes(None)).unwrap(), Frame::Close);
        // The example of RFC 6455, section 5.7.
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read(&hello).unwrap(), Frame::Text(b"Hello".to_vec()));
    }

    #[test]
    fn frame_that_is_cut_or_claims_too_much_is_refused() {
        let whole = Frame::Text(b"hello".to_vec()).bytes(Some([9; 4]));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err());
        }
        assert_eq!(
            read(&[0x81, 127, 0, 0, 0, 0, 0, 0, 0, 1, 0]).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }
}
