//! WebSockets (RFC 6455), as far as both ends of a test need them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::listener::Listener;
use super::loopback;

/// What a frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Text.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// The end, with a code.
    Close = 8,
    /// A question that has to be answered.
    Ping = 9,
    /// The answer.
    Pong = 10,
}

/// A server that echoes, answers pings and ends when it is asked to. A client that asks for no WebSocket is told the
/// server's name.
#[derive(Debug)]
pub struct WebSocketServer {
    name: &'static str,
    listener: Listener,
}

impl WebSocketServer {
    /// A server on an address of its own.
    pub fn start(name: &'static str) -> Self {
        let address = loopback();
        let serve = move |mut stream: TcpStream| {
            let _ = stream.set_nodelay(true);
            let _ = serve(name, &mut stream);
            let _ = stream.shutdown(std::net::Shutdown::Both);
        };
        Self { name, listener: Listener::start(address, serve) }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Stops listening and closes what is open.
    pub fn kill(&mut self) {
        self.listener.kill();
    }
}

/// A client's end of a WebSocket.
#[derive(Debug)]
pub struct WebSocket<S> {
    stream: S,
    /// The name of the server behind it.
    pub server: String,
}

impl<S: Read + Write> WebSocket<S> {
    /// Asks for a WebSocket, and says `early` in the same breath.
    ///
    /// # Panics
    /// If the answer is none that RFC 6455 lets a client go on after.
    pub fn open(mut stream: S, early: &[u8]) -> Self {
        let ask = format!(
            "GET /chat HTTP/1.1\r\nHost: www.example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(&[ask.as_bytes(), early].concat()).unwrap();
        let head = head(&mut stream).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        for line in ["upgrade: websocket", "connection: upgrade", &format!("sec-websocket-accept: {ACCEPT}")]
        {
            assert!(head.lines().any(|found| found.eq_ignore_ascii_case(line)), "{line} is not in {head}");
        }
        let server = field(&head, "x-server").unwrap_or_default().to_owned();
        Self { stream, server }
    }

    /// Sends a frame, masked as a client's are.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        self.stream.write_all(&frame(opcode, payload, Some([7, 77, 177, 17]))).unwrap();
    }

    /// The next frame; `None` at the connection's end.
    pub fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        receive(&mut self.stream).ok()
    }

    /// Whether what is said comes back.
    pub fn echoes(&mut self, payload: &[u8]) -> bool {
        let frame = frame(Opcode::Binary, payload, Some([7, 77, 177, 17]));
        self.stream.write_all(&frame).is_ok()
            && self.receive().is_some_and(|(opcode, said)| opcode == Opcode::Binary as u8 && said == payload)
    }
}

/// A frame as a client sends it.
pub fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame(opcode, payload, Some([1, 2, 3, 4]))
}

fn serve(name: &str, stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let head = head(stream)?;
        let asked = field(&head, "upgrade").is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"));
        if asked && field(&head, "sec-websocket-key") == Some(KEY) {
            write!(
                stream,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {ACCEPT}\r\nX-Server: {name}\r\n\r\n"
            )?;
            return echo(stream);
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())?;
    }
}

fn echo(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let (opcode, payload) = receive(stream)?;
        let answer = match opcode {
            8 => Opcode::Close,
            9 => Opcode::Pong,
            1 => Opcode::Text,
            _ => Opcode::Binary,
        };
        stream.write_all(&frame(answer, &payload, None))?;
        if answer == Opcode::Close {
            return Ok(());
        }
    }
}

/// A whole frame (RFC 6455, section 5.2).
fn frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode as u8];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..126 => frame.push(masked | length as u8),
        length @ 126..0x1_0000 => {
            frame.push(masked | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(masked | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask.iter().flatten());
    let mask = mask.unwrap_or_default();
    frame.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    frame
}

fn receive(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    let length = match start[1] & 0x7f {
        126 => u64::from(u16::from_be_bytes(bytes(stream)?)),
        127 => u64::from_be_bytes(bytes(stream)?),
        short => short.into(),
    };
    let mask: [u8; 4] = if start[1] & 0x80 == 0 { [0; 4] } else { bytes(stream)? };
    let mut payload = Vec::new();
    stream.take(length).read_to_end(&mut payload)?;
    if payload.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    payload.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= mask[i % 4]);
    Ok((start[0] & 0x0f, payload))
}

fn bytes<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(bytes::<1>(stream)?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

/// The example of RFC 6455, section 1.3: a key, and what a server that understood it says.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
