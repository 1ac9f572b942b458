//! A client of HTTP/2 that says exact frames, and reads what comes back with no more understanding than a test needs.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::rig::Rig;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// END_STREAM, and of SETTINGS and PING: ACK.
pub(crate) const END: u8 = 1;
/// END_HEADERS.
pub(crate) const WHOLE: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WEIGHED: u8 = 32;

/// The most common request.
pub(crate) const GET: &[(&[u8], &[u8])] =
    &[(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"www.example.org"), (b":path", b"/")];
pub(crate) const POST: &[(&[u8], &[u8])] =
    &[(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"www.example.org"), (b":path", b"/")];

/// A frame's bytes (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals that nobody is to remember (RFC 7541, section 6.2.2), whatever bytes they are made of.
pub(crate) fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    block
}

/// A length with seven bits in its first byte (RFC 7541, section 5.1).
fn integer(block: &mut Vec<u8>, mut n: usize) {
    if n < 127 {
        return block.push(n as u8);
    }
    block.push(127);
    n -= 127;
    while n >= 128 {
        block.push(n as u8 | 128);
        n /= 128;
    }
    block.push(n as u8);
}

/// HEADERS that hold these fields and nothing else.
pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    frame(HEADERS, flags | WHOLE, stream, &block(fields))
}

/// A setting.
pub(crate) fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a reset or a goodbye.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The status that an answer begins with: indexed, or a literal whose name is (RFC 7541, appendix A), in digits of
    /// five or six bits (appendix B). One that was said before on the connection is 0.
    pub(crate) fn status(&self) -> u16 {
        match self.payload[..] {
            [indexed @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
            [0x48 | 0x08, 0x83, a, b, c, ..] | [0x48 | 0x08, 0x82, a, b, c, ..] => {
                let mut bits = u32::from_be_bytes([a, b, c, 0]);
                (0..3).fold(0, |status, _| {
                    let five = (bits >> 27) as u16;
                    let (digit, length) =
                        if five < 3 { (five, 5) } else { ((bits >> 26) as u16 - 0x19 + 3, 6) };
                    bits <<= length;
                    status * 10 + digit
                })
            }
            _ => 0,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
}

impl Frames {
    /// One on which nothing has been said.
    pub(crate) async fn silent(rig: &Rig) -> Self {
        let stream = TcpStream::connect(rig.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    /// One that has begun as it has to.
    pub(crate) async fn open(rig: &Rig) -> Self {
        let mut frames = Self::silent(rig).await;
        frames.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        frames
    }

    /// Says bytes. Whoever is cut in the midst of it hears why later.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next frame; `None` at the connection's end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let [a, b, c, kind, flags, stream @ ..] = &self.ahead[..]
                && let length = u32::from_be_bytes([0, *a, *b, *c]) as usize
                && stream.len() >= length + 4
            {
                let id = u32::from_be_bytes(stream[..4].try_into().unwrap());
                let payload = stream[4..4 + length].to_vec();
                let frame = Frame { kind: *kind, flags: *flags, stream: id, payload };
                self.ahead.drain(..9 + length);
                return Some(frame);
            }
            let mut bytes = vec![0; 16 * 1024];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.ahead.extend_from_slice(&bytes[..n]),
            }
        }
    }

    /// All frames until the connection ends, or until one is what is waited for.
    pub(crate) async fn until(&mut self, done: impl Fn(&Frame) -> bool) -> (Vec<Frame>, bool) {
        let mut frames = Vec::new();
        let reading = async {
            while let Some(frame) = self.next().await {
                let done = done(&frame);
                frames.push(frame);
                if done {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(Duration::from_secs(10), reading).await.expect("nothing more comes");
        (frames, found)
    }

    /// Asks for nothing but a sign of life, and gives all that comes before it; false: the connection is dead.
    pub(crate) async fn alive(&mut self) -> (Vec<Frame>, bool) {
        self.send(frame(PING, 0, 0, b"lifesign")).await;
        self.until(|frame| frame.kind == PING && frame.flags == END && frame.payload == b"lifesign").await
    }
}
