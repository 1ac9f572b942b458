//! A DNS server that answers every TXT question with its own name, over UDP and TCP.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The header of a message (RFC 1035, section 4.1.1), in bytes.
const HEADER: usize = 12;
/// The longest question that is read, in bytes.
const QUESTION_MAX: usize = 1232;
/// The type TXT.
const TXT: [u8; 2] = [0, 16];

/// Answers datagrams. An error of the socket ends it, which the probes then see.
pub(super) async fn datagrams(socket: &UdpSocket, name: &str) -> io::Result<()> {
    let mut buffer = [0; QUESTION_MAX];
    loop {
        let (size, client) = socket.recv_from(&mut buffer).await?;
        if let Some(answer) = answer(name, buffer.get(..size).unwrap_or_default()) {
            socket.send_to(&answer, client).await?;
        }
    }
}

/// Answers one connection, message by message (RFC 7766, section 8), until it ends.
pub(super) async fn serve(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    let mut buffer = [0; QUESTION_MAX];
    loop {
        let size = usize::from(stream.read_u16().await?);
        let Some(question) = buffer.get_mut(..size) else { return Ok(()) };
        stream.read_exact(question).await?;
        let Some(answer) = answer(name, question) else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), answer.as_slice()].concat()).await?;
    }
}

/// The answer: the question again, and a TXT record with `name` if TXT was asked for. `None`: not one question.
fn answer(name: &str, question: &[u8]) -> Option<Vec<u8>> {
    let (&[id_high, id_low, flags, _, 0, 1], rest) = question.split_first_chunk::<6>()? else { return None };
    if flags & 0x80 != 0 {
        return None;
    }
    let asked = rest.get(HEADER - 6..)?;
    let mut end = 0;
    loop {
        match *asked.get(end)? {
            0 => break,
            // A label; what points elsewhere belongs into no question.
            length @ 1..=63 => end += 1 + usize::from(length),
            _ => return None,
        }
    }
    // The root label, type and class.
    let asked = asked.get(..end + 5)?;
    let told = asked.get(end + 1..end + 3) == Some(TXT.as_slice());
    // An answer of authority; opcode and RD are the question's.
    let head = [id_high, id_low, (flags & 0x79) | 0x84, 0, 0, 1, 0, u8::from(told), 0, 0, 0, 0];
    let mut answer = [head.as_slice(), asked].concat();
    if told {
        let text = name.as_bytes().get(..255).unwrap_or(name.as_bytes());
        let length = u8::try_from(text.len()).ok()?;
        // The name of the question, TXT, IN, a TTL of 0.
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0]);
        answer.extend((u16::from(length) + 1).to_be_bytes());
        answer.push(length);
        answer.extend(text);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06whoami\x00\x00\x10\x00\x01";

    #[test]
    fn question_for_txt_is_answered_with_the_name() {
        let answer = answer("dns1", QUESTION).unwrap();
        assert_eq!(answer[..4], *b"\x12\x34\x85\x00");
        assert_eq!(answer[12..24], QUESTION[12..]);
        assert!(answer.ends_with(b"\x00\x05\x04dns1"), "{answer:?}");
    }

    #[test]
    fn other_types_get_an_empty_answer_and_what_is_no_question_gets_none() {
        let mut other = QUESTION.to_vec();
        other[21] = 1;
        assert_eq!(answer("dns1", &other).unwrap().get(6..8), Some(&[0, 0][..]));
        for end in 0..QUESTION.len() {
            assert_eq!(answer("dns1", &QUESTION[..end]), None, "{end}");
        }
        other[2] |= 0x80;
        assert_eq!(answer("dns1", &other), None);
    }
}
