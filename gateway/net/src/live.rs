//! What the system says about itself, read and never changed.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// How long a server has to answer a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a switch below `/proc/sys/net` is on; `None` where the kernel has none of the name.
pub(crate) fn switch(name: &str) -> Option<bool> {
    let text = std::fs::read_to_string(Path::new("/proc/sys/net").join(name)).ok()?;
    Some(text.trim() != "0")
}

/// The names of the interfaces for which a switch of IPv4 is on.
pub(crate) fn switched_on(name: &str) -> Vec<String> {
    let interfaces = std::fs::read_dir("/proc/sys/net/ipv4/conf").into_iter().flatten().flatten();
    let names = interfaces.filter_map(|entry| entry.file_name().into_string().ok());
    let mut on: Vec<String> = names
        .filter(|interface| interface != "default")
        .filter(|interface| switch(&format!("ipv4/conf/{interface}/{name}")) == Some(true))
        .collect();
    on.sort_unstable();
    on
}

/// The capabilities that this process has, a bit each.
pub(crate) fn capabilities() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

/// How a server takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// They come.
    Come,
    /// It refuses: its answers come.
    Refused,
    /// They do not come.
    Lost,
    /// It could not be tried.
    Untried,
}

/// Whether answers of a server to this machine come.
pub(crate) fn answers(server: SocketAddr) -> Answers {
    match TcpStream::connect_timeout(&server, PATIENCE) {
        Ok(_) => Answers::Come,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Answers::Refused,
        Err(_) => Answers::Lost,
    }
}

/// Whether answers of a server to a client's address come here.
pub(crate) fn answers_to(client: IpAddr, server: SocketAddr) -> Answers {
    let Ok(socket) = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP)) else {
        return Answers::Untried;
    };
    let transparent = match client {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
        IpAddr::V6(_) => socket.set_ip_transparent_v6(true),
    };
    if transparent.is_err() || socket.bind(&SockAddr::from(SocketAddr::new(client, 0))).is_err() {
        return Answers::Untried;
    }
    match socket.connect_timeout(&server.into(), PATIENCE) {
        Ok(()) => Answers::Come,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Answers::Refused,
        Err(_) => Answers::Lost,
    }
}
