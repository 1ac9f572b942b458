//! A web server with one page, which names the server, and a WebSocket that returns every message.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::super::web_socket::{Frame, accept};

/// The longest request head, in bytes.
const HEAD_MAX: u64 = 16 * 1024;
/// The longest request body that is read to find the next request behind it.
const BODY_MAX: u64 = 1024 * 1024;

/// The part of a request that the page depends on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    method: String,
    target: String,
    forwarded_for: Option<String>,
    /// Bytes of the body; `None`: cannot be told, and the connection ends after the answer.
    body: Option<u64>,
    close: bool,
    /// What a client sends that asks for a WebSocket.
    key: Option<String>,
}

/// Answers requests on one connection until it ends.
pub(super) async fn serve(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    loop {
        let Some(request) = read(&mut reader).await? else { return writer.shutdown().await };
        if let Some(key) = &request.key {
            return converse(&mut reader, &mut writer, name, key).await;
        }
        let body = request.body.filter(|&length| length <= BODY_MAX);
        if let Some(length) = body {
            tokio::io::copy(&mut (&mut reader).take(length), &mut tokio::io::sink()).await?;
        }
        let close = request.close || body.is_none();
        writer.write_all(answer(name, &request, close).as_bytes()).await?;
        if close {
            return writer.shutdown().await;
        }
    }
}

/// Changes to a WebSocket, and returns every message with the server's name before it.
async fn converse(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    writer: &mut (impl AsyncWriteExt + Unpin),
    name: &str,
    key: &str,
) -> io::Result<()> {
    let accept = accept(key);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    writer.write_all(head.as_bytes()).await?;
    loop {
        let answer = match Frame::read(reader).await? {
            Frame::Text(text) => Frame::Text([name.as_bytes(), b": ", &text].concat()),
            Frame::Ping(bytes) => Frame::Pong(bytes),
            Frame::Pong(_) => continue,
            Frame::Close => {
                writer.write_all(&Frame::Close.bytes(None)).await?;
                return writer.shutdown().await;
            }
        };
        writer.write_all(&answer.bytes(None)).await?;
    }
}

async fn read(reader: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    let mut limited = reader.take(HEAD_MAX);
    loop {
        let before = head.len();
        limited.read_until(b'\n', &mut head).await?;
        let line = head.get(before..).unwrap_or_default();
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        if line.trim_ascii().is_empty() {
            return Ok(parse(&String::from_utf8_lossy(&head)));
        }
    }
}

/// Reads a request head. `None`: the first line is no request line.
fn parse(head: &str) -> Option<Request> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let mut request = Request {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        body: Some(0),
        close: words.next()? != "HTTP/1.1",
        forwarded_for: None,
        key: None,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => request.body = value.parse().ok(),
            "transfer-encoding" => request.body = None,
            "connection" => request.close |= value.eq_ignore_ascii_case("close"),
            "sec-websocket-key" => request.key = Some(value.to_owned()),
            "x-forwarded-for" => request.forwarded_for = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(request)
}

fn answer(name: &str, request: &Request, close: bool) -> String {
    let who = match &request.forwarded_for {
        Some(client) => format!("The gateway says that you are {client}."),
        None => "You came here directly, past the gateway.".to_owned(),
    };
    let page = format!("{name} served {} {}.\n{who}\n", request.method, request.target);
    let connection = if close { "connection: close\r\n" } else { "" };
    let length = page.len();
    // RFC 9110, section 9.3.2: the answer to HEAD is that to GET without the body.
    let body = if request.method == "HEAD" { "" } else { page.as_str() };
    format!(
        "HTTP/1.1 200 OK\r\nx-server: {name}\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {length}\r\n{connection}\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_head_is_read_without_regard_to_case() {
        let head = "GET /a HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: 3\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
        let request = parse(head).unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a"));
        assert_eq!((request.body, request.close), (Some(3), false));
        assert_eq!(request.forwarded_for.as_deref(), Some("192.0.2.1"));
        assert_eq!(parse("nonsense\r\n\r\n"), None);
    }

    #[test]
    fn body_of_unknown_length_and_old_version_end_the_connection() {
        assert_eq!(parse("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").unwrap().body, None);
        assert!(parse("GET / HTTP/1.0\r\n\r\n").unwrap().close);
    }

    #[test]
    fn answer_to_head_has_the_length_but_not_the_body() {
        let request = parse("HEAD / HTTP/1.1\r\n\r\n").unwrap();
        let text = answer("www1", &request, false);
        assert!(text.contains("content-length: ") && text.ends_with("\r\n\r\n"), "{text}");
    }
}
