//! Where the gateway can be reached by whoever operates it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use sekisho_config::{Admin as Settings, Gateway};
use sekisho_runtime::DoorTls;

use crate::secured::Secured;
use crate::socket::Socket;

/// Where it can be reached, as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doors {
    /// The address where metrics are read; none: nowhere.
    pub metrics: Option<SocketAddr>,
    /// The operator's socket; none: nowhere.
    pub admin: Option<PathBuf>,
    /// The operator's address, and who may do what there.
    pub api: Settings,
}

/// Why it cannot be reached there. The operator's or the system's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address cannot be listened on: in use, not of this machine, or below 1024 without the right to it.
    #[error("metrics cannot be read at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// The operator's address cannot be listened on, for the same reasons.
    #[error("the gateway cannot be operated at {address}: {source}")]
    Api {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// TLS of the operator's address cannot be set up.
    #[error("TLS of the operator's address: {0}")]
    Tls(String),
    /// The socket cannot be made: a directory that is missing or not the gateway's to write to.
    #[error("the admin socket {} cannot be made: {source}", path.display())]
    Socket {
        /// The path.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// Somebody answers at the socket: another gateway, most likely, with the same configuration.
    #[error("the admin socket {} is in use: does another gateway run with this configuration?", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Something else stands there, which is not the gateway's to remove.
    #[error("{} is no socket, and is left alone: give `admin` a path of its own", path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// A thread or its event loop cannot be had.
    #[error("no thread to answer the operator: {0}")]
    Thread(#[from] io::Error),
}

/// Doors that are listened at, and that nobody serves yet.
#[derive(Debug, Default)]
pub struct Bound {
    pub(crate) metrics: Option<BoundMetrics>,
    pub(crate) admin: Option<Socket>,
    pub(crate) api: Option<BoundApi>,
    pub(crate) settings: Settings,
    pub(crate) tls: Option<DoorTls>,
}

/// The operator's address.
#[derive(Debug)]
pub(crate) struct BoundApi {
    /// As it was asked for.
    pub(crate) wanted: SocketAddr,
    pub(crate) listener: TcpListener,
}

#[derive(Debug)]
pub(crate) struct BoundMetrics {
    /// As it was asked for; with port 0 the kernel has chosen another.
    pub(crate) wanted: SocketAddr,
    pub(crate) listener: TcpListener,
}

/// The doors of a process whose place this one takes, each where it was configured.
#[derive(Debug, Default)]
pub struct HandedDoors {
    /// The listener of metrics.
    pub metrics: Option<(SocketAddr, OwnedFd)>,
    /// The operator's socket.
    pub admin: Option<(PathBuf, OwnedFd)>,
    /// The listener of the operator's address.
    pub api: Option<(SocketAddr, OwnedFd)>,
}

/// As [`bind`], with the doors of the process before this one as far as they are where they were.
///
/// # Errors
/// As [`bind`].
pub fn take(doors: &Doors, handed: HandedDoors) -> Result<Bound, AdminError> {
    let metrics = match handed.metrics.filter(|(address, _)| doors.metrics == Some(*address)) {
        Some((wanted, listener)) => Some(BoundMetrics { wanted, listener: listener.into() }),
        None => doors.metrics.map(BoundMetrics::new).transpose()?,
    };
    let api = match handed.api.filter(|(address, _)| doors.api.listen == Some(*address)) {
        Some((wanted, listener)) => Some(BoundApi { wanted, listener: listener.into() }),
        None => doors.api.listen.map(BoundApi::new).transpose()?,
    };
    let admin = match handed.admin.filter(|(path, _)| doors.admin.as_ref() == Some(path)) {
        Some((path, listener)) => Some(Socket::taken(&path, listener)?),
        None => doors.admin.as_deref().map(Socket::bind).transpose()?,
    };
    let (settings, tls) = (doors.api.clone(), tls(&doors.api)?);
    Ok(Bound { metrics, admin, api, settings, tls })
}

/// Listens at these doors. Done before anything is started or changed, so that one that cannot be had stops neither
/// half-way.
///
/// # Errors
/// Any but [`AdminError::Thread`].
pub fn bind(doors: &Doors) -> Result<Bound, AdminError> {
    let metrics = doors.metrics.map(BoundMetrics::new).transpose()?;
    let admin = doors.admin.as_deref().map(Socket::bind).transpose()?;
    let api = doors.api.listen.map(BoundApi::new).transpose()?;
    let (settings, tls) = (doors.api.clone(), tls(&doors.api)?);
    Ok(Bound { metrics, admin, api, settings, tls })
}

fn tls(settings: &Settings) -> Result<Option<DoorTls>, AdminError> {
    Secured::default().prepare(settings.tls.as_ref()).map_err(AdminError::Tls)
}

impl Bound {
    /// Whether the operator's socket is that of the process before this one.
    pub fn has_taken_socket(&self) -> bool {
        self.admin.as_ref().is_some_and(Socket::was_taken)
    }
}

impl Doors {
    /// Those of a configuration.
    pub fn of(gateway: &Gateway) -> Self {
        Self { metrics: gateway.metrics, admin: gateway.admin.clone(), api: Settings::default() }
    }

    /// The same with the operator's address.
    #[must_use]
    pub fn with(self, admin: &Settings) -> Self {
        Self { api: admin.clone(), ..self }
    }
}

impl BoundApi {
    pub(crate) fn new(address: SocketAddr) -> Result<Self, AdminError> {
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Self { wanted: address, listener })
        });
        bound.map_err(|source| AdminError::Api { address, source })
    }
}

impl BoundMetrics {
    pub(crate) fn new(address: SocketAddr) -> Result<Self, AdminError> {
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Self { wanted: address, listener })
        });
        bound.map_err(|source| AdminError::Listen { address, source })
    }
}
