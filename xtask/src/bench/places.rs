//! Who listens where. All on loopback addresses of our own and on ports that no client socket is given.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::{Outcome, failed};

/// What a subject offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// HTTP/1.1 with persistence by cookie.
    Http,
    /// The same over TLS.
    Https,
    /// A layer-4 relay.
    Relay,
    /// DNS over UDP and TCP.
    Dns,
    /// The same with a packet cache.
    DnsCached,
    /// DNS over TLS.
    Dot,
    /// DNS over HTTPS.
    Doh,
    /// IMAP with persistence by user.
    Imap,
    /// The same over TLS.
    Imaps,
    /// Remote Desktop with persistence by cookie.
    Rdp,
}

impl Front {
    /// Where Sekisho shows its metrics, if it does.
    pub(super) const METRICS: u16 = 7090;

    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Http,
        Self::Https,
        Self::Relay,
        Self::Dns,
        Self::DnsCached,
        Self::Dot,
        Self::Doh,
        Self::Imap,
        Self::Imaps,
        Self::Rdp,
    ];

    /// The port it listens on, on the subject's address.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Http => 7080,
            Self::Https => 7443,
            Self::Relay => 7000,
            Self::Dns => 7053,
            Self::DnsCached => 7054,
            Self::Dot => 7853,
            Self::Doh => 7855,
            Self::Imap => 7143,
            Self::Imaps => 7993,
            Self::Rdp => 7389,
        }
    }

    /// Whether questions come in here.
    pub(super) fn is_dns(self) -> bool {
        matches!(self, Self::Dns | Self::DnsCached | Self::Dot | Self::Doh)
    }

    /// Whether users log in to read mail here.
    pub(super) fn is_mail(self) -> bool {
        matches!(self, Self::Imap | Self::Imaps)
    }
}

/// A server behind the subjects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    /// Its name in configurations, and what it says of itself.
    pub(super) name: char,
    /// Where it answers HTTP.
    pub(super) http: SocketAddr,
    /// Where it answers messages.
    pub(super) messages: SocketAddr,
    /// Where it answers IMAP.
    pub(super) imap: SocketAddr,
    /// Where it answers clients of Remote Desktop.
    pub(super) rdp: SocketAddr,
}

impl Server {
    /// All places where it listens.
    fn addresses(self) -> [SocketAddr; 4] {
        [self.http, self.messages, self.imap, self.rdp]
    }
}

/// The two servers behind every subject.
pub(super) const SERVERS: [Server; 2] = [server('a', 1), server('b', 2)];

/// The DNS server behind every subject.
pub(super) const RESOLVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 77, 3)), 7053);

/// The service that tells nginx where users are.
pub(super) const AUTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 77, 4)), 7005);

const fn server(name: char, host: u8) -> Server {
    let address = std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 77, host));
    Server {
        name,
        http: SocketAddr::new(address, 7001),
        messages: SocketAddr::new(address, 7002),
        imap: SocketAddr::new(address, 7003),
        rdp: SocketAddr::new(address, 7004),
    }
}

/// The address of the subject at this place of the list.
pub(super) fn subject_address(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 77, 10_u8.saturating_add(u8::try_from(index).unwrap_or(u8::MAX)))
}

/// Refuses to start beside somebody who listens already: with SO_REUSEPORT a left-over gateway would silently take
/// its share of the load.
pub(super) fn refuse_busy(subjects: usize) -> Outcome {
    let fronts = (0..subjects)
        .flat_map(|index| Front::ALL.map(|front| SocketAddr::from((subject_address(index), front.port()))));
    for address in SERVERS.iter().flat_map(|server| server.addresses()).chain([RESOLVER, AUTH]).chain(fronts)
    {
        TcpListener::bind(address).map_err(failed(format!("{address} is needed, and busy")))?;
    }
    Ok(())
}
