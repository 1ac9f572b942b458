//! Where a log goes.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a log goes. As text it is what metrics call it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to, and opened anew when a signal says so.
    File(PathBuf),
    /// A syslog receiver (RFC 5424).
    Syslog {
        /// Where it listens.
        address: SyslogAddress,
        /// What the messages are called.
        facility: Facility,
        /// The name of their sender: 1 to 48 visible ASCII characters.
        tag: String,
    },
    /// The journal of systemd, by its own protocol.
    Journald {
        /// Its socket.
        socket: PathBuf,
        /// The name of their sender, as for syslog.
        tag: String,
    },
    /// A collector of OpenTelemetry, by OTLP over HTTP in JSON.
    Otlp {
        /// Where it listens.
        address: SocketAddr,
        /// The path that spans are posted to.
        path: String,
    },
}

/// Where a syslog receiver listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A datagram a message (RFC 5426).
    Udp(SocketAddr),
    /// A stream with each message's length before it (RFC 6587, section 3.4.1).
    Tcp(SocketAddr),
    /// A datagram socket of this machine.
    Unix(PathBuf),
}

/// A facility of syslog (RFC 5424, section 6.2.1): 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// The facilities that a daemon may have, by the names of syslog(3).
    pub const NAMES: &[(&str, Self)] = &[
        ("user", Self(1)),
        ("mail", Self(2)),
        ("daemon", Self(3)),
        ("auth", Self(4)),
        ("local0", Self(16)),
        ("local1", Self(17)),
        ("local2", Self(18)),
        ("local3", Self(19)),
        ("local4", Self(20)),
        ("local5", Self(21)),
        ("local6", Self(22)),
        ("local7", Self(23)),
    ];

    /// What its number is.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Default for Facility {
    /// `daemon`.
    fn default() -> Self {
        Self(3)
    }
}

impl fmt::Display for LogTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Syslog { address, .. } => write!(f, "{address}"),
            Self::Journald { .. } => f.write_str("journald"),
            Self::Otlp { address, path } => write!(f, "http://{address}{path}"),
        }
    }
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for SyslogAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, place) = text.split_once(':').ok_or(())?;
        match kind {
            "udp" => place.parse().map(Self::Udp).map_err(|_| ()),
            "tcp" => place.parse().map(Self::Tcp).map_err(|_| ()),
            "unix" if place.starts_with('/') => Ok(Self::Unix(place.into())),
            _ => Err(()),
        }
    }
}
