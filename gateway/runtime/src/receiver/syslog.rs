//! Syslog: RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587, section 3.4.1) and unix datagrams.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant, SystemTime};

use sekisho_config::{Facility, SyslogAddress};

use super::Severity;
use super::thread::Lost;
use crate::access::Clock;

/// A syslog receiver.
#[derive(Debug)]
pub(super) struct Syslog {
    address: SyslogAddress,
    facility: Facility,
    /// ` HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA `, as RFC 5424 has them behind the time.
    sender: String,
    clock: Clock,
    link: Option<Link>,
    /// When it could not be reached.
    failed: Option<Instant>,
    packet: Vec<u8>,
    frames: Vec<u8>,
}

#[derive(Debug)]
enum Link {
    Udp(UdpSocket),
    Unix(UnixDatagram),
    Tcp(TcpStream),
}

impl Link {
    /// Whether the receiver has closed the connection: what is written to it next would be lost without an error.
    fn is_gone(&mut self) -> bool {
        let Self::Tcp(stream) = self else { return false };
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        // It has nothing to say: what it says is thrown away.
        let open = match stream.read(&mut [0; 512]) {
            Ok(said) => said > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        !open || stream.set_nonblocking(false).is_err()
    }
}

impl Syslog {
    pub(super) fn new(address: SyslogAddress, facility: Facility, tag: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = host.trim();
        Self {
            address,
            facility,
            sender: sender(host, tag, std::process::id()),
            clock: Clock::default(),
            link: None,
            failed: None,
            packet: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Sends messages of one severity.
    pub(super) fn send<'m>(
        &mut self,
        severity: Severity,
        messages: impl Iterator<Item = &'m [u8]>,
    ) -> Result<(), Lost> {
        let mut link = match self.link() {
            Ok(link) => link,
            Err(error) => return Err((messages.count() as u64, error)),
        };
        let now = SystemTime::now();
        let mut lost: Option<Lost> = None;
        let mut count = 0;
        self.frames.clear();
        for message in messages {
            self.packet(severity, now, message);
            count += 1;
            let sent = match &link {
                Link::Udp(socket) => socket.send(&self.packet),
                Link::Unix(socket) => socket.send(&self.packet),
                Link::Tcp(_) => {
                    self.frames.extend_from_slice(self.packet.len().to_string().as_bytes());
                    self.frames.push(b' ');
                    self.frames.extend_from_slice(&self.packet);
                    continue;
                }
            };
            if let Err(error) = sent {
                let before = lost.map_or(0, |(count, _)| count);
                lost = Some((before + 1, error));
            }
        }
        if let Link::Tcp(stream) = &mut link
            && let Err(error) = stream.write_all(&self.frames)
        {
            // Some may have arrived; nobody says which.
            lost = Some((count, error));
        }
        match lost {
            None => {
                self.link = Some(link);
                Ok(())
            }
            Some((lost, error)) => {
                // UDP's errors are about datagrams of before; the socket is as good as another.
                match link {
                    Link::Udp(_) => self.link = Some(link),
                    Link::Unix(_) | Link::Tcp(_) => self.failed = Some(Instant::now()),
                }
                Err((lost, error))
            }
        }
    }

    /// The message of RFC 5424, cut to what receivers take.
    fn packet(&mut self, severity: Severity, now: SystemTime, message: &[u8]) {
        let priority = u32::from(self.facility.number()) * 8 + severity as u32;
        self.packet.clear();
        // Writing to a vector cannot fail.
        let _ = write!(self.packet, "<{priority}>1 ");
        self.clock.write(now, &mut self.packet);
        self.packet.extend_from_slice(self.sender.as_bytes());
        let room = LONGEST - self.packet.len().min(LONGEST);
        self.packet.extend_from_slice(message.get(..room).unwrap_or(message));
    }

    fn link(&mut self) -> io::Result<Link> {
        if let Some(mut link) = self.link.take()
            && !link.is_gone()
        {
            return Ok(link);
        }
        if self.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let link = connect(&self.address);
        self.failed = link.is_err().then(Instant::now);
        link
    }
}

fn connect(address: &SyslogAddress) -> io::Result<Link> {
    Ok(match address {
        SyslogAddress::Udp(address) => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(address)?;
            Link::Udp(socket)
        }
        SyslogAddress::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(SLOW))?;
            Link::Unix(socket)
        }
        SyslogAddress::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, SLOW)?;
            stream.set_write_timeout(Some(SLOW))?;
            Link::Tcp(stream)
        }
    })
}

/// A host's name may have up to 255 visible ASCII characters; `-` where it has none.
fn sender(host: &str, tag: &str, process: u32) -> String {
    let fits = (1..=255).contains(&host.len()) && host.bytes().all(|b| b.is_ascii_graphic());
    let host = if fits { host } else { "-" };
    format!(" {host} {tag} {process} - - ")
}

/// The longest message: RFC 5426 asks receivers for 2 KiB, and those in use take more.
const LONGEST: usize = 8 << 10;
/// How long a receiver may take to be connected to, or to take what it is sent.
const SLOW: Duration = Duration::from_secs(1);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_secs(1);
