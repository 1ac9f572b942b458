//! The servers behind the subjects: as cheap as they can be, so that they are never the bottleneck.

use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use super::load::MEGABYTE;
use super::places::{AUTH, SERVERS, Server};
use super::{Outcome, failed, mail, rdp};

/// The size of a message to a server: its first four bytes are the size of the answer, big-endian.
pub(super) const MESSAGE: usize = 64;

/// The size of a small HTTP body.
pub(super) const SMALL: u32 = 128;

/// Starts all servers on this thread's runtime.
pub(super) async fn start() -> Outcome {
    for server in SERVERS {
        let site = Rc::new(Site::new(server));
        accept(server.http, move |stream| drop(spawn_local(answer_http(stream, Rc::clone(&site))))).await?;
        let answers: Rc<[u8]> = pattern(MEGABYTE).into();
        let messages = Rc::clone(&answers);
        accept(server.messages, move |stream| {
            drop(spawn_local(answer_messages(stream, Rc::clone(&messages))));
        })
        .await?;
        accept(server.imap, move |stream| drop(spawn_local(mail::answer(stream, server.name)))).await?;
        accept(server.rdp, move |stream| {
            drop(spawn_local(rdp::answer(stream, server.name, Rc::clone(&answers))));
        })
        .await?;
    }
    accept(AUTH, |stream| drop(spawn_local(mail::answer_auth(stream)))).await
}

/// The bytes of every body and answer of this size.
pub(super) fn pattern(size: u32) -> Vec<u8> {
    // 251 is prime: a lost or doubled block of any usual size shifts the pattern.
    (0_u8..251).cycle().take(size as usize).collect()
}

async fn accept(address: std::net::SocketAddr, serve: impl Fn(TcpStream) + 'static) -> Outcome {
    let listener = TcpListener::bind(address).await.map_err(failed(format!("cannot listen on {address}")))?;
    spawn_local(async move {
        // An error here is a connection that was gone before it was accepted.
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                serve(stream);
            }
        }
    });
    Ok(())
}

/// Ready-made answers of one server.
struct Site {
    name: char,
    small: Vec<u8>,
    megabyte: Vec<u8>,
}

impl Site {
    fn new(server: Server) -> Self {
        let ready = |size| answer(server.name, &pattern(size));
        Self { name: server.name, small: ready(SMALL), megabyte: ready(MEGABYTE) }
    }
}

fn answer(server: char, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nX-Server: {server}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Answers requests until the other side closes: `/small`, `/1m`, and for all else the request's own head. A POST is answered
/// once its body has come, whatever it asks for.
async fn answer_http(mut stream: TcpStream, site: Rc<Site>) -> std::io::Result<()> {
    let mut buffer = vec![0; ROOM];
    let mut filled = 0;
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let head = buffer.get(..filled).unwrap_or_default();
        if head.starts_with(b"POST ") {
            match posted(head) {
                None => continue,
                Some(size) if filled < size => continue,
                Some(size) if filled > size => return Err(std::io::ErrorKind::InvalidData.into()),
                Some(_) => {
                    stream.write_all(&site.small).await?;
                    filled = 0;
                    continue;
                }
            }
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let echo;
        let answer = if head.starts_with(b"GET /small ") {
            &site.small
        } else if head.starts_with(b"GET /1m ") {
            &site.megabyte
        } else {
            echo = answer(site.name, head);
            &echo
        };
        stream.write_all(answer).await?;
        filled = 0;
    }
}

/// The size of a request with a body, if its head is there.
fn posted(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let lines = bytes.get(..head)?.split(|&byte| byte == b'\n');
    let length = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        let text =
            std::str::from_utf8(value).ok().filter(|_| name.eq_ignore_ascii_case(b"content-length:"))?;
        text.trim().parse::<usize>().ok()
    });
    Some(head + length.sum::<usize>())
}

/// Room for a request: its head, and a body of a few kilobytes.
const ROOM: usize = 32 * 1024;

/// Answers messages until the other side closes.
pub(super) async fn answer_messages(mut stream: TcpStream, answers: Rc<[u8]>) -> std::io::Result<()> {
    let mut message = [0; MESSAGE];
    let mut filled = 0;
    loop {
        let read = stream.read(message.get_mut(filled..).unwrap_or_default()).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if filled < MESSAGE {
            continue;
        }
        let size = message.first_chunk().map_or(0, |size| u32::from_be_bytes(*size)) as usize;
        stream.write_all(answers.get(..size).unwrap_or(&answers)).await?;
        filled = 0;
    }
}
