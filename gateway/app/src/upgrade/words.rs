//! What a process and its heir say to each other.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use sekisho_admin::HandedDoors;
use sekisho_config::ReturnPath;
use sekisho_runtime::{Handed, HandedSocket, RunSecret};
use sekisho_scheduler::{Standing, Wish};
use serde::{Deserialize, Serialize};

use super::Broken;

/// Of this conversation; a process that speaks another one refuses.
const VERSION: u32 = 2;

/// What the old process says first. With it come the descriptors of the sockets, of metrics, of the operator's
/// socket and of the operator's address, in this order.
#[derive(Serialize, Deserialize)]
pub(super) struct Welcome {
    version: u32,
    sockets: Vec<Place>,
    metrics: Option<SocketAddr>,
    admin: Option<PathBuf>,
    api: Option<SocketAddr>,
    secret: Option<String>,
    way: Option<Way>,
}

#[derive(Serialize, Deserialize)]
struct Place {
    vip: Option<String>,
    configured: Option<SocketAddr>,
}

/// A [`ReturnPath`].
#[derive(Serialize, Deserialize)]
struct Way {
    manage: bool,
    mark: u32,
    table: u32,
    priority: u32,
}

/// What the old process knows, once the new one is prepared. A message with the records of each table follows.
#[derive(Serialize, Deserialize)]
pub(super) struct Knowledge {
    pub(super) wishes: Vec<Wish>,
    pub(super) standings: Vec<Standing>,
    pub(super) tables: Vec<String>,
}

/// What the new process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It could serve.
    Prepared,
    /// It serves. `socket`: from the operator's socket of the old process.
    Serving { socket: bool },
    /// It will not.
    Failed { why: String },
}

/// What the old process says once the new one serves.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum After {
    /// All is yours; with the socket of the process that moves addresses, if there is one.
    Yours,
    /// A message with changes in this table follows.
    News { table: String },
}

/// What one process leaves to another, and both hold for a while.
#[derive(Debug)]
pub(crate) struct Estate {
    /// The sockets.
    pub(crate) handed: Handed,
    /// The operator's doors.
    pub(crate) doors: HandedDoors,
    /// What was put into the kernel.
    pub(crate) way: Option<ReturnPath>,
}

impl Estate {
    /// In words, and the descriptors that go with them.
    pub(super) fn words(&self) -> (Welcome, Vec<BorrowedFd<'_>>) {
        let sockets = &self.handed.sockets;
        let place = |socket: &HandedSocket| Place { vip: socket.vip.clone(), configured: socket.configured };
        let welcome = Welcome {
            version: VERSION,
            sockets: sockets.iter().map(place).collect(),
            metrics: self.doors.metrics.as_ref().map(|(address, _)| *address),
            admin: self.doors.admin.as_ref().map(|(path, _)| path.clone()),
            api: self.doors.api.as_ref().map(|(address, _)| *address),
            secret: self.handed.secret.as_ref().map(|secret| secret.expose().to_owned()),
            way: self.way.map(|ReturnPath { manage, mark, table, priority }| Way {
                manage,
                mark,
                table,
                priority,
            }),
        };
        let doors = [
            self.doors.metrics.as_ref().map(|(_, socket)| socket.as_fd()),
            self.doors.admin.as_ref().map(|(_, socket)| socket.as_fd()),
            self.doors.api.as_ref().map(|(_, socket)| socket.as_fd()),
        ];
        let all = sockets.iter().map(|socket| socket.socket.as_fd()).chain(doors.into_iter().flatten());
        (welcome, all.collect())
    }

    /// From words and descriptors.
    pub(super) fn from(welcome: Welcome, descriptors: Vec<OwnedFd>) -> Result<Self, Broken> {
        let Welcome { version, sockets, metrics, admin, api, secret, way } = welcome;
        if version != VERSION {
            return Err(Broken::Strange(format!("version {version} of the upgrade, not {VERSION}")));
        }
        let doors = [metrics.is_some(), admin.is_some(), api.is_some()];
        let wanted = sockets.len() + doors.into_iter().filter(|is_there| *is_there).count();
        if descriptors.len() != wanted {
            return Err(Broken::Strange(format!("{} descriptors, not {wanted}", descriptors.len())));
        }
        let mut descriptors = descriptors.into_iter();
        let sockets = sockets.into_iter().zip(descriptors.by_ref());
        let socket = |(Place { vip, configured }, socket)| HandedSocket { vip, configured, socket };
        let sockets = sockets.map(socket).collect();
        let metrics = metrics.and_then(|address| Some((address, descriptors.next()?)));
        let admin = admin.and_then(|path| Some((path, descriptors.next()?)));
        let api = api.and_then(|address| Some((address, descriptors.next()?)));
        let way =
            way.map(|Way { manage, mark, table, priority }| ReturnPath { manage, mark, table, priority });
        Ok(Self {
            handed: Handed { sockets, secret: secret.map(RunSecret::new) },
            doors: HandedDoors { metrics, admin, api },
            way,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn estate_is_the_same_at_the_other_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let again = || OwnedFd::from(listener.try_clone().unwrap());
        let socket = |vip: &str| HandedSocket {
            vip: Some(vip.to_owned()),
            configured: Some(address),
            socket: again(),
        };
        let secret = Some(RunSecret::new("0123456789abcdef".to_owned()));
        let estate = Estate {
            handed: Handed { sockets: vec![socket("web"), socket("mail")], secret: secret.clone() },
            doors: HandedDoors {
                metrics: None,
                admin: Some(("admin.sock".into(), again())),
                api: Some((address, again())),
            },
            way: Some(ReturnPath { mark: 7, ..ReturnPath::default() }),
        };
        let (welcome, descriptors) = estate.words();
        let welcome = serde_json::from_str(&serde_json::to_string(&welcome).unwrap()).unwrap();
        let descriptors = descriptors.iter().map(|fd| fd.try_clone_to_owned().unwrap()).collect();
        let other = Estate::from(welcome, descriptors).unwrap();
        let names: Vec<_> = other.handed.sockets.iter().map(|socket| socket.vip.as_deref()).collect();
        assert_eq!(names, [Some("web"), Some("mail")]);
        assert_eq!((other.handed.secret, other.way), (secret, estate.way));
        assert!(other.doors.admin.is_some() && other.doors.metrics.is_none());
        assert_eq!(other.doors.api.map(|(address, _)| address), Some(address));
        let (welcome, _) = estate.words();
        assert!(matches!(Estate::from(welcome, Vec::new()), Err(Broken::Strange(_))));
    }
}
