//! The client.

use std::io::{self, Error, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::super::desktop_request;
use super::DesktopLogin;
use super::wire::{ber, block, blocks, data, per, read, read_data, read_mcs, user_id, write_mcs};

/// A client that has said who its user is.
#[derive(Debug)]
pub struct DesktopClient {
    stream: StreamOwned<ClientConnection, TcpStream>,
    confirm: Vec<u8>,
    io: u16,
    channels: Vec<u16>,
    user: u16,
    greeting: Option<String>,
}

impl DesktopClient {
    /// Sends a first packet and gives the connection and the packet that answers it.
    ///
    /// # Errors
    /// If nothing listens or no packet comes.
    pub fn ask(
        from: [u8; 4],
        to: SocketAddr,
        line: &str,
        protocols: u32,
    ) -> io::Result<(TcpStream, Vec<u8>)> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((IpAddr::from(from), 0)).into())?;
        socket.connect(&to.into())?;
        let mut tcp = TcpStream::from(socket);
        tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
        tcp.write_all(&desktop_request(line, Some(protocols)))?;
        let confirm = read(&mut tcp)?;
        Ok((tcp, confirm))
    }

    /// Goes as far as the login: first packet, TLS in which the server is to be `name`, channels, Client Info. The
    /// greeting is not waited for.
    ///
    /// # Errors
    /// If the other side says something else, or leaves.
    pub fn login(
        tls: &Arc<ClientConfig>,
        name: &'static str,
        from: [u8; 4],
        to: SocketAddr,
        login: &DesktopLogin,
    ) -> io::Result<Self> {
        let (tcp, confirm) = Self::ask(from, to, &login.line, login.protocols)?;
        if !matches!(confirm.get(11..), Some([2, _, 8, 0, 1, 0, 0, 0])) {
            return Err(Error::other(format!("not confirmed: {confirm:02x?}")));
        }
        let name = ServerName::try_from(name).unwrap();
        let session = ClientConnection::new(tls.clone(), name).map_err(Error::other)?;
        let mut stream = StreamOwned::new(session, tcp);
        write_mcs(&mut stream, &[&connect_initial(login)])?;
        let granted = blocks(&read_mcs(&mut stream)?, b"McDn")?;
        let net =
            granted.into_iter().find(|(kind, _)| *kind == 0x0c03).map(|(_, body)| body).unwrap_or_default();
        let mut ids = net.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let (Some(io), Some(count)) = (ids.next(), ids.next()) else {
            return Err(Error::other("no channels"));
        };
        let channels: Vec<u16> = ids.take(count.into()).collect();

        write_mcs(&mut stream, &[&[4, 1, 0, 1, 0]])?;
        write_mcs(&mut stream, &[&[0x28]])?;
        let user = match read_mcs(&mut stream)?[..] {
            [0x2e, 0, high, low] => u16::from_be_bytes([high, low]) + 1001,
            ref other => return Err(Error::other(format!("no user: {other:02x?}"))),
        };
        for channel in [user, io].into_iter().chain(channels.iter().copied()) {
            let channel = channel.to_be_bytes();
            write_mcs(&mut stream, &[&[0x38], &user_id(user), &channel])?;
            let joined = read_mcs(&mut stream)?;
            if joined != [&[0x3e, 0], &user_id(user)[..], &channel, &channel].concat() {
                return Err(Error::other(format!("not joined: {joined:02x?}")));
            }
        }
        write_mcs(&mut stream, &[&data(0x64, user, io, &client_info(login))])?;
        Ok(Self { stream, confirm, io, channels, user, greeting: None })
    }

    /// The Connection Confirm.
    pub fn confirm(&self) -> &[u8] {
        &self.confirm
    }

    /// The static channels that it was given.
    pub fn channels(&self) -> &[u16] {
        &self.channels
    }

    /// The I/O channel, and the user's, that it was given.
    pub const fn own_channels(&self) -> [u16; 2] {
        [self.io, self.user]
    }

    /// What a [`LoginDesktop`](super::LoginDesktop) says first, `NAME DOMAIN\USER`.
    ///
    /// # Errors
    /// If it says something else, or leaves.
    pub fn greeting(&mut self) -> io::Result<String> {
        if let Some(greeting) = &self.greeting {
            return Ok(greeting.clone());
        }
        let (channel, said) = self.hear()?;
        if channel != self.io {
            return Err(Error::other(format!("greeted on {channel}")));
        }
        let greeting = String::from_utf8(said).map_err(Error::other)?;
        self.greeting = Some(greeting.clone());
        Ok(greeting)
    }

    /// Says something on a channel.
    ///
    /// # Errors
    /// If the connection is closed.
    pub fn say(&mut self, channel: u16, said: &[u8]) -> io::Result<()> {
        write_mcs(&mut self.stream, &[&data(0x64, self.user, channel, said)])
    }

    /// What comes next, and on which channel.
    ///
    /// # Errors
    /// If it is no data for this client, or the connection is closed.
    pub fn hear(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let message = read_mcs(&mut self.stream)?;
        match read_data(&message) {
            Some((0x68, user, channel, said)) if user == self.user || user == 1002 => {
                Ok((channel, said.to_vec()))
            }
            _ => Err(Error::other(format!("not for me: {message:02x?}"))),
        }
    }

    /// Says something on a channel and gives what comes back there. The greeting is heard first.
    ///
    /// # Errors
    /// As those of [`hear`](Self::hear), or if the answer is on another channel.
    pub fn echo(&mut self, channel: u16, said: &[u8]) -> io::Result<Vec<u8>> {
        self.greeting()?;
        self.say(channel, said)?;
        match self.hear()? {
            (on, said) if on == channel => Ok(said),
            (on, _) => Err(Error::other(format!("said on {channel}, answered on {on}"))),
        }
    }

    /// Writes bytes as they are, and gives the next packet as it is.
    ///
    /// # Errors
    /// If the connection is closed.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.write_all(bytes)?;
        self.stream.flush()?;
        read(&mut self.stream)
    }

    /// What comes until the end.
    ///
    /// # Errors
    /// If the end does not come in time.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(rest),
        }
    }
}

/// Settings, channels `chan0`, `chan1` ..., and the wish for a message channel and UDP.
fn connect_initial(login: &DesktopLogin) -> Vec<u8> {
    let mut core = vec![0; 212];
    core[..4].copy_from_slice(&0x0008_0004_u32.to_le_bytes());
    core[16..20].copy_from_slice(&login.build.to_le_bytes());
    // Network detection, the graphics pipeline, error texts.
    core[140..142].copy_from_slice(&0x0181_u16.to_le_bytes());
    core[208] = 1;
    let mut net = u32::from(login.channels).to_le_bytes().to_vec();
    for number in 0..login.channels {
        let mut name = format!("chan{number}").into_bytes();
        name.resize(8, 0);
        net.extend([&name[..], &[0, 0, 0, 0xc0]].concat());
    }
    let settings = [
        block(0xc001, &core),
        block(0xc004, &[0x0d, 0, 0, 0, 0, 0, 0, 0]),
        block(0xc002, &[0; 8]),
        block(0xc003, &net),
        block(0xc006, &[0; 4]),
        block(0xc00a, &[5, 1, 0, 0]),
    ]
    .concat();
    let request = [b"\0\x08\0\x10\0\x01\xc0\0Duca", &per(settings.len())[..], &settings].concat();
    let conference = [b"\0\x05\0\x14\x7c\0\x01", &per(request.len())[..], &request].concat();
    let parameters = |values: [u16; 8]| {
        let values = values.map(|value| [&[2, 2], &value.to_be_bytes()[..]].concat()).concat();
        [&[0x30, 32], &values[..]].concat()
    };
    let body = [
        &[4, 1, 1, 4, 1, 1, 1, 1, 0xff],
        &parameters([34, 2, 0, 1, 0, 1, 0xffff, 2])[..],
        &parameters([1, 1, 1, 1, 0, 1, 1056, 2]),
        &parameters([0xffff, 0xfc17, 0xffff, 1, 0, 1, 0xffff, 2]),
        &[4],
        &ber(conference.len()),
        &conference,
    ]
    .concat();
    [&[0x7f, 0x65], &ber(body.len())[..], &body].concat()
}

fn client_info(login: &DesktopLogin) -> Vec<u8> {
    let names = [&login.domain, &login.user, &login.password].map(|name| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        name
    });
    let length = |name: &Vec<u8>| u16::try_from(name.len()).unwrap().to_le_bytes();
    // Client Info; log in with it, letters of two bytes.
    let mut info = vec![0x40, 0, 0, 0, 0, 0, 0, 0, 0x18, 0, 0, 0];
    info.extend(names.iter().flat_map(length));
    info.extend([0; 4]);
    names.iter().for_each(|name| info.extend([name, &[0; 2][..]].concat()));
    info.extend([0; 4]);
    info
}
