//! A client of WebSockets.

use std::net::{IpAddr, SocketAddr};

use rustls::ClientConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::super::web_socket::{Frame, accept};
use super::ClientError;
use super::browser::Place;
use super::wire::{run, secured};

/// What was heard.
#[derive(Clone, Debug)]
pub(in super::super) struct Chat {
    /// The client's end of the connection.
    pub(in super::super) local: SocketAddr,
    /// What came back, message by message.
    pub(in super::super) heard: Vec<String>,
}

/// Opens a WebSocket, says one thing after the other, each when the one before has come back, and ends it.
pub(in super::super) fn chat(
    source: IpAddr,
    place: Place<'_>,
    tls: &ClientConfig,
    target: &str,
    says: &[&str],
) -> Result<Chat, ClientError> {
    run(async {
        let (stream, local) = secured(source, place, tls, "http/1.1").await?;
        let mut stream = BufReader::new(stream);
        let (host, port) = (place.host, place.address.port());
        let ask = format!(
            "GET {target} HTTP/1.1\r\nhost: {host}:{port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if (&mut stream).take(HEAD_MAX).read_line(&mut head).await? == 0 || head.len() > HEAD_LONGEST {
                return Err(ClientError::Response("no whole head"));
            }
        }
        let head = head.to_ascii_lowercase();
        let expected = format!("sec-websocket-accept: {}\r\n", accept(KEY)).to_ascii_lowercase();
        if !head.starts_with("http/1.1 101 ") || !head.contains(&expected) {
            return Err(ClientError::Response("no WebSocket"));
        }
        let mut heard = Vec::with_capacity(says.len());
        for say in says {
            stream.write_all(&Frame::Text(say.as_bytes().to_vec()).bytes(Some(MASK))).await?;
            match Frame::read(&mut stream).await? {
                Frame::Text(text) => heard.push(String::from_utf8_lossy(&text).into_owned()),
                _ => return Err(ClientError::Response("something else than a message")),
            }
        }
        stream.write_all(&Frame::Close.bytes(Some(MASK))).await?;
        match Frame::read(&mut stream).await? {
            Frame::Close => Ok(Chat { local, heard }),
            _ => Err(ClientError::Response("it was not ended")),
        }
    })
}

/// The example of RFC 6455: nothing depends on its being hard to guess.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// The longest line of a head, and the longest head, in bytes.
const HEAD_MAX: u64 = 4096;
const HEAD_LONGEST: usize = 16 * 1024;
