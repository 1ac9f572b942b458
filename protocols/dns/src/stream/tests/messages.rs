//! Messages as tests need them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A query for the address of a name of one label.
pub(super) fn query(id: u16, name: &str) -> Vec<u8> {
    message(id, 0, name, 1)
}

/// A request of this opcode, for this type.
pub(super) fn message(id: u16, opcode: u8, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([opcode << 3 | 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.len() as u8]);
    bytes.extend(name.bytes());
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// The answer that says nothing but the question.
pub(super) fn answer(query: &[u8]) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    answer
}

/// An answer with records: SOA by serial, `None` for so many octets of text.
pub(super) fn records(query: &[u8], records: &[Option<u32>], text: usize) -> Vec<u8> {
    let mut bytes = answer(query);
    bytes[7] = records.len() as u8;
    for record in records {
        let (kind, data) = match record {
            Some(serial) => (6, [&[0, 0][..], &serial.to_be_bytes(), &[0; 16]].concat()),
            None => (16, vec![b'x'; text]),
        };
        bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

pub(super) fn id(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[0], message[1]])
}

pub(super) fn rcode(message: &[u8]) -> u8 {
    message[3] & 15
}

/// The one label that is asked for.
pub(super) fn name(message: &[u8]) -> String {
    let length = usize::from(message[12]);
    String::from_utf8(message[13..13 + length].to_vec()).unwrap()
}

pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// The next message; `None` at the end of the stream.
pub(super) async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).await.ok()?;
    Some(message)
}

pub(super) async fn write(stream: &mut (impl AsyncWriteExt + Unpin), message: &[u8]) {
    // Whether the other side is still there is for the test to say.
    let _ = stream.write_all(&framed(message)).await;
}
