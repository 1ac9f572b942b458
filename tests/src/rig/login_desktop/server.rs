//! The server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::listener::Listener;
use super::super::loopback;
use super::wire::{ber, block, blocks, data, per, read, read_data, read_mcs, user_id, write_mcs};

/// A server that makes TLS, hands out channels, reads who the user is, says `NAME DOMAIN\USER` on its I/O channel, and
/// from then on sends back what it is sent: data on the channel on which it came, everything else as it is.
#[derive(Debug)]
pub struct LoginDesktop {
    talk: DesktopTalk,
    listener: Listener,
    seen: Arc<Mutex<Vec<DesktopSeen>>>,
}

/// How a server talks.
#[derive(Clone, Debug)]
pub struct DesktopTalk {
    /// What it calls itself.
    pub name: &'static str,
    /// Its certificate.
    pub tls: Arc<ServerConfig>,
    /// What its Connection Confirm says: the protocol that it selects, or why it does not. Of a protocol other than
    /// TLS, 1, it says its name and a line feed once TLS is made, and sends back every byte.
    pub answer: Result<u32, u32>,
    /// Flags of its Connection Confirm.
    pub flags: u8,
    /// The identifier of its I/O channel.
    pub io: u16,
    /// The identifier of its first static channel; the others follow. Skips `io` and `user`.
    pub first_channel: u16,
    /// The identifier of the user.
    pub user: u16,
    /// Where it closes the connection instead of answering.
    pub leaves: Option<DesktopStage>,
}

/// What a server may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DesktopStage {
    /// The Connection Request.
    Request,
    /// The Connect-Initial, inside TLS.
    Initial,
    /// A channel to be joined.
    Join,
    /// Client Info.
    Login,
}

/// What a server was told on one connection, as far as it came.
#[derive(Clone, Debug, Default)]
pub struct DesktopSeen {
    /// The first packet.
    pub request: Vec<u8>,
    /// The kinds of the blocks of the Connect-Initial.
    pub blocks: Vec<u16>,
    /// How many static channels were asked for.
    pub channels: u16,
    /// The channels that were joined, in their order.
    pub joined: Vec<u16>,
    /// Client Info, once it was there.
    pub domain: String,
    /// As `domain`; before, empty.
    pub user: String,
    /// As `domain`.
    pub password: String,
    /// Client Info was there.
    pub logged_in: bool,
}

impl DesktopTalk {
    /// As xrdp does.
    pub fn of(name: &'static str, tls: Arc<ServerConfig>) -> Self {
        Self { name, tls, answer: Ok(1), flags: 1, io: 1003, first_channel: 1004, user: 1040, leaves: None }
    }
}

impl LoginDesktop {
    /// A server on an address of its own.
    pub fn start(talk: DesktopTalk) -> Self {
        Self::start_at(talk, loopback())
    }

    fn start_at(talk: DesktopTalk, address: SocketAddr) -> Self {
        let seen: Arc<Mutex<Vec<DesktopSeen>>> = Arc::default();
        let (record, manner) = (seen.clone(), talk.clone());
        let serve = move |stream: TcpStream| {
            let closing = stream.try_clone();
            let number = {
                let mut seen = record.lock().unwrap();
                seen.push(DesktopSeen::default());
                seen.len() - 1
            };
            let note = |with: &dyn Fn(&mut DesktopSeen)| with(&mut record.lock().unwrap()[number]);
            // Whoever leaves in mid-sentence is nothing to report.
            let _ = serve(&manner, stream, note);
            let _ = closing.and_then(|stream| stream.shutdown(Shutdown::Both));
        };
        Self { talk, listener: Listener::start(address, serve), seen }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What it was told, connection by connection, probes included.
    ///
    /// # Panics
    /// If one of its threads panicked.
    pub fn seen(&self) -> Vec<DesktopSeen> {
        self.seen.lock().unwrap().clone()
    }

    /// The connections on which somebody logged in.
    pub fn logins(&self) -> Vec<DesktopSeen> {
        self.seen().into_iter().filter(|seen| seen.logged_in).collect()
    }

    /// Stops listening and closes what is open.
    pub fn kill(&mut self) {
        self.listener.kill();
    }

    /// Listens again where it did, and has forgotten everything.
    pub fn restart(&mut self) {
        *self = Self::start_at(self.talk.clone(), self.address());
    }
}

fn serve(talk: &DesktopTalk, mut tcp: TcpStream, note: impl Fn(&dyn Fn(&mut DesktopSeen))) -> io::Result<()> {
    let request = read(&mut tcp)?;
    note(&|seen| seen.request.clone_from(&request));
    if talk.leaves == Some(DesktopStage::Request) {
        return Ok(());
    }
    let (kind, flags, word) = match talk.answer {
        Ok(protocol) => (2, talk.flags, protocol),
        Err(code) => (3, 0, code),
    };
    tcp.write_all(&[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, kind, flags, 8, 0])?;
    tcp.write_all(&word.to_le_bytes())?;
    let session = ServerConnection::new(talk.tls.clone()).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, tcp);
    match talk.answer {
        Ok(1) => {}
        Ok(_) => {
            writeln!(stream, "{}", talk.name)?;
            return echo_bytes(&mut stream);
        }
        Err(_) => return Ok(()),
    }
    connect(talk, &mut stream, &note)?;
    let (domain, user) = attach(talk, &mut stream, &note)?;
    let greeting = format!("{} {domain}\\{user}", talk.name);
    write_mcs(&mut stream, &[&data(0x68, talk.user, talk.io, greeting.as_bytes())])?;
    echo(talk, &mut stream)
}

/// From Connect-Initial to Connect-Response.
fn connect(
    talk: &DesktopTalk,
    stream: &mut (impl Read + Write),
    note: impl Fn(&dyn Fn(&mut DesktopSeen)),
) -> io::Result<()> {
    let asked = blocks(&read_mcs(stream)?, b"Duca")?;
    let net = asked.iter().find(|(kind, _)| *kind == 0xc003);
    let channels = net.and_then(|(_, body)| body.first()).map_or(0, |&count| u16::from(count));
    note(&|seen| {
        seen.blocks = asked.iter().map(|(kind, _)| *kind).collect();
        seen.channels = channels;
    });
    if talk.leaves == Some(DesktopStage::Initial) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let ids = (talk.first_channel..).filter(|id| ![talk.io, talk.user].contains(id)).take(channels.into());
    let mut net: Vec<u8> = [talk.io, channels].into_iter().chain(ids).flat_map(u16::to_le_bytes).collect();
    net.resize(net.len().next_multiple_of(4), 0);
    let core = [0x0008_0004, 1, 0].map(u32::to_le_bytes).concat();
    let granted = [block(0x0c01, &core), block(0x0c03, &net), block(0x0c02, &[0; 8])].concat();
    // The length before the response is 42, whatever follows, as real servers have it.
    let conference: &[&[u8]] =
        &[b"\0\x05\0\x14\x7c\0\x01\x2a\x14\x76\x0a\x01\x01\0\x01\xc0\0McDn", &per(granted.len()), &granted];
    let conference = conference.concat();
    let parameters =
        [0x30, 26, 2, 1, 34, 2, 1, 3, 2, 1, 0, 2, 1, 1, 2, 1, 0, 2, 1, 1, 2, 3, 0, 0xff, 0xf8, 2, 1, 2];
    let body = [&[10, 1, 0, 2, 1, 0], &parameters[..], &[4], &ber(conference.len()), &conference].concat();
    write_mcs(stream, &[&[0x7f, 0x66], &ber(body.len()), &body])
}

/// From Erect-Domain to Client Info; gives domain and user.
fn attach(
    talk: &DesktopTalk,
    stream: &mut (impl Read + Write),
    note: impl Fn(&dyn Fn(&mut DesktopSeen)),
) -> io::Result<(String, String)> {
    loop {
        let message = read_mcs(stream)?;
        match message[..] {
            [0x04, ..] => {}
            [0x28] => write_mcs(stream, &[&[0x2e, 0], &user_id(talk.user)])?,
            [0x38, _, _, high, low] => {
                if talk.leaves == Some(DesktopStage::Join) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                note(&|seen| seen.joined.push(u16::from_be_bytes([high, low])));
                write_mcs(stream, &[&[0x3e, 0], &user_id(talk.user), &[high, low], &[high, low]])?;
            }
            _ => {
                let Some((0x64, _, _, info)) = read_data(&message) else {
                    return Err(io::Error::other(format!("unexpected: {message:02x?}")));
                };
                let [domain, user, password] = names(info).ok_or(io::ErrorKind::InvalidData)?;
                note(&|seen| {
                    (seen.domain, seen.user) = (domain.clone(), user.clone());
                    seen.password.clone_from(&password);
                    seen.logged_in = true;
                });
                if talk.leaves == Some(DesktopStage::Login) {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                return Ok((domain, user));
            }
        }
    }
}

/// Domain, user and password of a Client Info in UTF-16.
fn names(info: &[u8]) -> Option<[String; 3]> {
    let mut at = 22;
    let mut names = [(); 3].map(|()| String::new());
    for (number, name) in names.iter_mut().enumerate() {
        let length = info.get(12 + 2 * number..14 + 2 * number)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let units =
            info.get(at..at + length)?.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        *name = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
        at += length + 2;
    }
    Some(names)
}

fn echo(talk: &DesktopTalk, stream: &mut (impl Read + Write)) -> io::Result<()> {
    loop {
        let packet = read(stream)?;
        match packet.get(7..).and_then(read_data) {
            Some((0x64, _, channel, said)) if packet[0] == 3 => {
                write_mcs(stream, &[&data(0x68, talk.user, channel, said)])?;
            }
            _ => {
                stream.write_all(&packet)?;
                stream.flush()?;
            }
        }
    }
}

fn echo_bytes(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while let read @ 1.. = stream.read(&mut buffer)? {
        stream.write_all(&buffer[..read])?;
        stream.flush()?;
    }
    Ok(())
}
