//! A client that says exact bytes and reads leniently.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::gateways::Gateway;
use super::recorder::short;

/// What becomes of these bytes, in the words of the table.
pub(super) fn request(gateway: &Gateway, bytes: &[u8]) -> String {
    gateway.recorder().take();
    let heard = exchange(gateway, bytes);
    let (mut rest, mut own) = (&heard[..], Vec::new());
    while let Some(answer) = Answer::read(&mut rest, false) {
        if answer.status >= 300 {
            own.push(answer.status.to_string());
        }
    }
    let mut parts = gateway.recorder().take();
    parts.append(&mut own);
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

/// What a client is told where the server says this, in the words of the table.
pub(super) fn answer(gateway: &Gateway, name: &str, method: &str) -> String {
    let method = if method.is_empty() { "GET" } else { method };
    let ask = format!("{method} /answers/{name} HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\n\r\n");
    let heard = exchange(gateway, ask.as_bytes());
    let mut rest = &heard[..];
    let answer = loop {
        match Answer::read(&mut rest, method == "HEAD") {
            Some(answer) if (102..200).contains(&answer.status) || answer.status == 100 => {}
            Some(answer) => break answer,
            None if heard.is_empty() => return "nothing".into(),
            None => return format!("\"{}\"", short(&rest.escape_ascii().to_string())),
        }
    };
    let mut text = answer.status.to_string();
    if answer.status == 200 && !answer.body.is_empty() {
        text += &format!(" \"{}\"", short(&answer.body.escape_ascii().to_string()));
    }
    if !answer.whole {
        text += " cut";
    }
    if answer.whole && !rest.is_empty() {
        text += &format!(", then \"{}\"", short(&rest.escape_ascii().to_string()));
    }
    text
}

/// Says this, ends its side, and hears all. What a peer makes of requests before their client ended its side is its own
/// affair, so it has a moment for them.
fn exchange(gateway: &Gateway, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    // Whoever is refused in mid-sentence may see it at once.
    let _ = stream.write_all(bytes);
    let mut heard = Vec::new();
    if gateway.is_peer() {
        hear(&mut stream, &mut heard, Duration::from_millis(25));
    }
    let _ = stream.shutdown(Shutdown::Write);
    hear(&mut stream, &mut heard, Duration::from_secs(4));
    heard
}

/// Hears what comes, until nothing has for this long or nothing more will.
fn hear(stream: &mut TcpStream, heard: &mut Vec<u8>, patience: Duration) {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut buffer = [0; 64 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        heard.extend_from_slice(&buffer[..n]);
    }
}

/// An answer as it came.
struct Answer {
    status: u16,
    body: Vec<u8>,
    whole: bool,
}

impl Answer {
    fn read(rest: &mut &[u8], to_head: bool) -> Option<Self> {
        let end = rest.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = rest[..end].iter().map(|&byte| char::from(byte)).collect::<String>().to_ascii_lowercase();
        let status = head.get(9..12)?.parse().ok()?;
        let field = |name: &str| {
            let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            fields.find(|(found, _)| *found == name).map(|(_, value)| value.trim().to_owned())
        };
        let behind = &rest[end..];
        let none = to_head || status < 200 || status == 204 || status == 304;
        let (body, length, whole) = if none {
            (Vec::new(), 0, true)
        } else if field("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            chunks(behind)
        } else if let Some(length) = field("content-length").and_then(|length| length.parse::<usize>().ok()) {
            let there = length.min(behind.len());
            (behind[..there].to_vec(), there, there == length)
        } else {
            (behind.to_vec(), behind.len(), true)
        };
        *rest = &behind[length..];
        Some(Self { status, body, whole })
    }
}

/// A chunked body as far as it is there, the bytes that it took, and whether it is whole.
fn chunks(bytes: &[u8]) -> (Vec<u8>, usize, bool) {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = bytes[at..].windows(2).position(|w| w == b"\r\n").map(|n| at + n + 2) else {
            return (body, bytes.len(), false);
        };
        let line: String = bytes[at..end].iter().map(|&byte| char::from(byte)).collect();
        let Ok(size) = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16) else {
            return (body, bytes.len(), false);
        };
        at = end;
        if size == 0 {
            while let Some(end) = bytes[at..].windows(2).position(|w| w == b"\r\n").map(|n| at + n + 2) {
                let empty = end == at + 2;
                at = end;
                if empty {
                    return (body, at, true);
                }
            }
            return (body, bytes.len(), false);
        }
        let there = size.min(bytes.len() - at);
        body.extend_from_slice(&bytes[at..at + there]);
        at += there + 2;
        if at > bytes.len() {
            return (body, bytes.len(), false);
        }
    }
}
