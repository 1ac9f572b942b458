//! Connecting to the store.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use sekisho_config::SharedStore;

use crate::link::{Link, LinkError};

/// Connects, within `within` once the host's name is looked up.
pub(super) fn connect(store: &SharedStore, within: Duration) -> Result<Link, LinkError> {
    let began = Instant::now();
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (store.host.as_str(), store.port).to_socket_addrs()? {
        let left = within.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Link::caller(stream, store.tls.as_ref(), &store.host),
            Err(error) => failed = error,
        }
    }
    Err(failed.into())
}
