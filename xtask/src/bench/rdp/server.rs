//! A scripted server: it confirms, then answers messages.

use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::origin::answer_messages;
use super::{confirmation, packet};

/// Serves one connection until the other side closes.
pub(crate) async fn answer(mut stream: TcpStream, name: char, answers: Rc<[u8]>) -> std::io::Result<()> {
    let (mut heard, mut buffer) = (Vec::new(), [0; 512]);
    while packet(&heard).is_none() {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            size => heard.extend_from_slice(buffer.get(..size).unwrap_or_default()),
        }
    }
    stream.write_all(&confirmation(name as u8, &heard)).await?;
    answer_messages(stream, answers).await
}
