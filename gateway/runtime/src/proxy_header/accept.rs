//! A header taken from the front of a client's stream, and nothing behind it.

use std::io;

use tokio::net::TcpStream;

use super::Introduction;
use super::parse::parse;

/// Why there is no header.
#[derive(Debug)]
pub(crate) enum Without {
    /// The peer left, or the connection broke.
    Left,
    /// What it sent is none.
    Malformed,
}

/// Reads a header. What follows it stays in the socket.
///
/// # Errors
/// Why there is none.
pub(crate) async fn read(stream: &TcpStream) -> Result<Introduction, Without> {
    let mut header = Vec::new();
    loop {
        let mut chunk = [0; 256];
        let had = header.len();
        let come = stream.peek(&mut chunk).await.map_err(|_| Without::Left)?;
        let come = chunk.get(..come).filter(|come| !come.is_empty()).ok_or(Without::Left)?;
        header.extend_from_slice(come);
        let (found, belongs) = match parse(&header).map_err(|_| Without::Malformed)? {
            Some(found) => (Some(found), found.length.saturating_sub(had)),
            None => (None, come.len()),
        };
        take(stream, chunk.get_mut(..belongs).unwrap_or_default()).map_err(|_| Without::Left)?;
        if let Some(found) = found {
            return Ok(Introduction::new(&found, &header));
        }
    }
}

/// Takes bytes that are there.
fn take(stream: &TcpStream, bytes: &mut [u8]) -> io::Result<()> {
    let taken = stream.try_read(bytes)?;
    if taken == bytes.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_follows_a_header_stays_wherever_the_stream_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let whole = b"PROXY TCP4 192.0.2.7 203.0.113.10 49152 443\r\nrest";
        for cut in 1..whole.len() {
            let mut client = TcpStream::connect(at).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            client.set_nodelay(true).unwrap();
            let send = async {
                client.write_all(&whole[..cut]).await.unwrap();
                tokio::task::yield_now().await;
                client.write_all(&whole[cut..]).await.unwrap();
            };
            let (header, ()) = tokio::join!(read(&server), send);
            assert_eq!(header.unwrap().told.unwrap().0.port(), 49152);
            drop(client);
            let mut rest = String::new();
            server.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "rest");
        }
    }

    #[tokio::test]
    async fn stream_that_ends_or_is_something_else_has_no_header() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (sent, left) in [(&b"PROXY TC"[..], true), (b"", true), (b"GET / HTTP/1.1\r\n\r\n", false)] {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            client.write_all(sent).await.unwrap();
            drop(client);
            assert_eq!(matches!(read(&server).await.unwrap_err(), Without::Left), left);
        }
    }
}
