//! A client of the relayed servers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::origin::MESSAGE;
use super::super::{Outcome, failed};

/// One client with one connection.
#[derive(Debug)]
pub(crate) struct Relay {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Relay {
    /// A client on this connection.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a message and reads the whole answer of this size; copies it to `answer`.
    pub(crate) async fn exchange(&mut self, size: u32, mut answer: Option<&mut Vec<u8>>) -> Outcome {
        let mut message = [0; MESSAGE];
        if let Some(first) = message.first_chunk_mut() {
            *first = size.to_be_bytes();
        }
        self.stream.write_all(&message).await.map_err(failed("cannot send a message"))?;
        let mut missing = size as usize;
        self.buffer.resize(missing.min(BUFFER), 0);
        while missing > 0 {
            let read = self.stream.read(&mut self.buffer).await.map_err(failed("cannot read an answer"))?;
            if read == 0 {
                return Err("the connection ended within an answer".to_owned());
            }
            if let Some(answer) = &mut answer {
                answer.extend_from_slice(self.buffer.get(..read).unwrap_or_default());
            }
            missing = missing.checked_sub(read).ok_or("more bytes than the answer's size")?;
        }
        Ok(())
    }
}

/// Large enough that reading answers is cheap.
const BUFFER: usize = 256 * 1024;
