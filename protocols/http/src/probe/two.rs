//! Just enough of HTTP/2 for one request and what a probe wants of its answer (RFC 9113, RFC 7541).

use sekisho_api::bytes::Bytes;

/// Everything that a client says for one request: the preface, settings that ask for no pushes, the head and the body.
pub(super) fn request(fields: &[(&str, &str)], body: &[u8]) -> Bytes {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal without indexing, its name new (RFC 7541, section 6.2.2).
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 0]);
    let end = if body.is_empty() { END_STREAM } else { 0 };
    frame(&mut bytes, HEADERS, END_HEADERS | end, 1, &block);
    if !body.is_empty() {
        frame(&mut bytes, DATA, END_STREAM, 1, body);
    }
    bytes.into()
}

/// The answer, as far as it is there.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The final status.
    pub(super) status: Option<u16>,
    pub(super) body: Vec<u8>,
    /// Nothing more will come.
    pub(super) over: bool,
}

/// What was read of the bytes that are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// So many of them were understood.
    pub(super) taken: usize,
    /// What has to be said to them.
    pub(super) say: Vec<u8>,
}

impl Reading {
    /// Reads all frames that are whole.
    ///
    /// # Errors
    /// Why there will be no answer.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Read, &'static str> {
        let (mut rest, mut say) = (bytes, Vec::new());
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let [a, b, c, kind, flags, stream @ ..] = *head;
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            let stream = u32::from_be_bytes(stream) & !(1 << 31);
            if length > MOST {
                return Err("the answer is not HTTP/2");
            }
            let Some((payload, after)) = after.split_at_checked(length) else { break };
            match (kind, stream) {
                (SETTINGS, 0) if flags & ACK == 0 => frame(&mut say, SETTINGS, ACK, 0, &[]),
                (PING, 0) if flags & ACK == 0 => frame(&mut say, PING, ACK, 0, payload),
                (GOAWAY, 0) if self.status.is_none() => return Err("the server asks to finish"),
                (RST_STREAM, 1) => return Err("the server resets the request"),
                (HEADERS, 1) => self.head(flags, payload)?,
                (DATA, 1) => {
                    self.body.extend_from_slice(padded(flags, payload).ok_or(MALFORMED)?);
                    self.over |= flags & END_STREAM != 0;
                }
                _ => {}
            }
            rest = after;
        }
        Ok(Read { taken: bytes.len() - rest.len(), say })
    }

    fn head(&mut self, flags: u8, payload: &[u8]) -> Result<(), &'static str> {
        if self.status.is_none() {
            let mut block = padded(flags, payload).ok_or(MALFORMED)?;
            if flags & PRIORITY != 0 {
                block = block.get(5..).ok_or(MALFORMED)?;
            }
            let status = status(block).ok_or(MALFORMED)?;
            self.status = Some(status).filter(|status| *status >= 200);
        }
        self.over |= flags & END_STREAM != 0;
        Ok(())
    }
}

/// A payload without its padding (RFC 9113, section 6.1).
fn padded(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(padding.into())?)
}

/// The value of `:status`, which is the first field of an answer (RFC 9113, section 8.3), as servers write it: from the
/// static table, or a literal with the name from there.
fn status(mut block: &[u8]) -> Option<u16> {
    loop {
        let (&first, rest) = block.split_first()?;
        // A new size of the dynamic table comes before the fields.
        if first & 0xe0 == 0x20 {
            block = if first & 0x1f == 0x1f {
                rest.get(1 + rest.iter().position(|b| b & 0x80 == 0)?..)?
            } else {
                rest
            };
            continue;
        }
        let index = match first {
            0x80.. => return STATUSES.get(usize::from(first & 0x7f).checked_sub(8)?).copied(),
            0x40..0x80 => first & 0x3f,
            _ => first & 0x0f,
        };
        if !(8..=14).contains(&index) {
            return None;
        }
        let (&length, rest) = rest.split_first()?;
        let value = rest.get(..usize::from(length & 0x7f))?;
        let digits: [u8; 3] = if length & 0x80 != 0 { huffman(value)? } else { value.try_into().ok()? };
        return digits.iter().try_fold(0, |n, &d| Some(n * 10 + char::from(d).to_digit(10)? as u16));
    }
}

/// Three digits in the code of RFC 7541, appendix B: 0 to 2 have five bits, the others six.
fn huffman(value: &[u8]) -> Option<[u8; 3]> {
    let [a, b, c, ..] = *[value, &[0xff; 3]].concat() else { return None };
    let bits = u32::from_be_bytes([a, b, c, 0xff]);
    let mut at = 0_u32;
    let mut digits = [0; 3];
    for digit in &mut digits {
        let six = (bits << at) >> 26;
        (*digit, at) = match six {
            0..=5 => (b'0' + (six >> 1) as u8, at + 5),
            25..=31 => (b'3' + (six - 25) as u8, at + 6),
            _ => return None,
        };
    }
    (value.len() == at.div_ceil(8) as usize).then_some(digits)
}

/// A string as it is, behind its length (RFC 7541, section 5.2).
fn text(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push((length % 128) as u8 | 0x80);
            length /= 128;
        }
        block.push(length as u8);
    }
    block.extend_from_slice(text.as_bytes());
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    bytes.extend_from_slice(&[a, b, c, kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

const MALFORMED: &str = "the answer cannot be read";
/// The largest frame that a server may send unasked. What speaks another protocol says more at once, read like this.
const MOST: usize = 16 * 1024;
/// The statuses of the static table, from its place 8 on.
const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_in_every_form_that_servers_write() {
        for (block, expected) in [
            (&[0x88][..], Some(200)),
            (&[0x8e, 0x61], Some(500)),
            (&[0x20, 0x3f, 0xe1, 0x1f, 0x89], Some(204)),
            (b"\x48\x03302", Some(302)),
            (b"\x08\x03503", Some(503)),
            // RFC 7541, appendix C.6.1 and C.6.2.
            (&[0x48, 0x82, 0x64, 0x02], Some(302)),
            (&[0x48, 0x83, 0x64, 0x0e, 0xff], Some(307)),
            (&[0x90], None),
            (&[0x41, 0x01, b'x'], None),
            (&[0x48, 0x82, 0xff, 0xff], None),
            (b"\x48\x03abc", None),
            (&[], None),
        ] {
            assert_eq!(status(block), expected, "{block:02x?}");
        }
    }

    #[test]
    fn answer_is_read_however_it_is_cut_and_the_server_is_answered() {
        let mut answer = Vec::new();
        frame(&mut answer, SETTINGS, 0, 0, &[]);
        frame(&mut answer, PING, 0, 0, b"12345678");
        frame(&mut answer, HEADERS, END_HEADERS | PADDED, 1, &[1, 0x88, 0]);
        frame(&mut answer, DATA, END_STREAM, 1, b"ready");
        for cut in 0..answer.len() {
            let (mut reading, mut said) = (Reading::default(), Vec::new());
            let first = reading.read(&answer[..cut]).unwrap();
            said.extend(first.say);
            let second = reading.read(&answer[first.taken..]).unwrap();
            said.extend(second.say);
            assert_eq!(first.taken + second.taken, answer.len());
            assert_eq!((reading.status, &reading.body[..], reading.over), (Some(200), &b"ready"[..], true));
            let pong = [&[0, 0, 8, PING, ACK, 0, 0, 0, 0][..], b"12345678"].concat();
            assert_eq!(said, [&[0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0][..], &pong].concat());
        }
    }

    #[test]
    fn whatever_else_answers_is_told_from_it() {
        for other in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH\r\n"] {
            assert!(Reading::default().read(other).is_err());
        }
        let mut goodbye = Vec::new();
        frame(&mut goodbye, GOAWAY, 0, 0, &[0; 8]);
        assert!(Reading::default().read(&goodbye).is_err());
    }

    #[test]
    fn request_is_what_another_codec_reads() {
        let bytes = request(&[(":method", "GET"), ("x-long", &"y".repeat(300))], b"body");
        assert!(bytes.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(bytes.ends_with(&[&[0, 0, 4, DATA, END_STREAM, 0, 0, 0, 1][..], b"body"].concat()));
        let long = [&[0, 6][..], b"x-long", &[127, 0xad, 1], &[b'y'; 300]].concat();
        assert!(bytes.windows(long.len()).any(|window| window == long));
    }
}
